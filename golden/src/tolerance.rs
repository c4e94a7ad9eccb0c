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
//! relative error at the same place of any block of any network, since the few runs of one block may all be lucky. An
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

use std::fmt;

use crate::names::{Dtype, Stage};

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

/// What kind of arithmetic an operation is, which says how a correct one may round. Forced replay computes each
/// operation in float64 from the inputs that were recorded; see [`crate::local`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Computed in float32 for each element or each token, and rounded once: norms, activations, residual sums, copies.
    Rounded,
    /// A matrix product or a convolution, accumulated in float32 in any order and rounded once.
    Product,
    /// Scaled dot-product attention, which may round its weights before the second product.
    Attention,
    /// A division by a norm that was rounded to the output's dtype before.
    Normalised,
    /// The rotation of queries and keys in bfloat16, each product and sum rounded or not.
    Rotation,
    /// Several products or sums that are each rounded: gradients, which add up over the places where a tensor is used.
    Several,
    /// What depends on which feature is nearest to another, by products in the output's dtype: KoLeo.
    Neighbours,
    /// A reduction to one number or to assignments, in float32 throughout.
    Loss,
    /// The optimizer's and the average's arithmetic: float32, element by element.
    Update,
}

/// One row of the table for an operation's own error, in steps of the output's dtype.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalTolerance {
    /// The kind of arithmetic.
    pub operation: Operation,
    /// Whether the output is bfloat16 or float16.
    pub low: bool,
    /// The limit as a multiple of the reference's own figure.
    pub k: f64,
    /// Root mean square that is always allowed.
    pub rms: f64,
    /// Largest error that is always allowed.
    pub largest: f64,
    /// Share of elements that may be another than the nearest number; `None` where it is not judged.
    pub misrounded: Option<f64>,
    /// Mean error that is always allowed.
    pub bias: f64,
    /// Relative factor that is always allowed, as its distance from one.
    pub factor: f64,
    /// Multiple of a known mistake that is always allowed.
    pub probe: f64,
    /// The reason for the numbers.
    pub why: &'static str,
}

/// Standard errors between an estimate and its limit. A run has some ten thousand estimates, of which one in five
/// hundred million is as far off by luck.
pub const SIGMAS: f64 = 6.0;

const ONCE: &str = "A float32 result that is rounded once is the nearest number, and its error is evenly spread over half a step to \
     either side: 0.289 steps root mean square. One float32 operation or another moves an element by 2^-16 of a step, which \
     turns none but those next to the middle, and these are not counted. One element in five thousand is left for functions \
     that a device approximates to 1e-5. A constant of a hundredth of a step, and a factor of a fortieth of an eps, are left for roundings that are not evenly \
     spread: gradients have a few large elements.";

const PRODUCTS: &str = "The accumulation in float32 may take any order, also split over parts of K: its rounding is 2^-16 of a \
     bfloat16 step times the root of K at most. Partial sums that are rounded to bfloat16 are a defect: each adds 0.289 steps.";

const WEIGHTS: &str = "Kernels round the weights of attention to bfloat16 or not, before or after the division by their sum; the \
     recorded run's own kernel does too. The second product averages these roundings out, so what is left is of the size of one \
     more rounding of the output.";

const NORMALISED: &str = "The norm of a row is rounded before the division, so all elements of the row have one factor, off by half an eps \
     of bfloat16 at most: 0.002. A tensor of a dozen rows has a mean factor of that size.";

const ROTATED_TWICE: &str = "Two products and a sum in bfloat16: each is rounded on a CPU, none but the last where a device multiplies and \
     adds at once. The result may be two steps of the larger product apart.";

const SEVERAL: &str = "A tensor that is used at several places sums the gradients of all of them, each rounded, in any order; sums over \
     tokens are reduced in parts. Attention's kernels round its weights, and their gradients, to bfloat16 before they multiply, so \
     that all gradients behind one weight have a factor of their own: a quarter of an eps on average. The recorded run has as many roundings, in one order.";

const NEIGHBOURS: &str = "KoLeo normalises features and multiplies them in their own dtype. In bfloat16 several neighbours are as near, and \
     which of them is taken is a matter of the order of additions: measured, the loss moves by 2 % and the gradients behind it altogether. \
     A wrong formula moves the loss by more than a tenth, and shows at float32 by any amount.";

const REDUCED: &str = "One number, or assignments that were normalised three times, from thousands of float32 operations in any order: \
     tens of steps. A wrong formula is off by thousands.";

