//! The distance of a candidate from a reference.

use dinov3_ground::{Hint, Hints};

use crate::digest::all_finite;
use crate::names::Dtype;
use crate::tensor::{CHUNK, TensorView, decode};
use crate::ulp::max_ulp;

/// Distance of a candidate from a reference, over the elements that are finite on both sides.
///
/// All sums are taken in float64 in an order that depends only on the elements' positions. Two NaN count as equal, and
/// so do two infinities of one sign; every other pair with a NaN or an infinity is counted in `non_finite`. The other
/// metrics skip every pair with a NaN or an infinity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metrics {
    /// Number of elements.
    pub count: u64,
    /// Largest |candidate - reference|.
    pub max_abs: f64,
    /// Mean |candidate - reference|.
    pub mean_abs: f64,
    /// ‖candidate - reference‖ / ‖reference‖; infinite if the reference is zero and the candidate is not.
    pub rel_l2: f64,
    /// Cosine of the angle between the two; 1 if both are zero, 0 if one is.
    pub cosine: f64,
    /// Largest distance in representable values of the candidate's dtype, from the reference rounded to that dtype.
    /// Integers and booleans: largest absolute difference.
    pub max_ulp: u64,
    /// Number of positions where only one side is NaN or infinite, or where both sides are but differ in kind or sign.
    pub non_finite: u64,
    /// Same dtype and same bits everywhere.
    pub identical: bool,
    /// ‖candidate - reference‖.
    pub error_l2: f64,
    /// ‖reference‖.
    pub reference_l2: f64,
    /// Largest |reference|.
    pub reference_max_abs: f64,
}

impl Metrics {
    /// `max_abs` relative to the root mean square of the reference; infinite if that is zero and `max_abs` is not.
    pub fn rel_max(&self) -> f64 {
        let finite = (self.count - self.non_finite.min(self.count)).max(1);
        ratio(self.max_abs, self.reference_l2 / (finite as f64).sqrt())
    }
}

/// The reason why two tensors cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// The shapes differ.
    #[error("a tensor of shape {candidate:?} cannot be compared with one of shape {reference:?}")]
    Shape {
        /// Shape of the candidate.
        candidate: Vec<usize>,
        /// Shape of the reference.
        reference: Vec<usize>,
    },
    /// Only one tensor is floating-point, or the integer dtypes differ.
    #[error("a tensor of dtype {candidate} cannot be compared with one of dtype {reference}")]
    Dtype {
        /// Element type of the candidate.
        candidate: Dtype,
        /// Element type of the reference.
        reference: Dtype,
    },
}

impl Hint for CompareError {
    fn hints(&self) -> Hints {
        let hint: &'static str = match self {
            Self::Shape { .. } => "record both from the same recipe",
            Self::Dtype { .. } => "floating-point tensors compare with one another, others with their own dtype",
        };
        hint.into()
    }
}

/// Measures `candidate` against `reference`, streaming: needs a few KiB besides the tensors' own bytes.
///
/// # Errors
/// If the shapes differ, or if the dtypes differ and are not both floating-point.
pub fn compare(candidate: TensorView<'_>, reference: TensorView<'_>) -> Result<Metrics, CompareError> {
    if candidate.shape() != reference.shape() {
        return Err(CompareError::Shape {
            candidate: candidate.shape().to_vec(),
            reference: reference.shape().to_vec(),
        });
    }
    let (c, r) = (candidate.dtype(), reference.dtype());
    if c != r && !(c.is_float() && r.is_float()) {
        return Err(CompareError::Dtype { candidate: c, reference: r });
    }
    Ok(measured(candidate, reference))
}

/// Measures with the widest registers of the processor. The sums have the same bits with any registers: lanes are
/// fixed, and Rust fuses no operations.
fn measured(candidate: TensorView<'_>, reference: TensorView<'_>) -> Metrics {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has what the function was compiled for.
        return unsafe { stream_avx2(candidate, reference) };
    }
    stream(candidate, reference)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn stream_avx2(candidate: TensorView<'_>, reference: TensorView<'_>) -> Metrics {
    stream(candidate, reference)
}

/// Everything that loops over elements is inlined here, so as to be compiled for each kind of register.
#[inline(always)]
fn stream(candidate: TensorView<'_>, reference: TensorView<'_>) -> Metrics {
    let (c, r) = (candidate.dtype(), reference.dtype());
    let mut sums = Sums::new(c, c == r);
    let (mut a, mut b) = ([0.0; CHUNK], [0.0; CHUNK]);
    let chunks = candidate.bytes().chunks(CHUNK * c.size()).zip(reference.bytes().chunks(CHUNK * r.size()));
    for (a_bytes, b_bytes) in chunks {
        let len = a_bytes.len() / c.size();
        let (a, b) = (&mut a[..len], &mut b[..len]);
        decode(c, a_bytes, a);
        decode(r, b_bytes, b);
        sums.add(a, b);
        sums.same_bytes = sums.same_bytes && a_bytes == b_bytes;
    }
    sums.finish(candidate.numel() as u64)
}

