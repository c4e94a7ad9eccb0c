//! The arguments of `checkpoint`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `checkpoint`.
#[derive(Debug, Subcommand)]
pub enum CheckpointCommand {
    /// Show what a checkpoint holds: a `.pth`, a distributed one, safetensors, or one of `train`.
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ShowArgs),
    /// Write a checkpoint in another format, for torch or for this trainer.
    #[command(after_help = CONVERT_HELP)]
    Convert(ConvertArgs),
}

const SHOW_EXAMPLES: &str = "\
Examples:
  checkpoint show eval/training_12499/teacher_checkpoint.pth
          Which networks it has, and how large they are
  checkpoint show ckpt/3749 --tensors
          Every tensor and value of a distributed checkpoint";

const CONVERT_HELP: &str = "\
The ending of TO gives the format: .pth, .safetensors; anything else is a
folder of torch.distributed.checkpoint. A file or folder that is there is
replaced when the new one is whole.

A network is written as the reference writes one: {\"teacher\": …} in a .pth,
`model` beside `iteration` in a folder, plain names in safetensors. The state
of a whole training keeps its keys; --part takes one network out of it. Of a
checkpoint of `train`, weights, moments and steps are written under the
reference's names; random streams and the loader's position are not.

Examples:
  checkpoint convert sharded_teacher_checkpoint teacher.pth
          What the reference's evaluation reads
  checkpoint convert out/ckpt/3749 teacher.pth --part model_ema
          The moving average of a run of `train`
  checkpoint convert teacher_checkpoint.pth gram --to dcp
          A folder that `gram.ckpt` takes";

/// `checkpoint show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The file or folder.
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// List every tensor and value.
    #[arg(long)]
    pub tensors: bool,
    /// As what to print it; JSON has every tensor and value.
    #[arg(long, value_enum, default_value_t = ShowFormat::Text)]
    pub format: ShowFormat,
}

/// `checkpoint show --format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ShowFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// `checkpoint convert`.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// The file or folder to be read.
    #[arg(value_name = "FROM")]
    pub from: PathBuf,
    /// The file or folder to be written.
    #[arg(value_name = "TO")]
    pub to: PathBuf,
    /// The format, where the ending of TO should not give it.
    #[arg(long = "to", value_name = "FORMAT", value_enum)]
    pub format: Option<ConvertFormat>,
    /// One network of a whole training's state: student, model_ema (the moving average), teacher, gram_teacher.
    #[arg(long, value_name = "NAME")]
    pub part: Option<String>,
}

/// `checkpoint convert --to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConvertFormat {
    /// What `torch.save` writes.
    Pth,
    /// A folder of torch.distributed.checkpoint.
    Dcp,
    /// safetensors.
    Safetensors,
}
