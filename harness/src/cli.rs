//! The arguments as they are typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use dinov3_golden::manifest::Profile;
use dinov3_model::fault::Plant;

/// Tells whether a DINOv3 pre-training run on this machine, or recorded elsewhere, is the reference run.
#[derive(Debug, Parser)]
#[command(name = "dinov3-harness", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// Let libtorch use all that this processor has, not the instruction set that the golden sets were recorded under.
    /// The bits then differ from the reference's, and the yardstick alone decides.
    #[arg(long, global = true)]
    pub no_pins: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 all checks pass; 1 a check failed; 2 wrong usage or input; 3 the environment is \
                          missing something.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run suites, and report.
    Run(RunArgs),
    /// Look at golden sets.
    #[command(subcommand)]
    Golden(GoldenCommand),
    /// List the suites and what each proves.
    Suites,
}

/// `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// A suite, or a group of suites; repeatable.
    #[arg(long, value_name = "NAME", required = true)]
    pub suite: Vec<String>,
    /// How much to run: `quick` leaves out the sets that take minutes.
    #[arg(long, value_enum, default_value_t = ProfileArg::Quick)]
    pub profile: ProfileArg,
    /// Where to compute: `cpu`, `cuda`, `cuda:N`, `npu` or `npu:N`.
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// A folder of golden sets, or one set; repeatable. Default: the sets of this repository.
    #[arg(long, value_name = "DIR")]
    pub golden: Vec<PathBuf>,
    /// Judge a set recorded elsewhere (or a folder of sets) in place of our own trainer.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["device", "plant"])]
    pub candidate: Option<PathBuf>,
    /// Write the report here; the ending says in which format: .md, .json or .xml. Repeatable.
    #[arg(long, value_name = "FILE")]
    pub report: Vec<PathBuf>,
    /// Print the report in this format on standard output as well.
    #[arg(long, value_enum)]
    pub format: Option<FormatArg>,
    /// Let this check pass although it could not have failed here; repeatable.
    #[arg(long, value_name = "CHECK")]
    pub allow_vacuous: Vec<String>,
    /// Break our own trainer on purpose, to see that the harness notices: FAULT or FAULT@BLOCK, such as `gelu-tanh@1`.
    #[arg(long, value_name = "FAULT")]
    pub plant: Option<Plant>,
}

/// `golden`.
#[derive(Debug, Subcommand)]
pub enum GoldenCommand {
    /// List the sets: their size, precisions and profile.
    List(GoldenPlace),
    /// Check every byte of the sets against their hashes and records.
    Verify(GoldenPlace),
    /// Show what one set holds: its recipe, or one of its tensors.
    Show(ShowArgs),
}

/// Where sets are.
#[derive(Debug, Args)]
pub struct GoldenPlace {
    /// A folder of golden sets, or one set. Default: the sets of this repository.
    #[arg(value_name = "DIR")]
    pub golden: Vec<PathBuf>,
}

/// `golden show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The set: its name, or its folder.
    pub set: String,
    /// Only entries whose name contains this.
    pub name: Option<String>,
    /// A folder of golden sets. Default: the sets of this repository.
    #[arg(long, value_name = "DIR")]
    pub golden: Vec<PathBuf>,
}

/// `--profile`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProfileArg {
    /// Seconds.
    Quick,
    /// Minutes: ViT-L/16 as well.
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

/// `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// For programs.
    Json,
    /// For people.
    Markdown,
    /// For CI.
    Junit,
}