const UPDATED: &str = "AdamW and the average are a handful of float32 operations on each element: each rounds by half a step, and the larger \
     ones of what is added up outweigh. Python's scalars are float64, and a device may hold them in float32, which is the same factor \
     of 6e-8 for all elements. Weights that start from a seed are known to a few steps alone: the draws pass through erfinv, logarithm and \
     cosine, which instruction sets round otherwise.";

const FLOAT32: &str = "The output is float32: the order of accumulation decides over its error, as it does over the reference's own. Steps \
     are those of the tensor's root mean square at least. The weights of a run from the seed are known to a few steps alone.";

/// The rows for operations.
pub fn local_table() -> &'static [LocalTolerance] {
    const TABLE: &[LocalTolerance] = &[
        low(Operation::Rounded, 1.25, 0.30, 0.75, 2e-4, ONCE),
        low(Operation::Product, 1.25, 0.30, 0.75, 1e-3, PRODUCTS),
        low(Operation::Attention, 1.5, 0.45, 4.0, 0.25, WEIGHTS),
        LocalTolerance { factor: 2e-3, ..low(Operation::Normalised, 1.5, 0.45, 2.5, 0.4, NORMALISED) },
        low(Operation::Rotation, 1.5, 0.75, 2.5, 0.6, ROTATED_TWICE),
        LocalTolerance { factor: 1e-3, ..low(Operation::Several, 2.0, 0.45, 4.0, 0.1, SEVERAL) },
        LocalTolerance { bias: 64.0, factor: 0.1, ..low(Operation::Neighbours, 4.0, 64.0, 1e4, 1.0, NEIGHBOURS) },
        low(Operation::Loss, 2.0, 0.45, 4.0, 0.1, REDUCED),
        low(Operation::Update, 1.25, 0.30, 0.75, 2e-4, ONCE),
        high(Operation::Rounded, 8.0, FLOAT32),
        high(Operation::Product, 8.0, FLOAT32),
        high(Operation::Attention, 8.0, FLOAT32),
        high(Operation::Normalised, 8.0, FLOAT32),
        high(Operation::Rotation, 8.0, FLOAT32),
        high(Operation::Several, 8.0, FLOAT32),
        high(Operation::Neighbours, 64.0, REDUCED),
        high(Operation::Loss, 64.0, REDUCED),
        LocalTolerance { probe: 0.01, ..high(Operation::Update, 16.0, UPDATED) },
    ];
    TABLE
}

const fn low(
    operation: Operation,
    k: f64,
    rms: f64,
    largest: f64,
    misrounded: f64,
    why: &'static str,
) -> LocalTolerance {
    let misrounded = Some(misrounded);
    LocalTolerance { operation, low: true, k, rms, largest, misrounded, bias: 0.01, factor: 1e-4, probe: 0.1, why }
}

const fn high(operation: Operation, rms: f64, why: &'static str) -> LocalTolerance {
    LocalTolerance {
        operation,
        low: false,
        k: 4.0,
        rms,
        largest: 8.0 * rms,
        misrounded: None,
        bias: rms / 2.0,
        factor: rms * 6e-8,
        probe: 0.1,
        why,
    }
}

/// The row for an operation whose output has this dtype.
pub fn local_tolerance(operation: Operation, resolution: Dtype) -> &'static LocalTolerance {
    let low = matches!(resolution, Dtype::Bf16 | Dtype::F16);
    let row = local_table().iter().find(|row| row.operation == operation && row.low == low);
    row.expect("each operation has a row for either kind of dtype")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_has_one_row_and_a_reason() {
        for row in table() {
            assert_eq!(tolerance(row.stage, row.metric), Some(row), "a second row for {} {}", row.stage, row.metric);
            assert!(row.why.len() > 40 && row.k >= 0.0 && row.floor > 0.0);
        }
    }

    /// Each operation has a row for either kind of dtype, and a reason.
    #[test]
    fn the_table_of_operations() {
        let row = |row: &LocalTolerance| {
            let LocalTolerance { operation, low, k, rms, largest, misrounded, bias, factor, probe, why } = row;
            assert_eq!(local_tolerance(*operation, if *low { Dtype::Bf16 } else { Dtype::F32 }), row, "a second row");
            let dtype = if *low { "bf16" } else { "fp32" };
            format!(
                "{operation:?} {dtype}: k={k} rms={rms} largest={largest} misrounded={misrounded:?} bias={bias} factor={factor} \
                 probe={probe}\n    {why}"
            )
        };
        insta::assert_snapshot!(local_table().iter().map(row).collect::<Vec<_>>().join("\n"));
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
