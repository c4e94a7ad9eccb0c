//! The arguments as they are typed.

mod baseline;
mod checkpoint;
mod choice;
mod compare;
mod data;
mod doctor;
mod golden;
mod performance;
mod train;

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use dinov3_golden::Precision;
use dinov3_golden::manifest::Profile;
use dinov3_reports::{Format, Lang, RENDERERS, endings};
use dinov3_suites::defects;

use crate::plants::PlantValue;
use compare::COMPARE_HELP;
use train::TRAIN_HELP;

pub use baseline::{AcceptArgs, BaselineCommand, GateArgs, HistoryArgs, ReportCommand};
pub use checkpoint::{CheckpointCommand, ConvertArgs, ConvertFormat, ShowArgs, ShowFormat};
pub use choice::ChoiceArgs;
pub use compare::CompareArgs;
pub use data::{DataCommand, InspectArgs, InspectFormat, PrepareArgs};
pub use doctor::{CompletionsArgs, DoctorArgs, DoctorFormat};
pub use golden::{DiffArgs, GoldenCommand, GoldenPlace, ManySets, MsprobeArgs, OneSet, SpreadArgs, WeightsArgs};
pub use performance::PerformanceArgs;
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
  0      every check passes
  1      a check failed or was vacuous, or nothing was proved
  2      wrong usage or input: an option, a file, a damaged or foreign set
  3      the environment lacks something, such as the device
  4      another rank has ended or does not answer
  128+N  ended by signal N, such as 130 by Ctrl-C";

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
          Do four ranks on this machine sum as they should?
  run --suite performance --recipe vitl16-performance --data /imagenet --extra /tables
          How fast is one epoch of the published recipe, and can the figure be trusted?
  run --suite precision --candidate DIR --require 'layers/micro/*'
          Fail too if DIR has no recording of `micro` at fp32 or at bf16

The exit codes are those of `dinov3-harness --help`. Whatever it is, each report is
written; one of a run that was cut short says so.";

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
    Run(Box<RunArgs>),
    /// Train, as the reference's own program does: its config, its log, its files.
    #[command(after_help = TRAIN_HELP)]
    Train(TrainArgs),
    /// Render the report of a finished run again.
    #[command(after_help = REPORT_HELP)]
    Report(ReportArgs),
    /// Lay runs beside each other and beside what was published.
    #[command(after_help = COMPARE_HELP)]
    Compare(CompareArgs),
    /// Keep the run that others are held against.
    #[command(subcommand)]
    Baseline(BaselineCommand),
    /// Look at golden sets, the recorded reference.
    #[command(subcommand)]
    Golden(GoldenCommand),
    /// Make and look at ImageNet's tables, which say what images there are.
    #[command(subcommand)]
    Data(DataCommand),
    /// Look at this machine: everything that a run needs, with the fix for what is wrong or missing.
    #[command(after_help = doctor::DOCTOR_HELP)]
    Doctor(DoctorArgs),
    /// Print what a shell needs to complete the arguments, or write the pages of the manual.
    #[command(after_help = doctor::SHELL_HELP)]
    Completions(CompletionsArgs),
    /// Look at checkpoints of torch and of `train`, and write them in other formats.
    #[command(subcommand)]
    Checkpoint(CheckpointCommand),
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
#[derive(Clone, Debug, Args)]
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
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct ReportArgs {
    /// Of many runs.
    #[command(subcommand)]
    pub command: Option<ReportCommand>,
    /// What `run --report FILE.json` or `run --events FILE` wrote.
    #[arg(value_name = "FILE", required = true)]
    pub file: Option<PathBuf>,
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
    /// The plugin that lends the device (model/plugins/README.md): `--plugin FILE --device npu`.
    #[arg(long, value_name = "FILE", conflicts_with = "candidate")]
    pub plugin: Option<PathBuf>,
    /// Start so many ranks of this command on this machine, as torchrun would, and end them together. Rank 0 reports.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
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
    /// Judge a set recorded elsewhere (or a folder of sets, all of them) in place of our own trainer; repeatable.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["device", "plant", "no_pins"])]
    pub candidate: Vec<PathBuf>,
    /// Hold the candidate, which is the log of a training, against this log in place of the recorded run.
    #[arg(long, value_name = "LOG", requires = "candidate")]
    pub against: Option<PathBuf>,
    /// The log of a further run of the recipe of `--against`: how far correct runs are apart. Repeatable.
    #[arg(long, value_name = "LOG", requires = "against")]
    pub spread: Vec<PathBuf>,
    /// Judge this precision alone; of the log of a training, its precision where it does not say. The precision to measure, in place of
    /// the recipe's (suite `performance`).
    #[arg(long, value_enum, conflicts_with = "against")]
    pub precision: Option<PrecisionArg>,
    /// Compare the first N steps alone: the candidate is shorter on purpose (suite `trajectory`). Measure the first N steps (suite
    /// `performance`).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub steps: Option<u64>,
    /// The margin of equivalence at the end of a run, relative to the loss, stated beforehand (suite `trajectory`).
    #[arg(long, value_name = "SHARE", requires = "candidate", value_parser = share)]
    pub margin: Option<f64>,
    /// The folder of a training over all steps (suite `trajectory`, profile full): the same command goes on with what is there.
    /// Default: local_trajectory. The folder of the measured training (suite `performance`). Default: a temporary one.
    #[arg(long, value_name = "DIR", conflicts_with = "candidate")]
    pub output_dir: Option<PathBuf>,
    /// Which checks are made, and what a candidate may lack.
    #[command(flatten)]
    pub choice: ChoiceArgs,
    /// Where the report goes.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Write what happens to this file, as it happens: a line of JSON an event. `report FILE` renders it.
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// What the run is held against.
    #[command(flatten)]
    pub gate: GateArgs,
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
    /// What the suite `performance` measures.
    #[command(flatten)]
    pub performance: PerformanceArgs,
}

fn plant_help() -> String {
    format!(
        "Break our own trainer on purpose, to see that the harness notices. `--plant help` says what each fault breaks.\n{}",
        defects::help()
    )
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
    /// The precision of golden sets.
    pub fn precision(self) -> Precision {
        match self {
            Self::Fp32 => Precision::Fp32,
            Self::Bf16 => Precision::Bf16,
        }
    }

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
