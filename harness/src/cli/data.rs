//! The arguments of `data`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `data`.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Make the tables, byte for byte those of the reference's `dump_extra`.
    #[command(after_help = PREPARE_HELP)]
    Prepare(PrepareArgs),
    /// Show what tables there are and what they hold.
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect(InspectArgs),
}

const PREPARE_HELP: &str = "\
DIR of --root holds labels.txt, and train/ and val/ with a folder a class.

Tables that are whole are kept unless labels.txt or a folder of a class has
changed since they were made. Each appears complete or not at all: after an
interruption the same command goes on with the splits that are missing.";

const INSPECT_EXAMPLES: &str = "\
Examples:
  data inspect --extra /data/imagenet-extra
          All tables in that folder
  data inspect ImageNet:split=TRAIN:root=/data/imagenet:extra=/data/imagenet-extra
          Those of one split, and whether some of its images are where they should be";

/// `data prepare`.
#[derive(Debug, Args)]
pub struct PrepareArgs {
    /// The folder of ImageNet.
    #[arg(long, value_name = "DIR")]
    pub root: PathBuf,
    /// The folder that the tables go to; made if it is missing.
    #[arg(long, value_name = "DIR")]
    pub extra: PathBuf,
    /// TRAIN, VAL or TEST; repeatable. Default: those that have a folder.
    #[arg(long, value_name = "SPLIT")]
    pub split: Vec<String>,
    /// Make also the tables that are whole and up to date.
    #[arg(long)]
    pub force: bool,
}

/// `data inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// A dataset string as in `train.dataset_path`.
    #[arg(value_name = "DATASET", required_unless_present = "extra", conflicts_with_all = ["extra", "root"])]
    pub dataset: Option<String>,
    /// The folder of the tables.
    #[arg(long, value_name = "DIR")]
    pub extra: Option<PathBuf>,
    /// The folder of ImageNet: look whether some of the images are there.
    #[arg(long, value_name = "DIR", requires = "extra")]
    pub root: Option<PathBuf>,
    /// As what to print it.
    #[arg(long, value_enum, default_value_t = InspectFormat::Text)]
    pub format: InspectFormat,
}

/// `data inspect --format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InspectFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}
