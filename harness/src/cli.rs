//! The arguments as they are typed.

mod train;

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use dinov3_golden::manifest::Profile;
use dinov3_reports::{Format, Lang, RENDERERS, endings};
use dinov3_suites::defects;

use crate::plants::PlantValue;
use train::TRAIN_HELP;

pub use train::{NeverRead, ResumeArg, TrainArgs};

/// Tells whether a DINOv3 pre-training run on this machine, or recorded elsewhere, is the reference run.
#[derive(Debug, Parser)]
#[command(name = "dinov3-harness", version = env!("DINOV3_VERSION"), after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  every check passes
  1  a check failed, or nothing was proved
  2  wrong usage or input
  3  the environment lacks something, such as the device";

const EXAMPLES: &str = "\
Examples:
  run --suite precision
          Is our own trainer on this machine the reference?
  run --suite precision --candidate DIR --report report.md --report junit.xml
          Is what was recorded in DIR, on another machine perhaps, the reference?
  run --suite layers --golden golden/sets/micro --plant gelu-tanh@1
          Does the harness notice a wrong GELU in block 1?
  run --suite training --plant ema-without-student
          Does it notice a teacher that the student never reaches?
  run --suite reduce-op --nproc 4
          Do four ranks on this machine sum as they should?";

const CONFIG_EXAMPLES: &str = "\
Examples:
  config vitl_im1k_lin834.yaml train.compile=false
          The config that this run would have
  config optim.lr=2e-3 --scaled --world-size 8 --format json
          The defaults with another learning rate, scaled to 8 ranks
  config multi_distillation.yaml --rank 5 --world-size 8
          The config of the student that rank 5 trains

The reference accepts keys that it does not know: they are kept, with a warning.
A config that this trainer cannot honour is printed all the same; the error
follows it, with exit code 2.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run suites and report.
    #[command(after_help = EXAMPLES)]
    Run(RunArgs),
    /// Train, as the reference's own program does: its config, its log, its files.
    #[command(after_help = TRAIN_HELP)]
    Train(TrainArgs),
    /// Render the report of a finished run again.
    #[command(after_help = REPORT_HELP)]
    Report(ReportArgs),
    /// Look at golden sets, the recorded reference.
    #[command(subcommand)]
    Golden(GoldenCommand),
    /// Make and look at ImageNet's tables, which say what images there are.
    #[command(subcommand)]
    Data(DataCommand),
    /// List the suites and what each proves.
    Suites,
    /// Print a config as the reference merges it: defaults, a YAML file, overrides.
    #[command(after_help = CONFIG_EXAMPLES)]
    Config(ConfigArgs),
    /// A rank that the suite `reduce-op` starts.
    #[command(hide = true)]
    Worker(WorkerArgs),
}

/// Where a report goes, and in which language.
#[derive(Debug, Args)]
pub struct OutputArgs {
    /// Write the report to this file.
    #[arg(long, value_name = "FILE", help = report_help())]
    pub report: Vec<PathBuf>,
    /// Print the report on standard output, and what is meant for people on standard error.
    #[arg(long, value_parser = formats())]
    pub format: Option<Format>,
    /// The language of the terminal and of reports; JSON is the same in all.
    #[arg(long, default_value_t = Lang::En, value_parser = langs())]
    pub lang: Lang,
}

fn report_help() -> String {
    format!("Write the report to this file; its ending gives the format: {}. Repeatable", endings())
}

fn formats() -> impl TypedValueParser<Value = Format> {
    let values = RENDERERS.iter().map(|renderer| PossibleValue::new(renderer.name()).help(renderer.about()));
    PossibleValuesParser::new(values).try_map(|name| name.parse())
}

fn langs() -> impl TypedValueParser<Value = Lang> {
    let values = Lang::ALL.map(|lang| PossibleValue::new(lang.name()).help(lang.own_name()));
    PossibleValuesParser::new(values).try_map(|name| name.parse())
}

const REPORT_HELP: &str = "\
Without --report and --format, the terminal shows what the run showed.

Examples:
  report run.json --report report.md --lang zh
          The report of a run, in another form and language
  report events.jsonl --partial --report report.md
          What a run had found out that was cut short

The exit code is 0 when the report was rendered, whatever it says, and 2 when
the file cannot be read.";

/// `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// What `run --report FILE.json` or `run --events FILE` wrote.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where the report goes.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Of a run that was cut short, report the checks that are whole; the report says so, and does not pass.
    #[arg(long)]
    pub partial: bool,
}

/// `worker`.
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// What to do, as the suite puts it.
    pub asked: String,
}

