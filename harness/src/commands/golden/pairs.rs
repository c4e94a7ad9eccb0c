//! One tensor of two sets.

use dinov3_golden::{Entry, GoldenSet, Metrics, Precision, TensorView, compare};

use crate::failure::{Result, refusal};

/// A tensor of two sets at one precision: how far the second is from the first.
pub struct Pair {
    /// What is different.
    pub how: How,
    /// The distance of each from the float64 truth of the first set, relative to it, where that is stored.
    pub errors: Option<(f64, f64)>,
}

/// How two tensors differ.
pub enum How {
    /// They have the same bits.
    Identical,
    /// One has another dtype or shape; the words of both.
    Kind(String, String),
    /// Other numbers.
    Values(Box<Metrics>, Largest),
    /// Other bits, of which no elements can be compared; why not.
    Unknown(&'static str),
}

/// The element that differs most: its place among the stored elements, and both values.
pub struct Largest {
    /// The index of the element, counted through all dimensions.
    pub index: usize,
    /// The first set's value.
    pub first: f64,
    /// The second's.
    pub second: f64,
}

impl Pair {
    /// The pair that an entry of each set makes.
    ///
    /// # Errors
    /// When a set cannot be read.
    pub fn of(
        (first, ours): (&GoldenSet, &Entry),
        (second, theirs): (&GoldenSet, &Entry),
        precision: Precision,
    ) -> Result<Self> {
        let (a, b) = (first.recorded(ours, precision)?, second.recorded(theirs, precision)?);
        let errors = errors((first, ours), (a.stored, b.stored))?;
        let alike = a.record.dtype == b.record.dtype && a.record.shape == b.record.shape;
        let how = match (a.stored, b.stored) {
            _ if alike && a.record.sha256 == b.record.sha256 => How::Identical,
            _ if !alike => {
                let words = |it: &dinov3_golden::Record| format!("{} {:?}", it.dtype, it.shape);
                How::Kind(words(a.record), words(b.record))
            }
            (Some(a), Some(b)) if a.shape() == b.shape() => {
                let metrics = compare(b, a).map_err(|error| refusal(error.to_string(), "verify both sets"))?;
                How::Values(Box::new(metrics), largest(a, b))
            }
            (Some(_), Some(_)) => How::Unknown("the two sets store different elements"),
            _ => How::Unknown("the hash alone is stored"),
        };
        Ok(Self { how, errors })
    }

    /// In one line.
    pub fn words(&self) -> String {
        let errors = self
            .errors
            .map_or_else(String::new, |(ours, theirs)| format!("; from the truth {ours:.2e} and {theirs:.2e}"));
        match &self.how {
            How::Identical => "the same bits".to_owned(),
            How::Kind(ours, theirs) => format!("{ours} and {theirs}"),
            How::Unknown(why) => format!("other bits; {why}"),
            How::Values(metrics, Largest { index, first, second }) => format!(
                "relative l2 {:.2e}, cosine {:.6}, {} ulp; most at element {index}: {first:.6e} and {second:.6e}{errors}",
                metrics.rel_l2, metrics.cosine, metrics.max_ulp
            ),
        }
    }
}

/// The distances of both from the truth of the first set.
fn errors(
    (set, entry): (&GoldenSet, &Entry),
    (a, b): (Option<TensorView<'_>>, Option<TensorView<'_>>),
) -> Result<Option<(f64, f64)>> {
    if entry.records.get(Precision::Truth).is_none() {
        return Ok(None);
    }
    let truth = set.recorded(entry, Precision::Truth)?.stored;
    let error = |view: Option<TensorView<'_>>| {
        let (view, truth) = view.zip(truth)?;
        (view.shape() == truth.shape()).then(|| compare(view, truth).ok()).flatten().map(|metrics| metrics.rel_l2)
    };
    Ok(error(a).zip(error(b)))
}

fn largest(a: TensorView<'_>, b: TensorView<'_>) -> Largest {
    let values = |view: TensorView<'_>| {
        let mut values = Vec::with_capacity(view.numel());
        view.for_each_chunk(|chunk| values.extend_from_slice(chunk));
        values
    };
    let (a, b): (Vec<f64>, Vec<f64>) = (values(a), values(b));
    // A NaN is the largest difference of all.
    let apart = |(a, b): (&f64, &f64)| {
        if (a - b).is_nan() && a.to_bits() != b.to_bits() { f64::INFINITY } else { (a - b).abs() }
    };
    let place =
        a.iter().zip(&b).map(apart).enumerate().max_by(|x, y| x.1.total_cmp(&y.1)).map_or(0, |(index, _)| index);
    let at = |values: &[f64]| values.get(place).copied().unwrap_or(f64::NAN);
    Largest { index: place, first: at(&a), second: at(&b) }
}
