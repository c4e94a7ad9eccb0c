//! The rows for the own error of an operation; see [`crate::local`].

use crate::names::Dtype;

/// What kind of arithmetic an operation is, which says how a correct one may round. Forced replay computes each
/// operation in float64 from the inputs that were recorded; see [`crate::local`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Computed in float32 for each element or each token, and rounded once: norms, activations, residual sums, copies.
    Rounded,
    /// A matrix product, accumulated in float32 in any order and rounded once.
    Product,
    /// A convolution, accumulated the same way, which may be rounded before its bias is added.
    Convolution,
    /// Scaled dot-product attention, which may round its weights before the second product.
    Attention,
    /// A division by a norm that was rounded to the output's dtype before.
    Normalised,
    /// The rotation of queries and keys in bfloat16, each product and sum rounded or not.
    Rotation,
    /// Several products or sums that are each rounded: gradients, which add up over the places where a tensor is used.
    Several,
    /// The sum over tokens to the gradient of a norm's weight or bias, whose partial sums may be held in the output's dtype.
    NormGradient,
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

const TWICE: &str = "cuDNN rounds a convolution to the output's dtype, and its bias is added afterwards and rounded again; oneDNN adds it first. \
     On an H200 27.6 % of the elements of the patch embedding are not the nearest number of the exact sum. The \
     larger of the two roundings is one of the product, whose step may be twice that of the sum.";

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

const PARTIAL_SUMS: &str = "A CPU adds the tokens' rows to one buffer of the output's dtype, so that each addition rounds by 0.29 steps of the \
     partial sum. How large the partial sums become is the tensor's own matter, not the kernel's: at the places where the recorded run \
     is off by 0.7 and 2.0 steps root mean square, a run with larger gradients at a few tokens, all of them right, is off by 3.4 and 6.1.";

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
        low(Operation::Convolution, 1.5, 0.45, 2.5, 0.4, TWICE),
        low(Operation::Attention, 1.5, 0.45, 4.0, 0.25, WEIGHTS),
        LocalTolerance { factor: 2e-3, ..low(Operation::Normalised, 1.5, 0.45, 2.5, 0.4, NORMALISED) },
        low(Operation::Rotation, 1.5, 0.75, 2.5, 0.6, ROTATED_TWICE),
        LocalTolerance { factor: 1e-3, ..low(Operation::Several, 2.0, 0.45, 4.0, 0.1, SEVERAL) },
        LocalTolerance { factor: 1e-3, ..low(Operation::NormGradient, 6.0, 0.45, 4.0, 0.1, PARTIAL_SUMS) },
        LocalTolerance { bias: 64.0, factor: 0.1, ..low(Operation::Neighbours, 4.0, 64.0, 1e4, 1.0, NEIGHBOURS) },
        low(Operation::Loss, 2.0, 0.45, 4.0, 0.1, REDUCED),
        low(Operation::Update, 1.25, 0.30, 0.75, 2e-4, ONCE),
        high(Operation::Rounded, 8.0, FLOAT32),
        high(Operation::Product, 8.0, FLOAT32),
        high(Operation::Convolution, 8.0, FLOAT32),
        high(Operation::Attention, 8.0, FLOAT32),
        high(Operation::Normalised, 8.0, FLOAT32),
        high(Operation::Rotation, 8.0, FLOAT32),
        high(Operation::Several, 8.0, FLOAT32),
        high(Operation::NormGradient, 8.0, FLOAT32),
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
}
