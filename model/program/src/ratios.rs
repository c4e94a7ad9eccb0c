//! How often each of several loaders was chosen: what `CombinedDataLoader` says of itself.

use dinov3_data::combined::{CombinedChoice, SEED};

use crate::journal::Journal;

/// So many choices lie between two lines.
const EVERY: usize = 100;

/// The choices so far, made once more beside the loader's own.
#[derive(Debug)]
pub struct Ratios {
    choice: CombinedChoice,
    counts: Vec<usize>,
}

impl Ratios {
    /// Of loaders that are chosen by these shares, after so many choices; `None` if they are no probabilities, which the loader itself
    /// refuses.
    pub fn new(shares: &[f64], passed: usize) -> Option<Self> {
        let (mut choice, mut counts) = (CombinedChoice::new(shares, SEED).ok()?, vec![0; shares.len()]);
        choice.by_ref().take(passed).for_each(|chosen| counts[chosen] += 1);
        Some(Self { choice, counts })
    }

    /// A batch was taken.
    pub fn pass(&mut self, journal: &Journal) {
        let Some(chosen) = self.choice.next() else { return };
        self.counts[chosen] += 1;
        let all: usize = self.counts.iter().sum();
        if all.is_multiple_of(EVERY) {
            let shares: Vec<f64> = self.counts.iter().map(|count| *count as f64 / all as f64).collect();
            journal.info(("meta_loaders.py", 65), &format!("Empirical ratios: CDL MultiResDL {}", array(&shares)));
        }
    }
}

/// `str` of a NumPy array of numbers from 0 to 1: at most eight digits, as few as tell all of them apart, and blanks up to the longest.
fn array(values: &[f64]) -> String {
    let short = |value: &f64| {
        let rounded: f64 = format!("{value:.8}").parse().unwrap_or(*value);
        let text = format!("{rounded}");
        if text.contains('.') { text } else { text + "." }
    };
    let texts: Vec<String> = values.iter().map(short).collect();
    let width = texts.iter().map(String::len).max().unwrap_or(0);
    format!("[{}]", texts.iter().map(|text| format!("{text:width$}")).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each text is what NumPy 2.4 printed.
    #[test]
    fn arrays_are_numpy_s() {
        for (values, text) in [
            (&[0.5, 0.5][..], "[0.5 0.5]"),
            (&[1.0, 0.0], "[1. 0.]"),
            (&[0.25, 0.75], "[0.25 0.75]"),
            (&[0.5, 0.25, 0.25], "[0.5  0.25 0.25]"),
            (&[1.0 / 3.0, 2.0 / 3.0], "[0.33333333 0.66666667]"),
            (&[0.48, 0.52], "[0.48 0.52]"),
        ] {
            assert_eq!(array(values), text);
        }
    }
}
