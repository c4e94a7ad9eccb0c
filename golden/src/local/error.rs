//! Measuring one operation's output against its local truth.

use crate::names::Dtype;
use crate::tensor::TensorView;

use super::Steps;

/// An element whose local truth lies so near to the middle between two numbers that float32 rounding decides which of
/// them is nearest: in bfloat16 steps of the larger of the element and the tensor's root mean square. 2^-8 of a step is
/// 256 roundings of float32.
pub(super) const UNDECIDED: f64 = 1.0 / 256.0;

/// A value and its standard error.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Its standard error; infinite if the recording says nothing of it.
    pub error: f64,
}

impl Estimate {
    /// The share of the mean square error of `count` elements that goes away with this estimate: 0 to 1.
    pub fn explains(self, count: u64) -> f64 {
        let (of_it, left) = (self.value * self.value, self.error * self.error * count as f64);
        if of_it == 0.0 { 0.0 } else { of_it / (of_it + left) }
    }
}

/// A direction in which a known mistake moves an output, to be fitted.
#[derive(Debug, Clone, Copy)]
pub struct Probe<'a> {
    /// The output with the mistake minus the output without, element by element, in float64.
    pub direction: &'a [f64],
}

/// How far an output is from its local truth.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnError {
    /// Elements that were compared: those that are finite on both sides.
    pub count: u64,
    /// Elements of which one side is not finite, and the other is not the same.
    pub non_finite: u64,
    /// The dtype whose steps are counted: the coarsest that holds every value of the output.
    pub resolution: Dtype,
    /// Elements whose nearest number is certain.
    pub decided: u64,
    /// Of these, elements that are another number.
    pub misrounded: u64,
    /// The mean size of the local truth, in steps: what a relative factor is times that in steps.
    pub size: f64,
    /// The root mean square of the error, in steps.
    pub rms: f64,
    /// The largest error, in steps.
    pub max: f64,
    /// The mean error, in steps.
    pub bias: Estimate,
    /// The relative factor minus one that fits the output best.
    pub factor: Estimate,
    /// For each probe, the multiple of it that fits the output best.
    pub probes: Vec<Estimate>,
    /// For each probe, how many of the decided elements are another number than the nearest to the truth with the mistake.
    pub misrounded_with: Vec<u64>,
    /// The root mean square of the error in steps that is left when the first, second, … probe is taken away once.
    pub without: Vec<f64>,
}

impl OwnError {
    /// The share of the decided elements that are not the nearest number; 0 if none is decided.
    pub fn misrounded_share(&self) -> f64 {
        if self.decided == 0 { 0.0 } else { self.misrounded as f64 / self.decided as f64 }
    }

    /// Whether the output is the local truth, rounded.
    pub fn is_exact(&self) -> bool {
        self.non_finite == 0 && self.rms == 0.0
    }

    /// Whether no element is another number than the nearest to its local truth, as far as that is certain of at least half of them.
    pub fn is_nearest(&self) -> bool {
        self.non_finite == 0 && self.misrounded == 0 && 2 * self.decided >= self.count.max(1)
    }
}

/// The error of `output`, whose elements' local truths are `truth`, in steps of `resolution`. `None` for a tensor of
/// whole numbers, or if the lengths differ.
///
/// A step is that of the larger of the element and the tensor's root mean square: where large terms cancel, the error of
/// a small element is the rounding of the large ones.
pub fn own_error(output: TensorView<'_>, truth: &[f64], resolution: Dtype, probes: &[Probe<'_>]) -> Option<OwnError> {
    own_error_of_sums(output, truth, resolution, probes, 0.0)
}