/// `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// A suite, or a group of suites; repeatable. `suites` lists them.
    #[arg(long, value_name = "NAME", required = true)]
    pub suite: Vec<String>,
    /// How much to run.
    #[arg(long, value_enum, default_value_t = ProfileArg::Quick)]
    pub profile: ProfileArg,
    /// Where to compute: cpu, cuda, cuda:N, npu or npu:N.
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Start so many ranks of this command on this machine, as torchrun would, and end them together. Rank 0 reports.
    #[arg(long, value_name = "N")]
    pub nproc: Option<usize>,
    /// What ranks exchange tensors over: gloo, nccl, or the path of a plugin. Default: gloo on the CPU, nccl on CUDA.
    #[arg(long, value_name = "NAME|PATH", conflicts_with = "candidate")]
    pub backend: Option<String>,
    /// How the suite `reduce-op` comes by PREMUL_SUM. Default: native where the backend has it, else emulated.
    #[arg(long, value_enum)]
    pub premul: Option<PremulArg>,
    /// Where golden sets are.
    #[command(flatten)]
    pub golden: GoldenPlace,
    /// Judge a set recorded elsewhere (or a folder of sets, all of them) in place of our own trainer.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["device", "plant", "no_pins"])]
    pub candidate: Option<PathBuf>,
    /// Hold the candidate, which is the log of a training, against this log in place of the recorded run.
    #[arg(long, value_name = "LOG", requires = "candidate")]
    pub against: Option<PathBuf>,
    /// The log of a further run of the recipe of `--against`: how far correct runs are apart. Repeatable.
    #[arg(long, value_name = "LOG", requires = "against")]
    pub spread: Vec<PathBuf>,
    /// The precision of the candidate's training, where its log does not say.
    #[arg(long, value_enum, conflicts_with = "against")]
    pub precision: Option<PrecisionArg>,
    /// Compare the first N steps alone: the candidate is shorter on purpose (suite `trajectory`).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub steps: Option<u64>,
    /// The margin of equivalence at the end of a run, relative to the loss, stated beforehand (suite `trajectory`).
    #[arg(long, value_name = "SHARE", requires = "candidate", value_parser = share)]
    pub margin: Option<f64>,
    /// The folder of a training over all steps (suite `trajectory`, profile full): the same command goes on with what is there.
    /// Default: local_trajectory.
    #[arg(long, value_name = "DIR", conflicts_with = "candidate")]
    pub output_dir: Option<PathBuf>,
    /// Where the report goes.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Write what happens to this file, as it happens: a line of JSON an event. `report FILE` renders it.
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Let this check pass although it could not have failed here; repeatable.
    #[arg(long, value_name = "CHECK")]
    pub allow_vacuous: Vec<String>,
    /// Break our own trainer on purpose, in one block (0 unless given) or in the whole step, to see that the harness notices.
    /// `--plant help` says what each fault breaks.
    #[arg(long, value_name = "FAULT[@BLOCK]", value_parser = PlantValue, long_help = plant_help())]
    pub plant: Option<String>,
    /// Let libtorch use all that this processor has, not the instruction set that the golden sets were recorded under.
    /// The bits then differ from the reference's, and the yardstick alone decides.
    #[arg(long)]
    pub no_pins: bool,
}

fn plant_help() -> String {
    format!(
        "Break our own trainer on purpose, to see that the harness notices. `--plant help` says what each fault breaks.\n{}",
        defects::help()
    )
}

/// `golden`.
#[derive(Debug, Subcommand)]
pub enum GoldenCommand {
    /// List the sets: their profile, precisions and size.
    List(ManySets),
    /// Check every byte of the sets against their hashes and records.
    Verify(ManySets),
    /// Show what one set holds: how it was recorded, or some of its tensors.
    Show(OneSet),
    /// Measure how far correct runs are from a recorded one, for the suite `trajectory`.
    #[command(after_help = SPREAD_HELP)]
    Spread(SpreadArgs),
    /// Write what a set starts from: weights, buffers and draws.
    #[command(after_help = WEIGHTS_HELP)]
    Weights(WeightsArgs),
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
}

const WEIGHTS_HELP: &str = "\
A candidate that another version of PyTorch records starts from other weights,
because that version draws otherwise from the same seed. With the file it starts
from the golden set's own:

  python golden/export/record.py --reference CHECKOUT --out DIR \\
      --inputs-from golden/sets/micro --inputs-from micro.weights.safetensors micro";

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

/// `config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// One of the reference's YAML files, or your own; the defaults alone if left out.
    #[arg(value_name = "FILE")]
    pub file: Option<String>,
    /// Overrides such as `optim.lr=1e-3`, `crops.rgb_mean=[0,0,0]` or `gram.ckpt=null`, the later on top.
    #[arg(value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// As what to print it.
    #[arg(long, value_enum, default_value_t = ConfigFormat::Yaml)]
    pub format: ConfigFormat,
    /// Of a multi-distillation, the config of the student that this rank trains.
    #[arg(long, value_name = "R", requires = "world_size")]
    pub rank: Option<usize>,
    /// How many ranks there are.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub world_size: Option<usize>,
    /// Scale the learning rate by the config's rule to the global batch on `--world-size` ranks.
    #[arg(long, requires = "world_size")]
    pub scaled: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (1e-9..1.0).contains(share));
    share.ok_or_else(|| "give a number above 0 and below 1, such as 0.001".to_owned())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&number| number > 0).ok_or_else(|| "give a whole number above 0".to_owned())
}

/// `config --format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConfigFormat {
    /// As OmegaConf writes it.
    Yaml,
    /// For programs.
    Json,
}

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

/// `--profile`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProfileArg {
    /// The small sets, in seconds.
    Quick,
    /// Every set, ViT-L/16 too, in minutes.
    Full,
}

impl From<ProfileArg> for Profile {
    fn from(profile: ProfileArg) -> Self {
        match profile {
            ProfileArg::Quick => Profile::Quick,
            ProfileArg::Full => Profile::Full,
        }
    }
}

/// `--precision`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PrecisionArg {
    /// float32.
    Fp32,
    /// Mixed precision with bfloat16.
    Bf16,
}

impl PrecisionArg {
    /// The name in `compute_precision.param_dtype`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Bf16 => "bf16",
        }
    }
}

/// `--premul`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PremulArg {
    /// Each rank multiplies, then the backend sums.
    Emulated,
    /// SUM stands for it at factor 1, and all else is refused, as a port should that has no PREMUL_SUM.
    SumAtOne,
    /// The backend multiplies.
    Native,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
