//! What a training log says beside its figures.

use super::{Pen, Say};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something about a log that is no figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Logged {
    /// The log.
    pub log: String,
    /// The line, from 1; of TensorBoard the record. None where it is about the log as a whole.
    pub line: Option<u64>,
    /// What is said of it.
    pub what: LogRemark,
}

/// What is said of a log, or of a line in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogRemark {
    /// The log ends in the middle of the line.
    CutLine,
    /// The last line has no line end.
    NoLineEnd,
    /// The line begins like one with figures and is none.
    Malformed {
        /// The column, counted in bytes from 1.
        column: u64,
        /// The number of further lines of this kind.
        more: u64,
    },
    /// A Python traceback begins.
    Traceback {
        /// Its last line; empty where the log ends before it.
        exception: String,
    },
    /// The first line of another process.
    MixedProcesses {
        /// The process whose lines are read.
        kept: String,
        /// The number of lines with figures that are left out.
        dropped: u64,
    },
    /// The first line that says that the loss is NaN.
    NanLoss {
        /// The number of lines that say so.
        lines: u64,
    },
    /// A column is taken for a meter of the reference.
    Assumed {
        /// The name in the log.
        column: String,
        /// The reference's name.
        meter: String,
    },
    /// Columns or tags have no numbers.
    NotNumbers {
        /// Their names.
        columns: Vec<String>,
    },
    /// The config was read from a file beside the log.
    ConfigBeside {
        /// The file.
        path: String,
    },
    /// The line gives another number of iterations for the whole training.
    OtherHorizon {
        /// The number before it.
        before: u64,
    },
}

impl Logged {
    /// The place, as compilers name it.
    fn place(&self, pen: Pen) -> String {
        let column = match self.what {
            LogRemark::Malformed { column, .. } => format!(":{column}"),
            _ => String::new(),
        };
        pen.name(&self.line.map_or_else(|| self.log.clone(), |line| format!("{}:{line}{column}", self.log)))
    }
}

impl Say for Logged {
    fn en(&self, pen: Pen) -> String {
        format!("{}: {}", self.place(pen), self.what.en(pen))
    }

    fn zh(&self, pen: Pen) -> String {
        format!("{}：{}", self.place(pen), self.what.zh(pen))
    }
}

impl Say for LogRemark {
    fn en(&self, pen: Pen) -> String {
        match self {
            Self::CutLine => "the log ends in the middle of this line, which is left out".to_owned(),
            Self::NoLineEnd => "the last line has no end, so its last number may have been longer".to_owned(),
            Self::Malformed { more, .. } => {
                let more = match more {
                    0 => String::new(),
                    1 => "; so is one more line".to_owned(),
                    more => format!("; so are {more} more lines"),
                };
                format!("a line with figures, one of which is no number: it is left out{more}")
            }
            Self::Traceback { exception } if exception.is_empty() => {
                "a Python traceback, and nothing behind it".to_owned()
            }
            Self::Traceback { exception } => format!("a Python traceback: {}", pen.text(exception)),
            Self::MixedProcesses { kept, dropped } => format!(
                "a line of another process: those of {} are read, {dropped} lines with figures are left out",
                pen.text(kept)
            ),
            Self::NanLoss { lines: 1 } => "the program says that the loss is NaN".to_owned(),
            Self::NanLoss { lines } => format!("the program says that the loss is NaN, in {lines} lines"),
            Self::Assumed { column, meter } => format!("its {} is taken for {}", pen.name(column), pen.name(meter)),
            Self::NotNumbers { columns } => {
                format!("columns without numbers are left out: {}", names(columns, pen, ", "))
            }
            Self::ConfigBeside { path } => format!("the config is read from {}", pen.name(path)),
            Self::OtherHorizon { before } => {
                format!("another number of iterations of the whole training than the {before} before")
            }
        }
    }

    fn zh(&self, pen: Pen) -> String {
        match self {
            Self::CutLine => "日志在此行中间结束，该行不计入".to_owned(),
            Self::NoLineEnd => "末行没有换行符，其最后一个数值可能不完整".to_owned(),
            Self::Malformed { more, .. } => {
                let more = if *more == 0 { String::new() } else { format!("；另有 {more} 行同样如此") };
                format!("此行应为指标行，但其中有非数值内容，不计入{more}")
            }
            Self::Traceback { exception } if exception.is_empty() => "出现 Python 异常堆栈，其后再无内容".to_owned(),
            Self::Traceback { exception } => format!("出现 Python 异常：{}", pen.text(exception)),
            Self::MixedProcesses { kept, dropped } => {
                format!("此行来自另一进程：仅读取 {} 的各行，另有 {dropped} 行指标不计入", pen.text(kept))
            }
            Self::NanLoss { lines } => format!("程序报告损失为 NaN，共 {lines} 行"),
            Self::Assumed { column, meter } => format!("将 {} 视为 {}", pen.name(column), pen.name(meter)),
            Self::NotNumbers { columns } => format!("以下各列不含数值，不计入：{}", names(columns, pen, "、")),
            Self::ConfigBeside { path } => format!("配置读自 {}", pen.name(path)),
            Self::OtherHorizon { before } => format!("整个训练的迭代数与此前的 {before} 不同"),
        }
    }
}

fn names(all: &[String], pen: Pen, between: &str) -> String {
    all.iter().map(|name| pen.name(name)).collect::<Vec<_>>().join(between)
}
