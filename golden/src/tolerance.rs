//! The table of tolerances. No other number in the project decides a verdict. The error limit of a reduction over ranks
//! is a theorem without a tuned number; the suite `reduce-op` states it.
//!
//! The rule, for each metric of an entry:
//!
//! ```text
//! error(candidate) <= k * error(reference at that precision) + floor * eps * scale + flush
//! ```
//!
//! Errors are measured against the float64 truth on the stored elements, so the reference's own rounding is the
//! yardstick. `eps` belongs to the candidate's dtype. It belongs to bfloat16 if reference and candidate are float32
//! tensors and every value is a bfloat16 number (the reference rotates q and k in bfloat16 and widens them again): a
//! rounding error far below float32's eps then decides now and then how a value rounds, and a value that rounds the
//! other way is off by eps of bfloat16. `scale` is the size of the truth in the metric's unit (see [`Metric`]). `flush`
//! is the smallest normal number of the dtype for each element, because hardware may flush subnormals.
//!
//! The recorded run is one sample of a random quantity, and a lucky sample may be far too small: q and k pass through
//! bfloat16, one value in thousands rounds the other way, and attention spreads the difference, in one block and not in
//! the next. The reference's own error is therefore the largest error of several runs: the recorded run, and runs with
//! weights and pixels moved by one ulp ([`crate::Spread`]). The rules that a suite hands to the judge name the entries
//! of blocks where an fp32 run's error is rare and large ([`crate::RareError`]). Such an entry gets the largest
//! relative error at the same place of any block of any network, since the few runs of one block may all be lucky; the class
//! token, and what the head of DINO makes of it, that of the projection after attention, whose outcome they are. An
//! entry with fewer than [`SMALL`] stored elements (half the sample limit, if that is less) borrows the relative error
//! of the nearest earlier entry of its stage that has more elements and is not exact, if the borrowed error is greater.
//!
//! A bf16 entry without a spread of its own takes the spread of float32, since mixed precision cannot be more accurate
//! than float32. Initial weights differ by an ulp or two between instruction sets. The difference shows in a float32
//! weight that the step has hardly moved, and the truth, made from the same draws, does not contain it.
//!
//! A norm of gradients borrows from the gradients.
//!
//! Adam divides a gradient's mean by its size. In a first step the quotient is the gradient's sign. If the gradient is
//! zero except for rounding, its sign is rounding too: two correct runs step in opposite directions and end twice the
//! learning rate apart, thousands of times the rounding of the parameter. One run in a hundred has such an element, so
//! the recorded run's own error and the spread may both miss it. A parameter after the step, and an average of it, is
//! therefore judged only on the elements whose first moment is larger than the largest error that this moment may have.
//! Norm and mean over all elements are not judged, since such steps cannot be found outside the stored elements. An
//! error in the other elements shows in the moments: the judge checks every element of a moment.
//!
//! Numbers that the reference computes in Python (schedules, multipliers, weights of losses) are float64 in a run of
//! any precision. They have no truth; the rows of the stage `schedule` compare them with the recording itself.
//!
//! Runs of several steps (stage `trajectory`) have no tolerance. If the same bits are expected, other bits fail.
//! Otherwise the judge requires only finite numbers, since rounding grows from step to step until two correct runs have
//! nothing in common. A meter's output for recorded values (`metric:`) is a series of float64 sums and must have the
//! same bits everywhere.
//!
//! Integers and booleans have no rounding and must be equal in every stage. NaN and infinities must be at the same
//! positions as in the truth.

mod own;

use std::fmt;

use crate::names::Stage;

pub use own::{LocalTolerance, Operation, SIGMAS, local_table, local_tolerance};

