//! Rounds: how often a workload is timed, and what its figures have in common.

use serde::Serialize;

use crate::failure::Failure;

/// Work that is timed in rounds.
pub trait Workload {
    /// The figures of one round.
    type Round;

    /// Times every side once, one right after the other.
    ///
    /// # Errors
    /// A side fails, or two sides do different work.
    fn round(&self) -> Result<Self::Round, Failure>;
}

/// The rounds of one workload, in the order in which they were taken. In JSON: an array.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Rounds<R>(Vec<R>);

impl<R> Rounds<R> {
    /// Takes `number` rounds of one workload. `tell` gets each round with its number, which counts from 1.
    ///
    /// # Errors
    /// A round fails.
    pub fn take<W: Workload<Round = R>>(
        workload: &W,
        number: u32,
        mut tell: impl FnMut(u32, &R),
    ) -> Result<Self, Failure> {
        let mut all = Self::in_turn(std::slice::from_ref(workload), number, |round, _, figures| tell(round, figures))?;
        Ok(all.pop().expect("one workload has one list of rounds"))
    }

    /// Takes `number` rounds of several workloads, which take turns in each round. `tell` gets each round's number and workload. The
    /// result has one list of rounds for each workload.
    ///
    /// # Errors
    /// A round fails.
    pub fn in_turn<W: Workload<Round = R>>(
        workloads: &[W],
        number: u32,
        mut tell: impl FnMut(u32, &W, &R),
    ) -> Result<Vec<Self>, Failure> {
        let mut all: Vec<Self> = workloads.iter().map(|_| Self(Vec::new())).collect();
        for round in 1..=number {
            for (workload, rounds) in workloads.iter().zip(&mut all) {
                let figures = workload.round()?;
                tell(round, workload, &figures);
                rounds.0.push(figures);
            }
        }
        Ok(all)
    }

    /// The number of rounds.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no rounds.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rounds one by one.
    pub fn iter(&self) -> std::slice::Iter<'_, R> {
        self.0.iter()
    }

    /// A figure over the rounds; `None` where no round has it.
    pub fn spread(&self, of: impl Fn(&R) -> Option<f64>) -> Option<Spread> {
        Spread::of(self.0.iter().filter_map(of))
    }

    /// The ratio of two figures, round by round; `None` where no round has both.
    pub fn ratio(&self, of: impl Fn(&R) -> Option<f64>, to: impl Fn(&R) -> Option<f64>) -> Option<Spread> {
        Spread::of(self.0.iter().filter_map(|round| Some(of(round)? / to(round)?)))
    }

    /// The ratio of a figure to the same figure of another workload, round by round.
    pub fn ratio_to(&self, other: &Self, of: impl Fn(&R) -> Option<f64>) -> Option<Spread> {
        Spread::of(self.0.iter().zip(&other.0).filter_map(|(round, other)| Some(of(round)? / of(other)?)))
    }
}

impl<R> FromIterator<R> for Rounds<R> {
    fn from_iter<I: IntoIterator<Item = R>>(rounds: I) -> Self {
        Self(rounds.into_iter().collect())
    }
}

/// The median of some figures, and their range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The middle figure. For an even number of figures: the mean of the two in the middle.
    pub median: f64,
    /// The smallest figure.
    pub min: f64,
    /// The largest figure.
    pub max: f64,
}

impl Spread {
    /// `None` where there are no figures.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Some(Self { median: (low + high) / 2.0, min, max })
    }

    /// The median and the range, each with so many decimals.
    pub fn show(self, decimals: usize) -> String {
        let Self { median, min, max } = self;
        format!("{median:.decimals$} ({min:.decimals$}..{max:.decimals$})")
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::failure::FAILED;
    use crate::table::or_dash;

    /// A workload that notes its turns, and fails in one round.
    struct Noted<'a> {
        name: &'static str,
        turns: &'a RefCell<Vec<&'static str>>,
        fails_at: usize,
    }

    impl Workload for Noted<'_> {
        type Round = f64;

        fn round(&self) -> Result<f64, Failure> {
            self.turns.borrow_mut().push(self.name);
            let own = self.turns.borrow().iter().filter(|name| **name == self.name).count();
            if own == self.fails_at { Err(Failure::new(FAILED, "no luck", "")) } else { Ok(own as f64) }
        }
    }

    #[test]
    fn workloads_take_turns() {
        let turns = RefCell::new(Vec::new());
        let workloads = ["a", "b"].map(|name| Noted { name, turns: &turns, fails_at: 0 });
        let mut told = Vec::new();
        let all = Rounds::in_turn(&workloads, 2, |round, it, figure| told.push((round, it.name, *figure))).unwrap();
        assert_eq!(*turns.borrow(), ["a", "b", "a", "b"]);
        assert_eq!(told, [(1, "a", 1.0), (1, "b", 1.0), (2, "a", 2.0), (2, "b", 2.0)]);
        assert_eq!(all.iter().map(Rounds::len).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(serde_json::to_string(&all[0]).unwrap(), "[1.0,2.0]");
    }

    #[test]
    fn a_round_that_fails_is_the_last() {
        let turns = RefCell::new(Vec::new());
        let workload = Noted { name: "a", turns: &turns, fails_at: 2 };
        assert!(Rounds::take(&workload, 5, |_, _| ()).is_err());
        assert_eq!(turns.borrow().len(), 2);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let rounds: Rounds<(f64, Option<f64>)> =
            [(2.0, Some(1.0)), (9.0, None), (4.0, Some(4.0))].into_iter().collect();
        let show = |spread: Option<Spread>| or_dash(spread.map(|it| it.show(1)));
        assert_eq!(show(rounds.ratio(|it| Some(it.0), |it| it.1)), "1.5 (1.0..2.0)");
        assert_eq!(show(rounds.spread(|it| it.1)), "2.5 (1.0..4.0)");
        let twice: Rounds<_> = rounds.iter().map(|it| (2.0 * it.0, it.1)).collect();
        assert_eq!(show(twice.ratio_to(&rounds, |it| Some(it.0))), "2.0 (2.0..2.0)");
    }

    #[test]
    fn the_median_of_an_even_number_is_between_two() {
        let spread = |figures: &[f64]| Spread::of(figures.iter().copied()).map(|spread| spread.show(1));
        assert_eq!(spread(&[3.0, 1.0, 2.0]).unwrap(), "2.0 (1.0..3.0)");
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]).unwrap(), "2.5 (1.0..4.0)");
        assert_eq!(or_dash(spread(&[])), "-");
    }
}
