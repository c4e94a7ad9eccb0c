//! What watches a training while it is on the clock.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use dinov3_program::{Facts, Measurer};
use dinov3_train::phases::{Listener, Phase};

use super::workload::WARM_UP;
use crate::rounds::Spread;

/// When the last step was over and its log was not yet written; none before the first.
pub(super) type Over = Rc<Cell<Option<Instant>>>;

/// Times every phase of every second step, as the suite does, so that a step and its neighbour differ in nothing else: runs differ by more than
/// watching costs. Which of two neighbours is watched changes from pair to pair.
pub(super) struct Watch {
    watched: Vec<[f64; PARTS]>,
    now: [f64; PARTS],
    mark: Instant,
    on: bool,
    /// How long each step took from the end of the last one.
    took: Vec<f64>,
    last: Instant,
    /// The end of a step, for what is logged behind it.
    over: Over,
}

/// The phases, and what is in none of them.
const PARTS: usize = Phase::ALL.len() + 1;

impl Watch {
    pub(super) fn new(over: Over) -> Self {
        let (now, on) = (Instant::now(), watches(0));
        Self { watched: Vec::new(), now: [0.0; PARTS], mark: now, on, took: Vec::new(), last: now, over }
    }

    fn lap(&mut self, part: usize) {
        if self.on {
            let now = Instant::now();
            self.now[part] += now.duration_since(self.mark).as_secs_f64();
            self.mark = now;
        }
    }

    /// The median of what a watched step takes over what its neighbour takes, over the pairs behind the warm-up.
    pub(super) fn cost(&self) -> Option<f64> {
        cost_of(self.took.get(WARM_UP..)?)
    }

    /// What a checkpoint and an export of the teacher, one each `every` steps, take of the loop: how much longer their step and the ones behind it,
    /// beside which they are written, take than the ones before.
    pub(super) fn seconds_of_save(&self, every: usize) -> Option<f64> {
        save_of(&self.took, every)
    }
}

/// Whether this step is the watched one of its pair: the first and the fourth of four.
fn watches(it: usize) -> bool {
    matches!(it % 4, 0 | 3)
}

fn cost_of(took: &[f64]) -> Option<f64> {
    let (pairs, _) = took.as_chunks::<2>();
    let ratio = |(pair, [first, second]): (usize, &[f64; 2])| {
        if watches(2 * pair) { first / second } else { second / first }
    };
    Spread::of(pairs.iter().enumerate().map(ratio)).map(|spread| spread.median)
}

/// Steps in which a checkpoint is written in the background: so many lines of the log as in as many before.
const BEHIND: usize = 20;

fn save_of(took: &[f64], every: usize) -> Option<f64> {
    let saves = (1..).map(|save| save * every - 1).skip_while(|at| *at < WARM_UP + 3 * BEHIND);
    let saves = saves.take_while(|at| at + BEHIND <= took.len());
    let mean = |took: &[f64]| took.iter().sum::<f64>() / took.len() as f64;
    let more = |at: usize| mean(&took[at..at + BEHIND]) - mean(&took[at - 3 * BEHIND..at]);
    Spread::of(saves.map(|at| BEHIND as f64 * more(at))).map(|spread| spread.median)
}

impl Listener for Watch {
    fn begin(&mut self, _: Phase) {
        self.lap(PARTS - 1);
    }

    fn end(&mut self, phase: Phase) {
        self.lap(phase as usize);
    }

    fn over(&mut self, it: usize, _: Duration, _: Duration) {
        if self.on {
            self.lap(PARTS - 1);
            self.watched.push(std::mem::take(&mut self.now));
        }
        let now = Instant::now();
        self.took.push(now.duration_since(self.last).as_secs_f64());
        (self.last, self.mark, self.on) = (now, now, watches(it + 1));
        self.over.set(Some(now));
    }
}

impl Measurer for Watch {
    fn begins(&mut self, _: &Facts) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps that get slower and slower, and a log line each tenth: watching costs a tenth.
    #[test]
    fn the_cost_of_watching_is_that_of_neighbours() {
        let step = |it: usize| {
            let watched = if watches(it) { 1.1 } else { 1.0 };
            let line = if it.is_multiple_of(10) { 3.0 } else { 1.0 };
            (1.0 + 1e-4 * it as f64) * watched * line
        };
        let took: Vec<f64> = (0..2000).map(step).collect();
        let cost = cost_of(&took).unwrap();
        assert!((cost - 1.1).abs() < 2e-3, "{cost}");
        assert_eq!(cost_of(&[]), None);
    }

    /// A save that takes a step's time twice over in its own step, and once more over the ten behind it.
    #[test]
    fn what_a_save_takes_is_its_step_and_those_behind_it() {
        let step = |it: usize| match it % 500 {
            499 => 3.0,
            0..10 if it >= 500 => 1.1,
            _ => 1.0,
        };
        let took: Vec<f64> = (0..2000).map(step).collect();
        assert!((save_of(&took, 500).unwrap() - 3.0).abs() < 1e-9, "{:?}", save_of(&took, 500));
        assert_eq!(save_of(&took, 3000), None);
    }
}