/// The quantity that a tolerance limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metric {
    /// ‖candidate - truth‖ over the stored elements; scale: ‖truth‖, and the largest element for the floor.
    RelL2,
    /// max |candidate - truth| over the stored elements; scale: max |truth|.
    MaxAbs,
    /// | ‖candidate‖ - ‖truth‖ | over all elements, from the recorded statistics; scale: ‖truth‖.
    Norm,
    /// |mean(candidate) - mean(truth)| over all elements, from the recorded statistics; scale: ‖truth‖ / sqrt(elements).
    Mean,
    /// |min(candidate) - min(reference)| over all elements; scale: the larger of |min| and |max|.
    Min,
    /// |max(candidate) - max(reference)| over all elements; scale: the larger of |min| and |max|.
    Max,
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::RelL2 => "relative l2",
            Self::MaxAbs => "max abs",
            Self::Norm => "norm",
            Self::Mean => "mean",
            Self::Min => "minimum",
            Self::Max => "maximum",
        })
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Part of the training step.
    pub stage: Stage,
    /// The limited quantity.
    pub metric: Metric,
    /// The candidate's error limit as a multiple of the reference's own error.
    pub k: f64,
    /// The error allowed even if the reference is exact, in eps of the candidate's dtype relative to the scale.
    pub floor: f64,
    /// The reason for the numbers.
    pub why: &'static str,
}

/// An entry with fewer stored elements borrows its yardstick.
///
/// Two independent errors of the same size over n elements differ by a factor of four by luck with a probability of 16%
/// at n = 1, 1% at n = 4, and under 1e-20 at n = 64. Errors within a tensor are correlated, so the number is not below
/// 64.
pub const SMALL: usize = 64;

/// The relative error that a second moment may have beside that of its row.
///
/// The square of a gradient is weighed by 1 - beta2. CUDA's fused AdamW subtracts in float32, where 1 - 0.999 is 1.287e-5 less
/// than 0.001: on an H200 every `exp_avg_sq` of a first step is smaller by that factor. Both are what the formula says. A
/// smaller factor is found where an operation is held against its own inputs ([`crate::local`]).
pub const COMPLEMENT: f64 = 1.3e-5;

/// The error of an element of a second moment beside that of its row, over the square of the largest error that the first moment may have there.
///
/// A second moment takes the square of the gradient. Where a gradient is nothing but rounding, the square of an error three times the
/// yardstick's is nine times the yardstick's, which no factor of the row allows for: on an H200 so after 124999 steps of `micro_125k`, where
/// the gradients of iBOT's head are a hundredth of their own rounding. AdamW weighs the gradient by 1 - beta1 in the first moment and its
/// square by 1 - beta2 in the second: (1 - 0.999) / (1 - 0.9)^2. Where a gradient is more than its rounding, the square of the rounding is far
/// below float32's step.
pub const SQUARE: f64 = 0.1;

/// The error that the `count`-th step of AdamW may have, relative to the learning rate and beside that of its row, for
/// corrections of bias in float32.
///
/// AdamW divides its second moment by 1 - beta2^count. CUDA's fused AdamW computes this in float32: beta2 is off by half a
/// step of float32 (2^-25), `count` factors of it by `count` times as much, and the power is rounded once more (2^-24 at
/// most). The difference from 1 keeps the error and loses the size, and the root halves it. On an H200 every parameter's
/// second step was smaller by 1.002e-5, and a parameter that began at zero is nothing but its steps. No element steps by
/// much more than the learning rate.
pub fn correction(count: u64) -> f64 {
    // AdamW's beta2 in every published recipe; a smaller one has a smaller error.
    const BETA2: f64 = 0.999;
    let count = count.max(1) as f64;
    let power = BETA2.powf(count);
    (count * power / BETA2 * 2f64.powi(-25) + 2f64.powi(-24)) / (2.0 * (1.0 - power))
}

/// The largest difference between a record's mean or norm and the recomputed value, relative to the norm. Both sum in
/// float64, in different orders, over at most 1e9 elements. A wrong record is off by far more.
pub const STATISTICS_AGREEMENT: f64 = 1e-10;

/// The largest relative difference between the losses of a first training step in two programs whose speed is compared:
/// ours and the reference's on one machine, with one version of libtorch, one instruction set and one number of
/// threads.
///
/// The two losses have the same bits, unless the two libtorchs were built in different ways or take different kernels
/// of MKL. Then each of some thousand float32 operations rounds differently and moves a loss by a relative 1e-6 or so.
/// A wrong op, config or batch moves it by more than 1e-3.
const SAME_LOSS: f64 = 1e-4;

