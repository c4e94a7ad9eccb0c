//! The times in a log, and the steps that they stand for.

use memchr::memmem;
use serde::{Deserialize, Serialize};

/// A logged time is the mean of so many steps at most.
const WINDOW: u64 = 20;

/// The times of one line of a log: means of the last 20 steps, or of fewer after a start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Its iteration, the last of these steps.
    pub iteration: u64,
    /// The first iteration of the process that wrote it.
    pub start: u64,
    /// Iterations of the whole training, where the log says.
    pub horizon: Option<u64>,
    /// Seconds a step.
    pub seconds: f64,
    /// Seconds a step in which the loop waited for its batch, where the log says.
    pub waited: Option<f64>,
}

impl Line {
    /// The first step of its mean.
    pub fn first(&self) -> u64 {
        self.start.max((self.iteration + 1).saturating_sub(WINDOW))
    }
}

/// Steps `first` to `last`, both included, with the mean of their times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stretch {
    /// The first step.
    pub first: u64,
    /// The last step.
    pub last: u64,
    /// Seconds a step.
    pub seconds: f64,
    /// Seconds a step in which the loop waited for its batch, where they are known.
    pub waited: Option<f64>,
}

impl Stretch {
    /// One step.
    pub fn step(step: u64, seconds: f64, waited: Option<f64>) -> Self {
        Self { first: step, last: step, seconds, waited }
    }

    /// The number of steps.
    pub fn steps(&self) -> u64 {
        self.last + 1 - self.first
    }
}

/// The lines of the text log, or of `training_metrics.json`, that have a time, in the order of the log. A line that is
/// cut before its time, and whatever else stands in a log, is none.
pub fn lines(log: &[u8]) -> Vec<Line> {
    let (mut lines, mut start) = (Vec::<Line>::new(), 0);
    for bytes in log.split(|byte| *byte == b'\n') {
        if let Some(iteration) = after(bytes, b"Starting training from iteration ").and_then(whole) {
            start = iteration;
        }
        let line = match bytes.first() {
            Some(b'{') => json(bytes),
            _ => text(bytes),
        };
        let Some(line) = line else { continue };
        // The figures in JSON say nothing of a start but by their numbers.
        let back = lines.last().is_some_and(|last| last.iteration >= line.iteration);
        if back && start <= lines.last().map_or(0, |last| last.start) {
            start = line.iteration;
        }
        lines.push(Line { start: start.min(line.iteration), ..line });
    }
    lines
}

fn text(line: &[u8]) -> Option<Line> {
    let front = after(line, b"Training  [")?;
    let horizon = after(front, b"/").and_then(whole);
    let seconds = fraction(after(line, b")  time: ")?)?;
    let waited = after(line, b"  data: ").and_then(fraction);
    Some(Line { iteration: whole(front)?, start: 0, horizon, seconds, waited })
}

fn json(line: &[u8]) -> Option<Line> {
    let iteration = whole(after(line, b"\"iteration\": ")?)?;
    let seconds = fraction(after(line, b"\"iter_time\": ")?)?;
    let waited = after(line, b"\"data_time\": ").and_then(fraction);
    Some(Line { iteration, start: 0, horizon: None, seconds, waited })
}

fn after<'a>(line: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    memmem::find(line, word).map(|at| &line[at + word.len()..])
}

fn whole(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii_start();
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&text[..digits]).ok()?.parse().ok()
}

fn fraction(text: &[u8]) -> Option<f64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit() || b".e-+".contains(byte)).count();
    let value: f64 = std::str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
    Some(value).filter(|value| value.is_finite())
}

/// The steps of lines whose means do not overlap: every second line of a log that has one each ten steps.
pub fn stretches(lines: &[Line]) -> Vec<Stretch> {
    let mut taken: Vec<Stretch> = Vec::new();
    let mut start = None;
    for line in lines {
        // A process that is started again takes steps anew.
        if start.replace(line.start) != Some(line.start) {
            taken.retain(|stretch| stretch.last < line.start);
        }
        if taken.last().is_none_or(|last| last.last < line.first()) {
            let Line { iteration, seconds, waited, .. } = *line;
            taken.push(Stretch { first: line.first(), last: iteration, seconds, waited });
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
I20251111 dinov3 train.py:431] Starting training from iteration 0
I20251111 dinov3 helpers.py:105] Training  [   0/1250]  eta: 1 day, 4:30:00  total_loss: 11.8 (11.9)  time: 9.000000  data: 5.000000  mem: 41000
I20251111 dinov3 helpers.py:105] Training  [  10/1250]  eta: 4:30:00  total_loss: 11.8 (11.9)  time: 2.000000  data: 0.500000
I20251111 dinov3 helpers.py:105] Training  [  20/1250]  eta: 4:30:00  total_loss: nan (nan)  time: 1.300123  data: 0.000345
I20251111 dinov3 helpers.py:105] Training  [  30/1250]  eta: 4:30:00  total_loss: 11.8 (11.9)  ti";

    #[test]
    fn every_second_line_has_steps_of_its_own() {
        let read = lines(LOG.as_bytes());
        assert_eq!(
            read.iter().map(|line| (line.iteration, line.first())).collect::<Vec<_>>(),
            [(0, 0), (10, 0), (20, 1)]
        );
        assert_eq!((read[2].seconds, read[2].waited, read[2].horizon), (1.300_123, Some(0.000_345), Some(1250)));
        let steps: Vec<(u64, u64)> = stretches(&read).iter().map(|stretch| (stretch.first, stretch.last)).collect();
        assert_eq!(steps, [(0, 0), (1, 20)]);
    }

    #[test]
    fn figures_in_json_are_the_same_times() {
        let json = "{\"iteration\": 0, \"iter_time\": 1e-05, \"data_time\": 0.5, \"lr\": 0.0}\n{\"iteration\": 10, \"iter_time\": 2.5, \"data_time\": 0.25}\n{\"iteration\": 20, \"iter_ti";
        let read = lines(json.as_bytes());
        assert_eq!(read.iter().map(|line| (line.iteration, line.seconds)).collect::<Vec<_>>(), [(0, 1e-5), (10, 2.5)]);
    }

    /// A process that goes on from a checkpoint has a window of its own.
    #[test]
    fn the_window_begins_at_a_start() {
        let line = |it: u64| format!("x] Training  [ {it}/99]  eta: 1  a: 1 (1)  time: {it}.5  data: 0.1\n");
        let mut log = (0..=4).map(|it| line(10 * it)).collect::<String>();
        log += "x] Starting training from iteration 25\n";
        log += &(3..=5).map(|it| line(10 * it)).collect::<String>();
        let read = lines(log.as_bytes());
        assert_eq!(read.iter().map(Line::first).collect::<Vec<_>>(), [0, 0, 1, 11, 21, 25, 25, 31]);
        let steps: Vec<(u64, u64)> = stretches(&read).iter().map(|stretch| (stretch.first, stretch.last)).collect();
        assert_eq!(steps, [(0, 0), (1, 20), (25, 30), (31, 50)]);
    }
}