/// The same for sums over many terms that may cancel: `terms` is the root of the sum of their squares, a typical element's. Where it is more
/// than the root mean square of the sums, the rounding of partial sums decides, and steps are those of `terms`.
pub fn own_error_of_sums(
    output: TensorView<'_>,
    truth: &[f64],
    resolution: Dtype,
    probes: &[Probe<'_>],
    terms: f64,
) -> Option<OwnError> {
    let steps = Steps::of(resolution)?;
    let fits = |probe: &Probe<'_>| probe.direction.len() == truth.len();
    if output.numel() != truth.len() || !probes.iter().all(fits) {
        return None;
    }
    let finite = truth.iter().filter(|value| value.is_finite());
    let (squares, finite) = finite.fold((0.0, 0u64), |(sum, count), value| (sum + value * value, count + 1));
    let typical = (squares / finite.max(1) as f64).sqrt().max(terms);
    let mut sums = Sums::new(probes.len());
    let mut at = 0;
    output.for_each_chunk(|chunk| {
        for &value in chunk {
            let truth = truth[at];
            let unit = steps.at(truth.abs().max(typical));
            if value.is_finite() && truth.is_finite() {
                let directions = || probes.iter().map(|probe| probe.direction[at]);
                sums.add((value - truth) / unit, truth / unit, directions().map(|it| it / unit));
                sums.round(steps, value, truth, unit, directions());
            } else {
                let same = value == truth || (value.is_nan() && truth.is_nan());
                sums.non_finite += u64::from(!same);
            }
            at += 1;
        }
    });
    Some(sums.finish(resolution))
}

/// Sums over elements; `e` is an error, `t` a local truth, `d` a direction, all in steps.
struct Sums {
    count: u64,
    non_finite: u64,
    decided: u64,
    misrounded: u64,
    misrounded_with: Vec<u64>,
    max: f64,
    e: f64,
    ee: f64,
    et: f64,
    tt: f64,
    t: f64,
    ed: Vec<f64>,
    dd: Vec<f64>,
}

impl Sums {
    fn new(probes: usize) -> Self {
        let zeros = vec![0.0; probes];
        Self {
            count: 0,
            non_finite: 0,
            decided: 0,
            misrounded: 0,
            misrounded_with: vec![0; probes],
            max: 0.0,
            e: 0.0,
            ee: 0.0,
            et: 0.0,
            tt: 0.0,
            t: 0.0,
            ed: zeros.clone(),
            dd: zeros,
        }
    }

    fn add(&mut self, e: f64, t: f64, directions: impl Iterator<Item = f64>) {
        self.count += 1;
        self.max = self.max.max(e.abs());
        self.e += e;
        self.ee += e * e;
        self.et += e * t;
        self.tt += t * t;
        self.t += t.abs();
        for (i, d) in directions.enumerate() {
            self.ed[i] += e * d;
            self.dd[i] += d * d;
        }
    }

    fn round(&mut self, steps: Steps, value: f64, truth: f64, unit: f64, directions: impl Iterator<Item = f64>) {
        let nearest = steps.nearest(truth);
        let to_the_middle = (steps.at(truth) / 2.0 - (nearest - truth).abs()).abs();
        if to_the_middle > UNDECIDED * unit {
            self.decided += 1;
            self.misrounded += u64::from(value != nearest);
            for (count, direction) in self.misrounded_with.iter_mut().zip(directions) {
                *count += u64::from(value != steps.nearest(truth + direction));
            }
        }
    }

    fn finish(self, resolution: Dtype) -> OwnError {
        let n = self.count.max(1) as f64;
        let mean_square = self.ee / n;
        let bias = Estimate { value: self.e / n, error: standard_error(mean_square - (self.e / n).powi(2), n) };
        let fit = |product: f64, square: f64| fitted(product, square, self.ee, n);
        let probes: Vec<Estimate> = self.ed.iter().zip(&self.dd).map(|(ed, dd)| fit(*ed, *dd)).collect();
        let left = |(ed, dd): (&f64, &f64)| ((self.ee - 2.0 * ed + dd).max(0.0) / n).sqrt();
        OwnError {
            count: self.count,
            non_finite: self.non_finite,
            resolution,
            decided: self.decided,
            misrounded: self.misrounded,
            misrounded_with: self.misrounded_with,
            size: self.t / n,
            rms: mean_square.sqrt(),
            max: self.max,
            bias,
            factor: fit(self.et, self.tt),
            without: self.ed.iter().zip(&self.dd).map(left).collect(),
            probes,
        }
    }
}

fn standard_error(variance: f64, count: f64) -> f64 {
    (variance.max(0.0) / count).sqrt()
}

/// The multiple of a direction that fits best, by least squares, and its standard error from what is left.
fn fitted(product: f64, square: f64, errors: f64, count: f64) -> Estimate {
    if square == 0.0 {
        return Estimate { value: 0.0, error: f64::INFINITY };
    }
    let value = product / square;
    let left = (errors - product * value).max(0.0) / (count - 1.0).max(1.0);
    Estimate { value, error: (left / square).sqrt() }
}