/// Whether two programs compute the same loss in a first training step, so that their speed may be compared. A NaN is a
/// difference.
pub fn same_loss(ours: f64, reference: f64) -> bool {
    (ours - reference).abs() <= SAME_LOSS * reference.abs()
}

const SEEDED: &str = "No yardstick: the value has not been through the model, and the reference's own at that precision is what must come out. \
     Initial weights pass through erfinv and inputs through divisions, which differ by an ulp or two between instruction \
     sets; a wrong seed or standard deviation moves the statistics by thousands of eps. Right values in wrong places leave \
     them alone: that shows in the first activation.";

const FORWARD_L2: &str = "Two correct implementations differ in the order of accumulation alone. Their error norms agree within a \
     small factor: summing K products one after another, rather than in blocks of b, multiplies the error by sqrt(K / b), at \
     most 4 for the widths here and blocks of 256. The floor is one more rounding to nearest of every element, half an eps at \
     most, and another half for the largest, which may be off by a whole step and outweigh all others: for places where the \
     reference is exact.";

const FORWARD_MAX: &str = "As for the norm; but the largest of many errors lies in the tail, where luck counts for another factor of \
     two. The floor is one step of the largest element: where a value is rounded to a coarser type than it is computed in, the \
     last bit of what is rounded decides which of two neighbours it becomes.";

const FORWARD_NORM: &str = "The triangle inequality: norms differ by no more than the norm of the difference, whose relative size is \
     estimated on the stored elements. It sees a fault between the stored elements that changes the norm.";

const FORWARD_MEAN: &str = "Means differ by no more than the norm of the difference over sqrt(elements), estimated likewise. It sees \
     a constant offset that leaves the norm alone.";

const SAME_NORM: &str = "The triangle inequality, as in the forward pass.";

const SAME_MEAN: &str = "As in the forward pass: no more than the norm of the difference over sqrt(elements).";

const LOSS_L2: &str = "Assignments and patches are activations, and differ as those of the forward pass do. A loss is one number, \
     a sum of products of them: by the Cauchy-Schwarz inequality its relative error is no larger than theirs together, and \
     mostly far smaller, since the errors of thousands of terms average out. How far they do in one recording is luck, so it \
     borrows the error of the assignments (or patches) before it in its stage, which bounds what correct rounding can do to it; \
     a wrong formula changes it by parts in a hundred, not in a hundred thousand.";

const LOSS_MAX: &str = "As for the norm, and for the tail of many errors as in the forward pass. For a single number it says the same \
     as the norm, less strictly.";

const BACKWARD_L2: &str = "A gradient is a sum of products like an activation, of operands that carry the rounding of the whole step \
     so far: all of that is in the yardstick, and what two correct implementations may differ by is the order of accumulation \
     in the same few products. One with few elements borrows from the gradient before it in backward order, from which its own \
     operands come.";

const BACKWARD_MAX: &str = "As in the forward pass: the tail of many errors.";

const OPTIMIZER_L2: &str = "Moments are the gradient, and its square, times constants: they inherit its error, the square doubled, in \
     the reference and in a candidate alike; so do parameters, where the direction of their step is certain, and are not judged \
     elsewhere. The norm of a submodule's gradients is off by no more than these are, so it borrows the error of the last of \
     them.";

const OPTIMIZER_MAX: &str = "As in the forward pass: the tail of many errors.";

const EMA_L2: &str = "A mean of teacher and student with the same weights everywhere: one more rounding of each element, and the error of \
     the student's new parameter times 1 - momentum, both in the yardstick.";

const EMA_MAX: &str = "As in the forward pass: the tail of many errors.";

const PYTHON: &str = "No yardstick: the reference computes schedules, multipliers and weights of losses in float64 at every precision, \
     with one cosine or one power each, which mathematics libraries round an ulp apart, and two or three products, which \
     all machines round alike but for that ulp. A few ulps of the curve's largest value cover it (near its end a cosine schedule is a \
     difference of such values), and a wrong formula, an epoch's length or an off-by-one is wrong by thousands of millions of them. \
     Sums over all elements may besides be taken in another order.";