/// Four lanes of six sums: as many as the sixteen SSE2 registers hold without spilling much.
const LANES: usize = 4;

struct Sums {
    dtype: Dtype,
    same_dtype: bool,
    max_abs: [f64; LANES],
    reference_max: [f64; LANES],
    abs: [f64; LANES],
    squares: [f64; LANES],
    reference_squares: [f64; LANES],
    candidate_squares: [f64; LANES],
    products: [f64; LANES],
    max_ulp: u64,
    /// Pairs left out because a side is not finite, whether or not they agree.
    left_out: u64,
    non_finite: u64,
    same_bytes: bool,
}

impl Sums {
    fn new(dtype: Dtype, same_dtype: bool) -> Self {
        let zero = [0.0; LANES];
        Self {
            dtype,
            same_dtype,
            max_abs: zero,
            reference_max: zero,
            abs: zero,
            squares: zero,
            reference_squares: zero,
            candidate_squares: zero,
            products: zero,
            max_ulp: 0,
            left_out: 0,
            non_finite: 0,
            same_bytes: true,
        }
    }

    #[inline(always)]
    fn add(&mut self, a: &[f64], b: &[f64]) {
        if all_finite(a) && all_finite(b) {
            self.add_finite(a, b);
        } else {
            self.add_mixed(a, b);
        }
    }

    /// The rare path: keeps the finite pairs and counts the others.
    #[cold]
    fn add_mixed(&mut self, a: &[f64], b: &[f64]) {
        let (mut finite_a, mut finite_b) = ([0.0; CHUNK], [0.0; CHUNK]);
        let mut kept = 0;
        for (&a, &b) in a.iter().zip(b) {
            if a.is_finite() && b.is_finite() {
                (finite_a[kept], finite_b[kept]) = (a, b);
                kept += 1;
            } else {
                self.left_out += 1;
                self.non_finite += u64::from(!(a == b || (a.is_nan() && b.is_nan())));
            }
        }
        self.add_finite(&finite_a[..kept], &finite_b[..kept]);
    }

    #[inline(always)]
    fn add_finite(&mut self, a: &[f64], b: &[f64]) {
        let (a_blocks, a_rest) = a.as_chunks::<LANES>();
        let (b_blocks, b_rest) = b.as_chunks::<LANES>();
        for (a, b) in a_blocks.iter().zip(b_blocks) {
            for lane in 0..LANES {
                self.add_one(lane, a[lane], b[lane]);
            }
        }
        for (lane, (&a, &b)) in a_rest.iter().zip(b_rest).enumerate() {
            self.add_one(lane, a, b);
        }
        self.max_ulp = self.max_ulp.max(max_ulp(self.dtype, self.same_dtype, a, b));
    }

    #[inline(always)]
    fn add_one(&mut self, lane: usize, a: f64, b: f64) {
        let error = a - b;
        let size = error.abs();
        // Comparisons rather than f64::max: nothing here is NaN, and this is one instruction.
        self.max_abs[lane] = if size > self.max_abs[lane] { size } else { self.max_abs[lane] };
        self.reference_max[lane] = if b.abs() > self.reference_max[lane] { b.abs() } else { self.reference_max[lane] };
        self.abs[lane] += size;
        self.squares[lane] += error * error;
        self.reference_squares[lane] += b * b;
        self.candidate_squares[lane] += a * a;
        self.products[lane] += a * b;
    }

    fn finish(self, count: u64) -> Metrics {
        let total = |lanes: [f64; LANES]| lanes.iter().sum::<f64>();
        let most = |lanes: [f64; LANES]| lanes.into_iter().fold(0.0, f64::max);
        let error_l2 = total(self.squares).sqrt();
        let reference_l2 = total(self.reference_squares).sqrt();
        let candidate_l2 = total(self.candidate_squares).sqrt();
        let compared = (count - self.left_out).max(1);
        Metrics {
            count,
            max_abs: most(self.max_abs),
            mean_abs: total(self.abs) / compared as f64,
            rel_l2: ratio(error_l2, reference_l2),
            cosine: cosine(total(self.products), candidate_l2, reference_l2),
            max_ulp: self.max_ulp,
            non_finite: self.non_finite,
            identical: self.same_dtype && self.same_bytes,
            error_l2,
            reference_l2,
            reference_max_abs: most(self.reference_max),
        }
    }
}

/// `error / size`; 0 if the error is zero, infinite if only the size is zero.
fn ratio(error: f64, size: f64) -> f64 {
    if error == 0.0 { 0.0 } else { error / size }
}

fn cosine(product: f64, a: f64, b: f64) -> f64 {
    match (a == 0.0, b == 0.0) {
        (true, true) => 1.0,
        (true, false) | (false, true) => 0.0,
        (false, false) => (product / a / b).clamp(-1.0, 1.0),
    }
}

#[cfg(test)]
mod tests;
