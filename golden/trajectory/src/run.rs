//! A run as its log shows it: one series for each meter, and what the log says beside its figures.

use std::fmt;

use serde::Serialize;

/// A run, read from one log.
///
/// Each series has its iterations in rising order, one value for each. If the log has several lines of one iteration,
/// as after a restart from a checkpoint, the last one counts. [`Run::logged`] keeps the order of the log.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Run {
    /// The name of the run: the path of its log, or a name that the caller gave.
    pub name: String,
    /// The format of the log.
    pub format: Format,
    /// What the log says about the run as a whole.
    pub facts: Facts,
    /// The iteration of each line with figures, in the order of the log.
    pub logged: Vec<u64>,
    /// The places where the log says that a program began or went on.
    pub starts: Vec<Start>,
    /// The series, in the order of the log.
    pub series: Vec<Series>,
    /// What a reader of the log should know.
    pub notes: Vec<Note>,
}

/// What a log says about its run as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Facts {
    /// Iterations of the whole training.
    pub horizon: Option<u64>,
    /// The commit of the program.
    pub commit: Option<String>,
    /// The merged config, as YAML text.
    pub config: Option<String>,
}

/// A line such as `Starting training from iteration 80`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// The number of lines with figures before it.
    pub row: usize,
    /// The first iteration of the program that began.
    pub iteration: u64,
}

/// The values of one meter.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The reference's name of the meter.
    pub meter: String,
    /// The iterations, in rising order.
    pub iterations: Vec<u64>,
    /// One value for each iteration.
    pub values: Vec<f64>,
    /// How exactly the log gives the values.
    pub resolution: Resolution,
}

/// How exactly a log gives a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// To the last bit.
    #[default]
    Exact,
    /// Rounded to float32.
    Float32,
    /// Rounded to so many decimals.
    Decimals(u32),
}

impl Resolution {
    /// The largest rounding error of `value`.
    pub fn half_step(self, value: f64) -> f64 {
        match self {
            Self::Exact => 0.0,
            Self::Float32 => value.abs() * f64::from(f32::EPSILON) / 2.0,
            Self::Decimals(decimals) => 0.5 * 0.1_f64.powi(decimals.min(300) as i32),
        }
    }

    /// Whether two values, each rounded in its own way, may have been the same number.
    pub fn agree(self, value: f64, other: Self, theirs: f64) -> bool {
        if value.is_nan() || theirs.is_nan() {
            return value.is_nan() && theirs.is_nan();
        }
        if value.is_infinite() || theirs.is_infinite() {
            return value == theirs;
        }
        // The sum of two half steps is a decimal fraction that binary numbers only approximate.
        let allowed = (self.half_step(value) + other.half_step(theirs)) * (1.0 + 1e-9);
        let rounding = if allowed > 0.0 { value.abs().max(theirs.abs()) * f64::EPSILON } else { 0.0 };
        value == theirs || (value - theirs).abs() <= allowed + rounding
    }

    /// The coarser of two.
    #[must_use]
    pub fn coarser(self, other: Self) -> Self {
        match (self, other) {
            (Self::Decimals(a), Self::Decimals(b)) => Self::Decimals(a.min(b)),
            (Self::Decimals(a), _) | (_, Self::Decimals(a)) => Self::Decimals(a),
            (Self::Float32, _) | (_, Self::Float32) => Self::Float32,
            (Self::Exact, Self::Exact) => Self::Exact,
        }
    }
}

/// The format of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `training_metrics.json`: one JSON object a line.
    JsonLines,
    /// The text log of the Python program or of its Ascend port.
    Text,
    /// A table with a header line.
    Csv,
    /// Event files of TensorBoard.
    TensorBoard,
    /// A golden trajectory.
    Golden,
    /// No file: values from memory.
    #[default]
    Memory,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::JsonLines => "training_metrics.json",
            Self::Text => "text log",
            Self::Csv => "CSV",
            Self::TensorBoard => "TensorBoard events",
            Self::Golden => "golden trajectory",
            Self::Memory => "memory",
        })
    }
}

