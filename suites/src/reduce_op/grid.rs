//! The grid of cases: ops, collectives, worlds, and tensors.

use dinov3_golden::manifest::Profile;
use dinov3_ranks::ReduceOp;
use dinov3_reports::message;

/// A collective that reduces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    AllReduce,
    ReduceScatter,
}

impl Call {
    pub(super) const ALL: [Call; 2] = [Call::AllReduce, Call::ReduceScatter];

    pub(super) fn name(self) -> &'static str {
        match self {
            Call::AllReduce => "all_reduce",
            Call::ReduceScatter => "reduce_scatter",
        }
    }
}

/// An op, whose factor may depend on the world.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Op {
    Sum,
    /// PREMUL_SUM at one over this number.
    Fraction(u32),
    /// PREMUL_SUM at one over the number of ranks.
    World,
    /// PREMUL_SUM at this factor.
    Times(f64),
    /// PREMUL_SUM at the factor that was drawn.
    Drawn,
    Avg,
}

impl Op {
    /// All ops; a new factor is a row. PREMUL_SUM(1) comes right after SUM, with which it is compared.
    pub(super) const ALL: &[Op] = &[
        Op::Sum,
        Op::Fraction(1),
        Op::Fraction(2),
        Op::Fraction(3),
        Op::Fraction(5),
        Op::Fraction(8),
        Op::World,
        Op::Times(2.0),
        Op::Drawn,
        Op::Avg,
    ];

    pub(super) fn at(self, world: usize, drawn: f64) -> ReduceOp {
        match self {
            Op::Sum => ReduceOp::Sum,
            Op::Fraction(n) => ReduceOp::PremulSum(1.0 / f64::from(n)),
            Op::World => ReduceOp::PremulSum(1.0 / world as f64),
            Op::Times(factor) => ReduceOp::PremulSum(factor),
            Op::Drawn => ReduceOp::PremulSum(drawn),
            Op::Avg => ReduceOp::Avg,
        }
    }

    /// In the vocabulary of results.
    pub(super) fn word(self, drawn: f64) -> message::Op {
        match self {
            Op::Sum => message::Op::Sum,
            Op::Fraction(n) => message::Op::Fraction(n),
            Op::World => message::Op::World,
            Op::Times(factor) => message::Op::Factor(factor.into()),
            Op::Drawn => message::Op::Factor(drawn.into()),
            Op::Avg => message::Op::Avg,
        }
    }
}

/// The values of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Whole numbers with so many bits that every sum is exact, but would not be in a coarser dtype.
    Whole,
    /// A power of two on one rank, zero on all others: exact at every factor.
    Single,
    /// NaN, infinities, zeros of both signs, subnormals, and numbers that overflow when they are added.
    Special,
    /// Random numbers, whose sums are rounded.
    Random,
}

impl Family {
    /// In the vocabulary of results.
    pub(super) fn word(self) -> message::Values {
        match self {
            Family::Whole => message::Values::Whole,
            Family::Single => message::Values::Single,
            Family::Special => message::Values::Special,
            Family::Random => message::Values::Random,
        }
    }
}

/// A tensor: its values, and the number of elements that a rank gets of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Filling {
    pub(super) family: Family,
    pub(super) length: usize,
}

/// The tensors of a profile: from one element to megabytes, odd lengths among them.
pub(super) fn fillings(profile: Profile) -> Vec<Filling> {
    let of =
        |family, lengths: &[usize]| lengths.iter().map(move |&length| Filling { family, length }).collect::<Vec<_>>();
    let all = match profile {
        Profile::Quick => [
            of(Family::Whole, &[1, 3, 1023, 65537]),
            of(Family::Single, &[1023]),
            of(Family::Special, &[191]),
            of(Family::Random, &[4099]),
        ],
        Profile::Full => [
            of(Family::Whole, &[1, 2, 3, 5, 127, 1023, 4096, 65537, 262_147, 1_048_579]),
            of(Family::Single, &[1, 2, 7, 1023, 65537, 262_147]),
            of(Family::Special, &[1, 12, 191, 4097, 65537]),
            of(Family::Random, &[1, 2, 3, 1023, 4099, 65537, 262_147, 1_048_579]),
        ],
    };
    all.concat()
}

/// The sizes of the worlds out of `ranks`: 1, 2, 4 and so on, and all.
pub(super) fn worlds(ranks: usize) -> Vec<usize> {
    let mut worlds: Vec<usize> =
        std::iter::successors(Some(1), |it| Some(it * 2)).take_while(|&it| it < ranks).collect();
    worlds.push(ranks);
    worlds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worlds_double_up_to_all() {
        assert_eq!(worlds(1), [1]);
        assert_eq!(worlds(8), [1, 2, 4, 8]);
        assert_eq!(worlds(6), [1, 2, 4, 6]);
    }
}
