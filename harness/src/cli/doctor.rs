//! The arguments of `doctor` and `completions`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use dinov3_doctor::Family;
use dinov3_reports::Lang;

use super::{GoldenPlace, langs};

/// What follows the options in `doctor --help`.
pub const DOCTOR_HELP: &str = "\
Each line is `ok`, `advice`, `wrong`, `missing`, or `-` for what this device does
not need. Nothing is changed, and no library of an accelerator is loaded.

Examples:
  doctor
          What this machine is for, and what it lacks
  doctor --device npu --checkout DIR --dataset ImageNet:split=TRAIN:root=DIR:extra=DIR
          Before the published training, with the patched port and the images
  doctor --format json
          The same for a script

The exit code is 3 when a line is `wrong` or `missing`, and 0 otherwise.";

/// `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// What the run is to compute on. Default: the kind of device that this machine has.
    #[arg(long, value_enum)]
    pub device: Option<DoctorDevice>,
    /// The Python interpreter whose packages count. Default: DINOV3_PYTHON, which the wheel sets, or python3 on PATH.
    #[arg(long, value_name = "FILE")]
    pub python: Option<PathBuf>,
    /// A checkout of the reference, patched or not: say which known defects it has.
    #[arg(long, value_name = "DIR")]
    pub checkout: Option<PathBuf>,
    /// Look at the tables of these images, and decode a sample.
    #[arg(long, value_name = "SPEC")]
    pub dataset: Option<String>,
    /// Where checkpoints would go.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub output_dir: PathBuf,
    /// Where golden sets are.
    #[command(flatten)]
    pub golden: GoldenPlace,
    /// As what to print the lines.
    #[arg(long, value_enum, default_value_t = DoctorFormat::Text)]
    pub format: DoctorFormat,
    /// The language of the lines.
    #[arg(long, default_value_t = Lang::En, value_parser = langs())]
    pub lang: Lang,
}

/// What follows the options in `completions --help`.
pub const SHELL_HELP: &str = "\
Examples:
  completions bash > ~/.local/share/bash-completion/completions/dinov3-harness
  completions zsh > DIR-OF-FPATH/_dinov3-harness
  completions fish > ~/.config/fish/completions/dinov3-harness.fish
  completions --man ~/.local/share/man/man1";

/// `completions`.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: Option<clap_complete::Shell>,
    /// Write the manual to this folder instead: a page per command.
    #[arg(long, value_name = "DIR")]
    pub man: Option<PathBuf>,
}

/// `doctor --device`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DoctorDevice {
    /// The processor.
    Cpu,
    /// NVIDIA's cards.
    Cuda,
    /// Ascend's cards.
    Npu,
}

impl From<DoctorDevice> for Family {
    fn from(device: DoctorDevice) -> Self {
        match device {
            DoctorDevice::Cpu => Self::Cpu,
            DoctorDevice::Cuda => Self::Cuda,
            DoctorDevice::Npu => Self::Npu,
        }
    }
}

/// `doctor --format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DoctorFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}
