//! The arguments of `train`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

pub(super) const TRAIN_HELP: &str = "\
Every word from the first KEY=VALUE on is an override, as in the reference: the
options come before them.

Examples:
  train --recipe vitl16-performance --output-dir out train.dataset_path=ImageNet:split=TRAIN:root=/data:extra=/tables
          One epoch of the published recipe
  train --recipe micro-125k --output-dir out
          Needs no images: 36 photographs on board are written to out/photographs
  train --config-file my.yaml --output-dir out optim.lr=2e-3
          A config of the reference or your own; the same command goes on where it was stopped
  train --config-file my.yaml --output-dir out --resume-as reference
          Goes on as the reference does: weights and moments, another order of the images

OUT holds config.yaml, logs/log.txt, training_metrics.json, ckpt/N (checkpoints)
and eval/training_N/teacher_checkpoint.pth (the teacher, for its evaluation).
SIGINT and SIGTERM finish the step, save and end with exit code 0; a second one
ends the program at once. Exit code 1: the loss was NaN too often in a row.";

/// `train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// The config: a YAML file of the reference, or your own.
    #[arg(long, value_name = "FILE", conflicts_with = "recipe")]
    pub config_file: Option<String>,
    /// A config on board: vitl16-published, vitl16-performance, vits16 or micro-125k.
    #[arg(long, value_name = "NAME")]
    pub recipe: Option<String>,
    /// The folder of everything that is written.
    #[arg(long, value_name = "DIR", default_value = "./local_dino")]
    pub output_dir: String,
    /// Seed of the random streams, on rank r with r added; `train.seed` is that of the order of the images.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u32,
    /// Begin anew; an output folder that has checkpoints is refused.
    #[arg(long)]
    pub no_resume: bool,
    /// How to go on from the last checkpoint in the output folder.
    #[arg(long, value_enum, default_value_t = ResumeArg::Exact, conflicts_with = "no_resume")]
    pub resume_as: ResumeArg,
    /// Take so many steps at most now, and save.
    #[arg(long, value_name = "N")]
    pub steps: Option<usize>,
    /// Write the figures of `training_metrics.json` as TensorBoard's event files too, into this folder.
    #[arg(long, value_name = "DIR")]
    pub tensorboard: Option<PathBuf>,
    /// Where to compute: cpu, cuda, cuda:N, npu or npu:N.
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// The plugin that lends the device (model/plugins/README.md): `--plugin FILE --device npu`.
    #[arg(long, value_name = "FILE")]
    pub plugin: Option<PathBuf>,
    /// Start so many ranks of this command on this machine, as torchrun would, and end them together.
    #[arg(long, value_name = "N")]
    pub nproc: Option<usize>,
    /// Threads that read and cut images. Default: one a processor. They decide nothing but the speed.
    #[arg(long, value_name = "N")]
    pub loader_threads: Option<usize>,
    /// How many images may be unusable; the reference ends at the first, as with 0.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub broken_limit: usize,
    /// Write the total loss of each step to steps.jsonl, and to states.jsonl SHA-256 of weights, moments and random stream after every N
    /// steps: the suite `trajectory` compares them to the bit.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub trace: Option<u64>,
    /// Move each first weight by an ulp, up or down by this seed: such runs show how far a training strays from itself.
    #[arg(long, value_name = "SEED")]
    pub ulp_seed: Option<u64>,
    /// Train several students at once, each on some of the ranks: the config lists them.
    #[arg(long)]
    pub multi_distillation: bool,
    /// Let libtorch use all that this processor has, not the instruction set of the golden sets. On a CPU the bits then differ from the
    /// reference's pinned ones.
    #[arg(long)]
    pub no_pins: bool,
    /// What the reference's parser takes and nothing in it reads.
    #[command(flatten)]
    pub never_read: NeverRead,
    /// Overrides such as `optim.lr=1e-3`, the later on top; nothing but overrides follows them.
    #[arg(value_name = "KEY=VALUE", trailing_var_arg = true, allow_hyphen_values = true)]
    pub overrides: Vec<String>,
}

/// Options of the reference that do nothing there, or crash.
#[derive(Debug, Args)]
#[allow(missing_docs, reason = "the fields are the reference's options, hidden and refused by name")]
pub struct NeverRead {
    #[arg(long, hide = true)]
    pub eval_only: bool,
    #[arg(long, hide = true, value_name = "TYPE")]
    pub eval: Option<String>,
    #[arg(long = "eval_pretrained_weights", hide = true, value_name = "FILE")]
    pub eval_pretrained_weights: Option<String>,
    #[arg(long, hide = true)]
    pub benchmark_codebase: bool,
    #[arg(long, hide = true)]
    pub test_ibot: bool,
    #[arg(long, hide = true)]
    pub profiling: bool,
    #[arg(long, hide = true)]
    pub dump_fsdp_weights: bool,
    #[arg(long = "record_ref_losses", hide = true)]
    pub record_ref_losses: bool,
    #[arg(long = "ref_losses_path", hide = true, value_name = "FILE")]
    pub ref_losses_path: Option<String>,
}

/// `train --resume-as`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ResumeArg {
    /// As if nothing had come between, to the bit.
    Exact,
    /// Weights and moments alone, as the reference: other images follow, and the streams begin anew.
    Reference,
}