/// All tolerances.
pub fn table() -> &'static [Tolerance] {
    const TABLE: &[Tolerance] = &[
        seeded(Stage::Init, Metric::Norm),
        seeded(Stage::Init, Metric::Mean),
        seeded(Stage::Init, Metric::Min),
        seeded(Stage::Init, Metric::Max),
        seeded(Stage::Data, Metric::Norm),
        seeded(Stage::Data, Metric::Mean),
        seeded(Stage::Data, Metric::Min),
        seeded(Stage::Data, Metric::Max),
        rounding(Stage::Forward, Metric::RelL2, FORWARD_L2),
        rounding(Stage::Forward, Metric::MaxAbs, FORWARD_MAX),
        rounding(Stage::Forward, Metric::Norm, FORWARD_NORM),
        rounding(Stage::Forward, Metric::Mean, FORWARD_MEAN),
        rounding(Stage::Loss, Metric::RelL2, LOSS_L2),
        rounding(Stage::Loss, Metric::MaxAbs, LOSS_MAX),
        rounding(Stage::Loss, Metric::Norm, SAME_NORM),
        rounding(Stage::Loss, Metric::Mean, SAME_MEAN),
        rounding(Stage::Backward, Metric::RelL2, BACKWARD_L2),
        rounding(Stage::Backward, Metric::MaxAbs, BACKWARD_MAX),
        rounding(Stage::Backward, Metric::Norm, SAME_NORM),
        rounding(Stage::Backward, Metric::Mean, SAME_MEAN),
        rounding(Stage::Optimizer, Metric::RelL2, OPTIMIZER_L2),
        rounding(Stage::Optimizer, Metric::MaxAbs, OPTIMIZER_MAX),
        rounding(Stage::Optimizer, Metric::Norm, SAME_NORM),
        rounding(Stage::Optimizer, Metric::Mean, SAME_MEAN),
        rounding(Stage::Ema, Metric::RelL2, EMA_L2),
        rounding(Stage::Ema, Metric::MaxAbs, EMA_MAX),
        rounding(Stage::Ema, Metric::Norm, SAME_NORM),
        rounding(Stage::Ema, Metric::Mean, SAME_MEAN),
        python(Metric::MaxAbs),
        python(Metric::Norm),
        python(Metric::Mean),
    ];
    TABLE
}

const fn seeded(stage: Stage, metric: Metric) -> Tolerance {
    Tolerance { stage, metric, k: 0.0, floor: 8.0, why: SEEDED }
}

/// A row with the reference's own rounding as its yardstick. Factors and floors are the same in all stages: the
/// yardstick already contains the kind and the number of roundings.
const fn rounding(stage: Stage, metric: Metric, why: &'static str) -> Tolerance {
    let (k, floor) = match metric {
        Metric::MaxAbs => (8.0, 1.0),
        _ => (4.0, 0.5),
    };
    Tolerance { stage, metric, k, floor, why }
}

const fn python(metric: Metric) -> Tolerance {
    Tolerance { stage: Stage::Schedule, metric, k: 0.0, floor: 4.0, why: PYTHON }
}

/// The row for `metric` in `stage`; `None` if the stage does not judge this metric.
pub fn tolerance(stage: Stage, metric: Metric) -> Option<&'static Tolerance> {
    table().iter().find(|row| row.stage == stage && row.metric == metric)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second step's figure is an H200's.
    #[test]
    fn a_correction_in_float32_is_allowed_for_as_it_wears_off() {
        assert!((1.0e-5..4.0e-5).contains(&correction(2)), "{}", correction(2));
        assert!(correction(1) < 5e-5 && correction(10_000) < 1e-7);
    }

    #[test]
    fn each_pair_has_one_row_and_a_reason() {
        for row in table() {
            assert_eq!(tolerance(row.stage, row.metric), Some(row), "a second row for {} {}", row.stage, row.metric);
            assert!(row.why.len() > 40 && row.k >= 0.0 && row.floor > 0.0);
        }
    }

    /// A changed tolerance shows in review as a changed snapshot.
    #[test]
    fn the_table() {
        let rows: Vec<_> = table()
            .iter()
            .map(|row| format!("{:8} {:12} k={} floor={}\n    {}", row.stage, row.metric, row.k, row.floor, row.why))
            .collect();
        insta::assert_snapshot!(rows.join("\n"));
    }
}