/// Something about a log that is no figure. Lines are counted from 1; TensorBoard's records too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "note")]
pub enum Note {
    /// The log ends in the middle of a line, which is left out.
    CutLine {
        /// The line.
        line: u64,
    },
    /// The last line has no line end and was read all the same; its last number may have been longer.
    NoLineEnd {
        /// The line.
        line: u64,
    },
    /// A line that begins like a line with figures and is none; it is left out.
    Malformed {
        /// The line.
        line: u64,
        /// The column, counted in bytes from 1.
        column: u64,
        /// The number of further lines of this kind.
        more: u64,
    },
    /// A Python traceback.
    Traceback {
        /// The line where it begins.
        line: u64,
        /// The exception: the last line of the traceback.
        exception: String,
    },
    /// The log is a mixture of the lines of several processes. The lines of one are read.
    MixedProcesses {
        /// The process whose lines are read.
        kept: String,
        /// The first line of another process.
        line: u64,
        /// The number of lines with figures left out.
        dropped: u64,
    },
    /// The program found a loss that is NaN.
    NanLoss {
        /// The first line that says so.
        line: u64,
        /// The number of lines that say so.
        lines: u64,
    },
    /// The log has no name that the reference gives to a meter; this column is taken for it.
    Assumed {
        /// The name in the log.
        column: String,
        /// The reference's name.
        meter: String,
    },
    /// Columns or tags without numbers, left out.
    NotNumbers {
        /// Their names.
        columns: Vec<String>,
    },
    /// The config was read from the file beside the log.
    ConfigBeside {
        /// The path of the file.
        path: String,
    },
    /// Two lines give another horizon; the last one counts.
    OtherHorizon {
        /// The line of the other horizon.
        line: u64,
        /// The horizon before it.
        before: u64,
    },
}

impl Run {
    /// A run from values in memory. `iterations` rise.
    ///
    /// # Panics
    /// When the iterations do not rise, or a series has another length.
    pub fn from_values(name: &str, iterations: &[u64], series: Vec<(String, Vec<f64>)>) -> Self {
        assert!(iterations.is_sorted_by(|a, b| a < b), "the iterations of `{name}` do not rise");
        let series = series.into_iter().map(|(meter, values)| {
            assert_eq!(values.len(), iterations.len(), "the length of `{meter}`");
            Series { meter, iterations: iterations.to_vec(), values, resolution: Resolution::Exact }
        });
        Self { name: name.to_owned(), logged: iterations.to_vec(), series: series.collect(), ..Self::default() }
    }

    /// The series of a meter.
    pub fn series(&self, meter: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.meter == meter)
    }

    /// The iterations of the log in rising order, each once. Series of every step do not count.
    pub fn iterations(&self) -> Vec<u64> {
        let mut iterations = self.logged.clone();
        iterations.sort_unstable();
        iterations.dedup();
        iterations
    }

    /// The last iteration of the log.
    pub fn last(&self) -> Option<u64> {
        self.logged.iter().copied().max()
    }
}

impl Series {
    /// The value at an iteration.
    pub fn at(&self, iteration: u64) -> Option<f64> {
        self.iterations.binary_search(&iteration).ok().map(|index| self.values[index])
    }

    /// Each iteration with its value.
    pub fn points(&self) -> impl Iterator<Item = (u64, f64)> + '_ {
        self.iterations.iter().copied().zip(self.values.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_decimals_agree_with_what_they_round_and_with_nothing_else() {
        let four = Resolution::Decimals(4);
        assert!(four.agree(0.0001, Resolution::Exact, 0.000_149_99));
        assert!(four.agree(9.9345, Resolution::Exact, 9.934_55));
        assert!(!four.agree(9.9345, Resolution::Exact, 9.9346));
        assert!(four.agree(9.9345, four, 9.9346), "both may have been 9.93455");
        assert!(!four.agree(9.9345, four, 9.9347));
        assert!(!Resolution::Exact.agree(1.0, Resolution::Exact, 1.0 + f64::EPSILON));
        assert!(Resolution::Exact.agree(f64::NAN, four, f64::NAN));
        assert!(!four.agree(f64::NAN, four, 1.0));
        assert!(Resolution::Float32.agree(f64::from(0.1_f32), Resolution::Exact, 0.1));
        assert_eq!(four.coarser(Resolution::Exact), four);
        assert!(four.agree(f64::INFINITY, four, f64::INFINITY) && !four.agree(f64::INFINITY, four, 1.0));
    }
}
