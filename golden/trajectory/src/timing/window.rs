//! The steps that the published figure covers, and why it differs from the median.

use serde::{Deserialize, Serialize};

use super::{Cadence, Line, Reason};

/// A step in the window that does more than train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Special {
    /// The step.
    pub step: u64,
    /// What it does.
    pub reason: Reason,
}

/// The steps that the last five lines of a log cover. Their means overlap, so a step counts once or twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// The first step.
    pub first: u64,
    /// The last step.
    pub last: u64,
    /// The iterations of the lines.
    pub lines: Vec<u64>,
    /// Steps in it that do more than train.
    pub special: Vec<Special>,
    /// Seconds a step over the window, as the scripts weigh its steps.
    pub mean: f64,
    /// The share of one second more of the last special step in `mean`: a hundredth, for a step that is in one line alone.
    pub weight: f64,
}

impl Window {
    /// The seconds that the last special step takes beyond `median`, if it alone makes the difference to the mean; `None`
    /// without a special step, or where the window is faster than that.
    pub fn extra(&self, median: f64) -> Option<f64> {
        let extra = (self.mean - median) / self.weight;
        Some(extra).filter(|extra| !self.special.is_empty() && *extra > 0.0)
    }
}

/// The window of the published figure; `None` for a log without times.
pub fn window(lines: &[Line], cadence: &Cadence) -> Option<Window> {
    let used = &lines[lines.len().saturating_sub(5)..];
    let (first, last) = (used.iter().map(Line::first).min()?, used.last()?.iteration);
    let start = used.last()?.start;
    let reason = |step| Some(Special { step, reason: cadence.reason(step, start)? });
    let special: Vec<Special> = (first..=last).filter_map(reason).collect();
    let share = |line: &Line, step: u64| {
        let within = (line.first()..=line.iteration).contains(&step);
        if within { 1.0 / (line.iteration + 1 - line.first()) as f64 } else { 0.0 }
    };
    let weight = special.last().map_or(0.0, |special| used.iter().map(|line| share(line, special.step)).sum::<f64>());
    Some(Window {
        first,
        last,
        lines: used.iter().map(|line| line.iteration).collect(),
        special,
        mean: used.iter().map(|line| line.seconds).sum::<f64>() / used.len() as f64,
        weight: weight / used.len() as f64,
    })
}
