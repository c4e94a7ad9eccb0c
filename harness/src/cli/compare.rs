//! The arguments of `compare`.

use std::path::PathBuf;

use clap::Args;

use super::{OutputArgs, share};

/// What stands below the options of `compare`.
pub const COMPARE_HELP: &str = "\
A RUN is a JSON report of `run --suite performance`, the folder of a training, a
log in any format, the file of nine lines that the published scripts write, or a
published row: competitor-a, atlas-800t-a2. `LABEL=RUN` gives it a name.

The first RUN is what the others are held against. With one RUN alone, the
published rows come before it.

Examples:
  compare competitor-a atlas-800t-a2
          The published rows, with what their source gets wrong
  compare logs/log.txt --report page.html
          A run beside what was published
  compare \"GPU\"=gpu/output \"NPU\"=npu/output --report compare.md --lang zh
          Two runs, with the columns of Ascend's own tables

The exit code is 0 if every speed can be trusted and all losses follow those of
the first run, and 1 otherwise.";

/// `compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// What is laid beside each other: a report, a folder, a log, or a published row.
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<String>,
    /// The log of a further run of the first run's recipe: how far correct runs are apart. Repeatable.
    #[arg(long, value_name = "LOG")]
    pub spread: Vec<PathBuf>,
    /// Compare the losses of the first N steps alone.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub steps: Option<u64>,
    /// The margin of equivalence at the end of a run, relative to the loss, stated beforehand.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub margin: Option<f64>,
    /// Where the report goes.
    #[command(flatten)]
    pub output: OutputArgs,
}
