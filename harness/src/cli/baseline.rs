//! The arguments of `baseline`, `report history`, and of a gate.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::OutputArgs;

/// `baseline accept`.
#[derive(Debug, Subcommand)]
pub enum BaselineCommand {
    /// Accept a run as the one that others are held against; those accepted before stay in the file.
    Accept(AcceptArgs),
}

/// `baseline accept`.
#[derive(Debug, Args)]
pub struct AcceptArgs {
    /// The JSON report of the run: it has to pass.
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Why this run is the one to hold others against.
    #[arg(long, value_name = "REASON")]
    pub because: String,
    /// One more run of what was accepted last: from three runs on, the gate knows how far equal runs are apart.
    #[arg(long)]
    pub again: bool,
    /// The file of the baseline.
    #[arg(long, value_name = "FILE", default_value = "baseline.json")]
    pub to: PathBuf,
}

/// The gate of a run.
#[derive(Debug, Args)]
pub struct GateArgs {
    /// Hold the run against the accepted one in this file, which `baseline accept` wrote.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// What to ask of the run: figures with limits, absolute or in multiples (`x`) of the baseline's, and suites that pass.
    /// Default: fps>=0.97x, loss<=1.001x, precision=pass.
    #[arg(long, value_name = "RULES", requires = "baseline")]
    pub gate: Option<String>,
    /// Compare although the baseline has another device, recipe, precision or version; repeatable.
    #[arg(long, value_name = "TRAIT", requires = "baseline")]
    pub despite: Vec<String>,
}

/// Other forms of `report`.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// The trend of figures over the JSON reports of a folder, with the runs at which they change.
    History(HistoryArgs),
}

/// `report history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The folder with the JSON reports.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The key of a figure, such as fps_median; repeatable. Default: speed, loss, and how near tensors are to their limits.
    #[arg(long, value_name = "KEY")]
    pub figure: Vec<String>,
    /// Where the report goes.
    #[command(flatten)]
    pub output: OutputArgs,
}
