//! The values of each rank: a function of rank and place, so that every rank knows the tensors of all ranks.

use super::format::{Format, power};
use super::grid::Family;

/// The number of kinds of special values. Place i holds kind i modulo this.
const SPECIAL: usize = 12;

/// The inputs of a world.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inputs {
    pub(super) family: Family,
    pub(super) format: Format,
    pub(super) world: usize,
    pub(super) seed: u64,
}

/// The certainty of the result at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certainty {
    /// In any order of additions, only the products of the ranks are rounded, and a rounded product is the result.
    Exact,
    /// Roundings add up.
    Rounded,
}

impl Inputs {
    /// The value of `rank` at `place`.
    pub(super) fn at(&self, rank: usize, place: usize) -> f64 {
        match self.family {
            Family::Whole => self.whole(rank, place),
            Family::Single => {
                let bits = mixed(self.seed, 0, place);
                let sign = if bits & 8 == 0 { 1.0 } else { -1.0 };
                if place % self.world == rank { sign * power((bits % 7) as i32 - 3) } else { 0.0 }
            }
            Family::Special => self.special(rank, place),
            Family::Random => {
                let bits = mixed(self.seed, rank + 1, place);
                let significand = 1.0 + (bits >> 12) as f64 * power(-52);
                let sign = if bits & 8 == 0 { 1.0 } else { -1.0 };
                self.format.rounded(sign * significand * power((bits % 7) as i32 - 3), 0)
            }
        }
    }

    /// The number of bits of a whole number for which a sum over the world still fits; none if no sum fits.
    fn whole_bits(&self) -> i32 {
        self.format.bits - 1 - (self.world.next_power_of_two().trailing_zeros() as i32)
    }

    fn whole(&self, rank: usize, place: usize) -> f64 {
        let bits = mixed(self.seed, rank + 1, place);
        // The number is odd, so that its last bit counts, and not zero.
        let number = ((bits >> 12) % (1 << self.whole_bits().clamp(1, 48))) | 1;
        if bits & 8 == 0 { number as f64 } else { -(number as f64) }
    }

    fn special(&self, rank: usize, place: usize) -> f64 {
        let holder = place / SPECIAL % self.world;
        let next = (holder + 1) % self.world;
        let (holds, is_next) = (rank == holder, rank == next);
        let of_holder = |value: f64, others: f64| if holds { value } else { others };
        match place % SPECIAL {
            0 => of_holder(f64::NAN, 1.0),
            1 => of_holder(f64::INFINITY, -1.0),
            2 => of_holder(f64::NEG_INFINITY, 1.0),
            3 if holds => f64::INFINITY,
            3 => {
                if is_next {
                    f64::NEG_INFINITY
                } else {
                    1.0
                }
            }
            4 => -0.0,
            5 => of_holder(-0.0, 0.0),
            6 => of_holder(16.0 * self.format.smallest(), 0.0),
            7 => 3.0 * self.format.smallest(),
            8 => power(self.format.max),
            9 => -power(self.format.max),
            10 => of_holder(self.format.largest(), 0.0),
            _ if holds => 3.0,
            _ => {
                if is_next {
                    -3.0
                } else {
                    0.0
                }
            }
        }
    }

    /// The certainty of the result at `place` under a factor (none: the plain sum), divided by the number of ranks or not.
    pub(super) fn certainty(&self, place: usize, factor: Option<f64>, average: bool) -> Certainty {
        let few = self.world.is_power_of_two();
        let only_exponents_change = factor.is_none_or(is_power_of_two) && (!average || few);
        let exact = match self.family {
            Family::Whole => self.whole_bits() >= 1 && only_exponents_change,
            Family::Single => !average || few,
            Family::Special => match place % SPECIAL {
                7 => false,
                8 | 9 => only_exponents_change && few && !average,
                _ => !average || few,
            },
            Family::Random => self.world == 1 && !average && factor.is_none(),
        };
        if exact { Certainty::Exact } else { Certainty::Rounded }
    }
}

fn is_power_of_two(factor: f64) -> bool {
    factor.is_normal() && factor.to_bits() << 12 == 0
}

/// A pseudo-random number from a seed, a stream and a place (the finaliser of SplitMix64).
fn mixed(seed: u64, stream: usize, place: usize) -> u64 {
    let start = seed.wrapping_add((stream as u64) << 40).wrapping_add(place as u64);
    let mut z = start.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A factor from a seed, between 0.55 and 0.95 with four digits. No format rounds it to 1.
pub(super) fn drawn_factor(seed: u64) -> f64 {
    (5500 + mixed(seed, 0, 0) % 4001) as f64 / 1e4
}

#[cfg(test)]
mod tests {
    use super::super::format::FORMATS;
    use super::*;

    #[test]
    fn whatever_is_put_in_is_a_value_of_its_format() {
        for format in FORMATS {
            for family in [Family::Whole, Family::Single, Family::Special, Family::Random] {
                for world in [1, 3, 8] {
                    let inputs = Inputs { family, format, world, seed: 7 };
                    for (rank, place) in (0..world).flat_map(|rank| (0..200).map(move |place| (rank, place))) {
                        let value = inputs.at(rank, place);
                        let kept = format.rounded(value, 0);
                        assert!(kept.to_bits() == value.to_bits() || value.is_nan(), "{} {value:e}", format.name);
                    }
                }
            }
        }
    }

    #[test]
    fn the_drawn_factor_is_nowhere_a_power_of_two() {
        for (seed, format) in (0..1000).flat_map(|seed| FORMATS.map(|format| (seed, format))) {
            let factor = format.rounded(drawn_factor(seed), 0);
            assert!((0.54..0.96).contains(&factor) && !is_power_of_two(factor));
        }
    }
}
