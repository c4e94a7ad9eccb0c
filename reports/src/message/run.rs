//! What is said of the run itself.

use super::{Pen, Say};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A remark on the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Run {
    /// A report was written.
    Written {
        /// Its file.
        file: String,
    },
    /// A check that may be vacuous did not run.
    NoSuchCheck {
        /// The option and its value.
        option: String,
        /// The check that was meant perhaps.
        #[serde(default)]
        meant: Option<String>,
    },
}

impl Say for Run {
    fn en(&self, pen: Pen) -> String {
        match self {
            Self::Written { file } => format!("report: {}", pen.name(file)),
            Self::NoSuchCheck { option, meant } => {
                let meant = meant.as_ref().map_or_else(String::new, |it| format!("; did you mean {}?", pen.name(it)));
                format!("{}: no check of that name ran{meant}", pen.name(option))
            }
        }
    }

    fn zh(&self, pen: Pen) -> String {
        match self {
            Self::Written { file } => format!("报告：{}", pen.name(file)),
            Self::NoSuchCheck { option, meant } => {
                let meant = meant.as_ref().map_or_else(String::new, |it| format!("，是否为 {}？", pen.name(it)));
                format!("{}：没有执行该名称的用例{meant}", pen.name(option))
            }
        }
    }
}
