//! What keeps a suite from judging.

use std::io;
use std::path::PathBuf;

use dinov3_golden::{JudgeError, RecipeMismatch, SetError};
use dinov3_model::config::ConfigError;
use dinov3_model::vit::NoSuchBlock;
use thiserror::Error;

/// Why a suite could not judge. Every one of these is about what it was given, not about the candidate's numbers.
#[derive(Debug, Error)]
pub enum SuiteError {
    /// A golden or candidate set cannot be read.
    #[error("{0}\nhint: {hint}", hint = .0.hint())]
    Set(#[from] SetError),
    /// A golden set is damaged.
    #[error(
        "the golden set `{name}` is damaged:\n{problems}\nhint: restore it from version control, or record it again (golden/README.md)"
    )]
    Damaged {
        /// The set.
        name: String,
        /// What is wrong, a line each.
        problems: String,
    },
    /// There is nothing to judge against.
    #[error("no golden set {wanted} under {}\nhint: `dinov3-harness golden list` shows what there is; `--golden DIR` names another place", listed(.roots))]
    NoSet {
        /// Which one was looked for.
        wanted: String,
        /// Where.
        roots: Vec<PathBuf>,
    },
    /// The candidate was recorded from another recipe.
    #[error(transparent)]
    Recipe(#[from] RecipeMismatch),
    /// The candidate has none of the precisions that are judged.
    #[error(
        "the candidate set `{name}` has no fp32 or bf16 values to judge\nhint: record it with `--precision fp32` or `--precision bf16`"
    )]
    NothingToJudge {
        /// The set.
        name: String,
    },
    /// A set's recipe cannot be replayed by this trainer.
    #[error("the golden set `{set}` cannot be replayed: {source}")]
    Config {
        /// The set.
        set: String,
        /// Why.
        source: ConfigError,
    },
    /// A set's recipe asks for a block that its network lacks.
    #[error("the golden set `{set}` cannot be replayed: {source}")]
    Intermediate {
        /// The set.
        set: String,
        /// Why.
        source: NoSuchBlock,
    },
    /// A set lacks an input that its replay needs.
    #[error("the golden set `{set}` has no usable input `{input}`: {reason}\nhint: record it again (golden/README.md)")]
    Input {
        /// The set.
        set: String,
        /// The tensor.
        input: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor could not be compared at all.
    #[error("{0}\nhint: {hint}", hint = .0.hint())]
    Judge(#[from] JudgeError),
    /// A listener failed.
    #[error("the results could not be shown: {0}")]
    Report(#[from] io::Error),
}

fn listed(roots: &[PathBuf]) -> String {
    roots.iter().map(|root| root.display().to_string()).collect::<Vec<_>>().join(", ")
}
