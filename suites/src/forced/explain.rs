//! What an operation's own error says in words, where it has the shape of a known mistake.

use dinov3_golden::Dtype;
use dinov3_golden::local::{Estimate, Measure};
use dinov3_golden::tolerance::Operation;
use dinov3_reports::message::{self, Explanation};

use super::{Alternative, Direction, Judged, Mistake, alternatives};

/// An estimate counts as known from so many standard errors on.
const CERTAIN: f64 = 10.0;

/// Rounding of partial sums to less than float32 is more steps of float32 than this.
const COARSE: f64 = 1000.0;

/// Rounding of partial sums to bfloat16 is fewer steps of bfloat16 than this; a wrong operand is off by more.
const MOST_OF_ROUNDING: f64 = 4.0;

/// A mistake explains an error of which at least half goes away with it.
const HALF: f64 = 0.5;

/// The known mistake that fits the error of an operation; `None` if none does.
pub fn explanation(judged: &Judged) -> Option<Explanation> {
    let error = &judged.own.error;
    let known = judged.own.mistakes.iter().enumerate().filter_map(|(i, mistake)| {
        let estimate = error.probes[i];
        explained(judged, i, *mistake, estimate).map(|it| (certainty(estimate), it))
    });
    let best = known.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, explanation)| explanation);
    best.or_else(|| factor(judged)).or_else(|| bias(judged)).or_else(|| accumulation(judged))
}

fn certainty(estimate: Estimate) -> f64 {
    estimate.value.abs() / estimate.error
}

fn explained(judged: &Judged, i: usize, mistake: Mistake, estimate: Estimate) -> Option<Explanation> {
    let error = &judged.own.error;
    let beyond = judged.is_beyond(Measure::Probe(i));
    let fits = beyond && certainty(estimate) > CERTAIN;
    // An output that has the mistake to the bit leaves nothing.
    let better = error.rms / if error.without[i] == 0.0 { ROUNDED } else { error.without[i] };
    match mistake {
        Mistake::Layer(Alternative::GeluTanh) => {
            let (exact, tanh) = (error.misrounded, error.misrounded_with[i]);
            let fits = (tanh as f64) < HALF * exact as f64 || error.without[i] < HALF * error.rms;
            fits.then(|| Explanation::GeluTanh { better: better.into(), exact, tanh })
        }
        Mistake::Layer(Alternative::NormEps) => {
            let one = (estimate.value - 1.0).abs() < 0.1;
            (fits && one).then(|| Explanation::NormEps { better: better.into() })
        }
        Mistake::Layer(Alternative::SinCosSwapped) => {
            let one = (estimate.value - 1.0).abs() < 0.1;
            (fits && one).then(|| Explanation::SinCosSwapped { better: better.into() })
        }
        Mistake::Layer(Alternative::SinkhornRounds) => {
            let one = (estimate.value - 1.0).abs() < 0.5;
            (one && beyond).then_some(Explanation::SinkhornRounds)
        }
        Mistake::Layer(Alternative::AttentionScale) => {
            let factor = 1.0 + estimate.value * (alternatives::SCALE - 1.0);
            fits.then(|| Explanation::AttentionScale { factor: factor.into() })
        }
        Mistake::Update(direction) => {
            let factor = (1.0 + estimate.value).into();
            let explanation = match direction {
                Direction::Gradient => Explanation::Gradient { factor },
                Direction::Step => Explanation::Step { factor },
                Direction::Decay => Explanation::Decay { excess: estimate.value.into() },
                Direction::Student => Explanation::Student { factor },
            };
            (fits && estimate.explains(error.count) > HALF).then_some(explanation)
        }
    }
}

fn factor(judged: &Judged) -> Option<Explanation> {
    let error = &judged.own.error;
    let factor = error.factor;
    // What is left is the rounding of the output at least: a single number is fitted exactly.
    let left = error.rms * (1.0 - factor.explains(error.count)).sqrt();
    let better = error.rms / left.max(ROUNDED);
    dominates(judged, Measure::Factor, factor).then(|| match whole_number(1.0 + factor.value) {
        Some((by, false)) => Explanation::Multiplied { by, better: better.into() },
        Some((by, true)) => Explanation::Divided { by, better: better.into() },
        None => Explanation::Factor { factor: (1.0 + factor.value).into() },
    })
}

/// The largest number of ranks, images or terms that a sum is taken for a mean of; from the next one on, neighbours are too near.
const MOST_TERMS: f64 = 100.0;

/// The root mean square of what one rounding leaves, in steps.
const ROUNDED: f64 = 0.289;

/// How near to a whole number a factor is, relative to it, that is one.
const NEAR: f64 = 2e-3;

/// The whole number from two on that `factor` is, or is one over (`true`).
pub(crate) fn whole_number(factor: f64) -> Option<(u32, bool)> {
    let (number, divided) = if factor.abs() < 1.0 { (factor.recip(), true) } else { (factor, false) };
    let whole = number.round();
    let near = (number - whole).abs() < NEAR * whole;
    (near && (2.0..=MOST_TERMS).contains(&whole)).then_some((whole as u32, divided))
}

fn bias(judged: &Judged) -> Option<Explanation> {
    let bias = judged.own.error.bias;
    dominates(judged, Measure::Bias, bias).then(|| Explanation::Bias { steps: bias.value.into() })
}

/// Whether an estimate is beyond its limit, certain, and most of the error.
fn dominates(judged: &Judged, measure: Measure, estimate: Estimate) -> bool {
    let most = estimate.explains(judged.own.error.count) > HALF;
    judged.is_beyond(measure) && certainty(estimate) > CERTAIN && most
}

/// A product whose error is large and points nowhere: partial sums are rounded to fewer bits than float32 has.
fn accumulation(judged: &Judged) -> Option<Explanation> {
    let error = &judged.own.error;
    let product = matches!(judged.own.operation, Operation::Product | Operation::Convolution | Operation::Attention);
    let large = match error.resolution {
        Dtype::F32 => error.rms > COARSE,
        _ => error.misrounded_share() > 0.3,
    };
    let points_nowhere = error.factor.explains(error.count) < 0.1 && error.bias.explains(error.count) < 0.1;
    // Of several operations together the error may be another one's.
    let alone = judged.own.span.is_empty();
    (alone && product && large && points_nowhere && error.rms < MOST_OF_ROUNDING * bf16_steps(error.resolution))
        .then_some(Explanation::Accumulation)
}

/// Steps of bfloat16, in those of the dtype.
fn bf16_steps(resolution: Dtype) -> f64 {
    if resolution == Dtype::F32 { 65536.0 } else { 1.0 }
}

/// The word for a measure.
pub(super) fn measure(measure: Measure) -> message::Measure {
    match measure {
        Measure::NonFinite => message::Measure::NonFinite,
        Measure::Misrounded => message::Measure::Misrounded,
        Measure::Rms => message::Measure::Rms,
        Measure::Largest => message::Measure::Largest,
        Measure::Bias => message::Measure::Bias,
        Measure::Factor => message::Measure::Factor,
        Measure::Probe(_) => message::Measure::Mistake,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_a_whole_number_or_one_over_it() {
        for (factor, number) in [
            (2.0, Some((2, false))),
            (0.5, Some((2, true))),
            (0.12503, Some((8, true))),
            (96.0, Some((96, false))),
            (1.0, None),
            (1.02, None),
            (0.98, None),
            (2.01, None),
            (-2.0, None),
            (0.0, None),
            (1000.0, None),
            (f64::NAN, None),
        ] {
            assert_eq!(whole_number(factor), number, "{factor}");
        }
    }
}
