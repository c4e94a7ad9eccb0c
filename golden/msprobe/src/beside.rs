//! A dumped tensor beside the recorded one, in the measures of `msprobe compare`.

use dinov3_golden::TensorView;

/// What stands in place of a benchmark of zero, which nothing can be divided by.
const TINY: f64 = f32::EPSILON as f64;

/// The distance of a dumped tensor from the recorded one. It decides nothing: the verdict is about the truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beside {
    /// The cosine of the two as vectors; 1 where both are zero.
    pub cosine: f64,
    /// The Euclidean distance.
    pub distance: f64,
    /// The largest error of an element.
    pub max_abs: f64,
    /// The largest error of an element, relative to the recorded one.
    pub max_relative: f64,
    /// The share of elements whose relative error is below a thousandth.
    pub thousandth: f64,
    /// The share of elements whose relative error is below five thousandths.
    pub five_thousandths: f64,
}

impl Beside {
    /// The measures; `None` for tensors of different sizes, and for none.
    pub(crate) fn of(ours: TensorView<'_>, theirs: TensorView<'_>) -> Option<Self> {
        let (ours, theirs) = (ours.values(), theirs.values());
        if ours.len() != theirs.len() || ours.is_empty() {
            return None;
        }
        let mut sums = Sums::default();
        ours.iter().zip(&theirs).for_each(|(a, b)| sums.add(*a, *b));
        let count = ours.len() as f64;
        Some(Self {
            cosine: sums.cosine(),
            distance: sums.square_error.sqrt(),
            max_abs: sums.max_abs,
            max_relative: sums.max_relative,
            thousandth: sums.below[0] as f64 / count,
            five_thousandths: sums.below[1] as f64 / count,
        })
    }
}

#[derive(Default)]
struct Sums {
    product: f64,
    squares: [f64; 2],
    square_error: f64,
    max_abs: f64,
    max_relative: f64,
    below: [usize; 2],
}

impl Sums {
    fn add(&mut self, ours: f64, theirs: f64) {
        // What is no number in both is no difference.
        let (ours, theirs) = if ours.is_nan() && theirs.is_nan() || ours == theirs && ours.is_infinite() {
            (0.0, 0.0)
        } else {
            (ours, theirs)
        };
        let error = (ours - theirs).abs();
        let relative = error / if theirs == 0.0 { TINY } else { theirs.abs() };
        self.product += ours * theirs;
        self.squares[0] += ours * ours;
        self.squares[1] += theirs * theirs;
        self.square_error += error * error;
        self.max_abs = larger(self.max_abs, error);
        self.max_relative = larger(self.max_relative, relative);
        self.below[0] += usize::from(relative < 0.001);
        self.below[1] += usize::from(relative < 0.005);
    }

    fn cosine(&self) -> f64 {
        let [ours, theirs] = self.squares;
        match (ours == 0.0, theirs == 0.0) {
            (true, true) => 1.0,
            (false, false) => self.product / (ours.sqrt() * theirs.sqrt()),
            _ => f64::NAN,
        }
    }
}

/// The larger of two; NaN if one of them is.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

#[cfg(test)]
mod tests {
    use dinov3_golden::Dtype;

    use super::*;

    fn beside(ours: &[f32], theirs: &[f32]) -> Option<Beside> {
        let bytes = |values: &[f32]| values.iter().flat_map(|it| it.to_le_bytes()).collect::<Vec<u8>>();
        let (a, b) = (bytes(ours), bytes(theirs));
        let (x, y) = ([ours.len()], [theirs.len()]);
        let view = |shape, bytes| TensorView::new(Dtype::F32, shape, bytes).unwrap();
        Beside::of(view(&x, &a), view(&y, &b))
    }

    #[test]
    fn measures_are_msprobe_s() {
        let same = beside(&[1.0, f32::NAN, 0.0], &[1.0, f32::NAN, 0.0]).unwrap();
        let nothing = Beside {
            cosine: 1.0,
            distance: 0.0,
            max_abs: 0.0,
            max_relative: 0.0,
            thousandth: 1.0,
            five_thousandths: 1.0,
        };
        assert_eq!(same, nothing);
        let other = beside(&[3.0, 4.0, 1.0, 1.003], &[3.0, 0.0, 1.0, 1.0]).unwrap();
        assert!((other.distance - (16.0_f64 + 0.003 * 0.003).sqrt()).abs() < 1e-6, "{other:?}");
        assert_eq!((other.max_abs, other.thousandth, other.five_thousandths), (4.0, 0.5, 0.75));
        assert!(other.max_relative > 3e7, "{other:?}");
        assert_eq!(beside(&[1.0], &[1.0, 2.0]), None);
        assert!(beside(&[f32::NAN], &[1.0]).unwrap().max_abs.is_nan());
    }
}
