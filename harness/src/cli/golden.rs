//! The arguments of `golden`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::PrecisionArg;

/// `golden`.
#[derive(Debug, Subcommand)]
pub enum GoldenCommand {
    /// List the sets: their profile, precisions and size.
    List(ManySets),
    /// Check every byte of the sets against their hashes and records.
    Verify(ManySets),
    /// Show what one set holds: how it was recorded, or some of its tensors.
    Show(OneSet),
    /// Compare the tensors of two sets.
    #[command(after_help = DIFF_HELP)]
    Diff(DiffArgs),
    /// Measure how far correct runs are from a recorded one, for the suite `trajectory`.
    #[command(after_help = SPREAD_HELP)]
    Spread(SpreadArgs),
    /// Write what a set starts from: weights, buffers and draws.
    #[command(after_help = WEIGHTS_HELP)]
    Weights(WeightsArgs),
    /// Hold a dump of msprobe against a set.
    #[command(after_help = MSPROBE_HELP)]
    Msprobe(MsprobeArgs),
}

const MSPROBE_HELP: &str = "\
DUMP is a folder of one step and rank, with dump.json: DUMP_PATH/step0/rank0. A
dump of the task `tensor` is judged as a recorded candidate is. One of
`statistics` shows that figures agree, and one of `md5` that bits are the same.";

/// `golden msprobe`.
#[derive(Debug, Args)]
pub struct MsprobeArgs {
    /// The dump.
    pub dump: PathBuf,
    /// The set: its name, or its folder.
    #[arg(long, value_name = "SET")]
    pub set: String,
    /// Write a table in the columns of `msprobe compare`, as CSV.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Where to look for a name.
    #[command(flatten)]
    pub golden: GoldenPlace,
}

const DIFF_HELP: &str = "\
The exit code is 0 if all tensors that both have are the same, and 1 if not.

Examples:
  golden diff micro candidate/micro
          What differs, in execution order
  golden diff candidate-a/micro candidate-b/micro mlp.act --precision fp32
          All tensors whose name contains mlp.act, at fp32";

/// `golden diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// A set: its name, or its folder.
    #[arg(value_name = "A")]
    pub first: String,
    /// The set that is held against it.
    #[arg(value_name = "B")]
    pub second: String,
    /// Show the tensors whose name contains this.
    #[arg(value_name = "PART")]
    pub part: Option<String>,
    /// Compare this precision alone.
    #[arg(long, value_enum)]
    pub precision: Option<PrecisionArg>,
    /// Where to look for a name.
    #[command(flatten)]
    pub golden: GoldenPlace,
}

const SPREAD_HELP: &str = "\
The runs differ in rounding alone: `train --recipe NAME --ulp-seed N` gives one.
What is written is spread-fp32.json or spread-bf16.json in the folder of the
recorded run, in place of what is there.";

/// `golden spread`.
#[derive(Debug, Args)]
pub struct SpreadArgs {
    /// The folder of the recorded run.
    #[arg(value_name = "DIR")]
    pub trajectory: PathBuf,
    /// Logs of further runs, or their output folders.
    #[arg(value_name = "LOG", required = true)]
    pub logs: Vec<PathBuf>,
    /// The precision of all of them.
    #[arg(long, value_enum)]
    pub precision: PrecisionArg,
    /// Keep what is known of stretches of the run that more of the earlier runs cover.
    #[arg(long)]
    pub add: bool,
}

const WEIGHTS_HELP: &str = "\
A candidate that another version of PyTorch records starts from other weights,
because that version draws otherwise from the same seed. With the file it starts
from the golden set's own:

  python golden/export/record.py --reference CHECKOUT --out DIR \\
      --inputs-from golden/sets/micro --inputs-from micro.weights.safetensors micro";

/// Where golden sets are.
#[derive(Debug, Args)]
pub struct GoldenPlace {
    /// A folder of golden sets, or one set; repeatable. Default: what DINOV3_GOLDEN names, or this repository's sets.
    #[arg(long, value_name = "DIR")]
    pub golden: Vec<PathBuf>,
}

/// `golden list` and `golden verify`.
#[derive(Debug, Args)]
pub struct ManySets {
    /// Same as `--golden DIR`.
    #[arg(value_name = "DIR")]
    pub folders: Vec<PathBuf>,
    /// The same, as an option.
    #[command(flatten)]
    pub golden: GoldenPlace,
}

/// `golden show`.
#[derive(Debug, Args)]
pub struct OneSet {
    /// The set: its name, or its folder.
    pub set: String,
    /// Show the tensors whose name contains this, in place of the recipe.
    #[arg(value_name = "PART")]
    pub part: Option<String>,
    /// Show the tensors of this candidate beside them: its folder, or one with several.
    #[arg(long, value_name = "DIR", requires = "part")]
    pub candidate: Option<PathBuf>,
    /// Where to look for a name.
    #[command(flatten)]
    pub golden: GoldenPlace,
}

/// `golden weights`.
#[derive(Debug, Args)]
pub struct WeightsArgs {
    /// The set: its name, or its folder.
    pub set: String,
    /// The file to write, as safetensors.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Where to look for a name.
    #[command(flatten)]
    pub golden: GoldenPlace,
}
