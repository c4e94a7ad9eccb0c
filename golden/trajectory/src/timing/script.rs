//! The published scripts' figure, from the text log that they read.

use memchr::memmem;
use serde::{Deserialize, Serialize};

use super::awk::{number, printed};

/// The images a step of the published runs: 8 cards of 64.
pub const IMAGES: u64 = 8 * 64;

/// The scripts read so many lines.
const LINES: usize = 5;

/// What the published scripts print for a log, each as their `awk` prints it.
///
/// * `seconds`: the mean of the last five `time:` of the log, `TrainingTime` in their file.
/// * `fps`: the images of a step over `seconds`, as rounded: `ActualFPS`.
/// * `loss`: what follows the last `total_loss: `, up to the first character that is no digit and no point: `ActualLoss`. A
///   line that was cut has a shorter number here; a loss that is not a number, or a negative one, gives `total_loss:`.
///
/// Without a line that has a time, `seconds` and `fps` are empty. There one `awk` ends with an error, and the scripts print
/// nothing; another prints `-nan` and `-inf`. The scripts end with exit code 0 all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// Seconds a step; empty if there is none.
    pub seconds: String,
    /// Images a second; empty if there is none.
    pub fps: String,
    /// The loss at the end; empty if there is none.
    pub loss: String,
}

impl Script {
    /// Images a second, if the run has not failed.
    pub fn fps(&self) -> Option<f64> {
        self.fps.parse().ok()
    }

    /// Seconds a step.
    pub fn seconds(&self) -> Option<f64> {
        self.seconds.parse().ok()
    }

    /// The loss at the end, if it is a number.
    pub fn loss(&self) -> Option<f64> {
        self.loss.parse().ok()
    }
}

/// The published scripts' figures of a text log whose steps take so many images over all ranks ([`IMAGES`] in the scripts).
///
/// A line that ends behind `)  time:` counts as 0 seconds, as it does for `awk`.
pub fn script(log: &[u8], images: u64) -> Script {
    let lines = log.rsplit(|byte| *byte == b'\n').filter(|line| memmem::find(line, b")  time:").is_some());
    let mut last: Vec<f64> = lines.take(LINES).map(time).collect();
    // Added up in the order of the log.
    last.reverse();
    let mean = last.iter().sum::<f64>() / last.len() as f64;
    let seconds = printed(mean);
    let fps = seconds.parse::<f64>().map_or_else(|_| String::new(), |seconds| printed(images as f64 / seconds));
    Script { seconds, fps, loss: loss(log) }
}

/// The first word between the first `time: ` of a line and the next one.
fn time(line: &[u8]) -> f64 {
    const NAME: &[u8] = b"time: ";
    let Some(at) = memmem::find(line, NAME) else { return 0.0 };
    let rest = &line[at + NAME.len()..];
    let rest = &rest[..memmem::find(rest, NAME).unwrap_or(rest.len())];
    rest.split(u8::is_ascii_whitespace).find(|word| !word.is_empty()).map_or(0.0, number)
}

fn loss(log: &[u8]) -> String {
    const NAME: &[u8] = b"total_loss: ";
    let Some(at) = memmem::rfind(log, NAME) else { return String::new() };
    let digits = log[at + NAME.len()..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.');
    let number: String = digits.map(|byte| char::from(*byte)).collect();
    if number.is_empty() { "total_loss:".to_owned() } else { number }
}
