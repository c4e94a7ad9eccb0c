//! Forced replay: every operation of a recording held against its own inputs.
//!
//! The trainer repeats the recorded computation in float64. Each time it has computed a tensor that was recorded, the
//! recorded value takes its place. So each operation is computed from the recording's own inputs: what comes out is its
//! *local truth*, and the recorded output minus the local truth is this one operation's own error
//! ([`dinov3_golden::local`]). The golden set's recording goes through the same pass, and its own errors are the yardstick.
//!
//! The backward pass is forced as well. The graph is cut at each output whose gradient was recorded, and
//! `total_loss + Σ <output, recorded gradient>` is differentiated in place of the loss: the gradient of each cut tensor,
//! and of each parameter, is then what the recorded gradients of its consumers give.
//!
//! Optimizer and average are arithmetic on each element, and are computed here for the stored elements alone, from a set of
//! any size (`forced/update.rs`).

mod alternatives;
mod explain;
mod operations;
mod pass;
mod recording;
pub mod results;
mod update;

use std::collections::HashMap;

use dinov3_golden::local::{self, LocalJudgement, Measure, OwnError};
use dinov3_golden::tolerance::Operation;
use dinov3_golden::{GoldenSet, Kind, Precision, Stage};

use crate::SuiteError;

pub use alternatives::Alternative;
pub use explain::explanation;
pub(crate) use explain::whole_number;
pub use recording::{Kept, Recording};
pub use update::Direction;

/// A known mistake whose direction an output is fitted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// Of a module's output.
    Layer(Alternative),
    /// Of the optimizer or the average.
    Update(Direction),
}

/// What one operation of a recording made of its own inputs.
#[derive(Clone, Debug)]
pub struct Own {
    /// The entry.
    pub name: String,
    /// Its stage.
    pub stage: Stage,
    /// The kind of arithmetic.
    pub operation: Operation,
    /// How far it is from its local truth.
    pub error: OwnError,
    /// What the probes of `error` are.
    pub mistakes: Vec<Mistake>,
    /// The tensors between its inputs and it that were not recorded: it is held against all that computes them, as one.
    pub span: Vec<String>,
}

/// An operation, judged.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The operation's own error.
    pub own: Own,
    /// The reference's own error at the same place, if its recording has what it is computed from.
    pub reference: Option<OwnError>,
    /// The judgement.
    pub judgement: LocalJudgement,
}

impl Judged {
    /// Whether a measure is beyond its limit.
    fn is_beyond(&self, measure: Measure) -> bool {
        self.judgement.breaches.iter().any(|breach| breach.measure == measure)
    }
}

/// Every operation of a recording whose inputs are there, judged, in the order of the golden set's entries.
#[derive(Clone, Debug, Default)]
pub struct Forced {
    /// The operations.
    pub operations: Vec<Judged>,
}

impl Forced {
    /// The operations that are wrong by themselves.
    pub fn defects(&self) -> impl Iterator<Item = &Judged> {
        self.operations.iter().filter(|it| it.judgement.is_defect())
    }

    /// The operations by their names.
    fn by_name(&self) -> HashMap<&str, &Judged> {
        self.operations.iter().map(|it| (it.own.name.as_str(), it)).collect()
    }
}

/// Judges every operation of `candidate` by itself, against the golden set's own recording at `precision`.
///
/// # Errors
/// When the set's recipe cannot be replayed, or a recorded tensor cannot be read.
pub fn judge(golden: &GoldenSet, precision: Precision, candidate: &Recording<'_>) -> Result<Forced, SuiteError> {
    let before = update::Before::of(golden)?;
    let own_errors = |recording: &Recording<'_>| own_errors(golden, precision, before.as_ref(), recording);
    // A set that lacks the precision has no yardstick: the floors of the table decide.
    let reference = match golden.manifest().precisions.get(precision) {
        Some(_) => own_errors(&Recording::of(golden, precision)?.reaching_as_far_as(candidate))?,
        None => Vec::new(),
    };
    let mut reference: HashMap<String, OwnError> = reference.into_iter().map(|own| (own.name, own.error)).collect();
    let judged = |own: Own| {
        let reference = reference.remove(&own.name);
        let judgement = local::judge(own.operation, &own.error, reference.as_ref());
        Judged { own, reference, judgement }
    };
    let mut operations: Vec<Judged> = own_errors(candidate)?.into_iter().map(judged).collect();
    let whole = |name: &str| Ok::<_, SuiteError>(candidate.stored(name)?.is_some_and(|stored| stored.is_whole()));
    let targets = ["dino", "ibot"].map(|loss| Kind::Sinkhorn.name(loss));
    let is_wrong = |it: &Judged| it.judgement.is_defect() && targets.contains(&it.own.name);
    if operations.iter().any(is_wrong) && !(whole(&targets[0])? && whole(&targets[1])?) {
        operations.retain(|it| !is_behind_the_targets(&it.own.name));
    }
    Ok(Forced { operations })
}

/// The losses that compare with the teacher's assignments.
const LOSSES_OF_TARGETS: [&str; 3] = ["dino_local_crops_loss", "dino_global_crops_loss", "ibot_loss"];

/// Whether an operation has the teacher's assignments among its inputs. Where these are wrong and only a sample of them is stored, they cannot
/// take the place of the right ones, and nothing can be said of what is computed from them.
fn is_behind_the_targets(name: &str) -> bool {
    let loss = Kind::Loss.path_in(name).is_some_and(|loss| LOSSES_OF_TARGETS.contains(&loss));
    loss || Kind::Gradout.path_in(name).is_some_and(|output| output.ends_with("_head.last_layer"))
}

/// The own errors of all operations of a recording, in the order of the golden set's entries. `before` is what the recorded step started from,
/// if there is one.
fn own_errors(
    golden: &GoldenSet,
    precision: Precision,
    before: Option<&update::Before>,
    recording: &Recording<'_>,
) -> Result<Vec<Own>, SuiteError> {
    let mut found = Vec::new();
    if has_activations(golden, precision) {
        found.extend(pass::run(golden, recording)?);
    }
    if let Some(before) = before {
        found.extend(update::run(before, recording)?);
    }
    let place: HashMap<&str, usize> =
        golden.manifest().entries.iter().enumerate().map(|(i, entry)| (entry.name.as_str(), i)).collect();
    found.sort_by_key(|own| place.get(own.name.as_str()).copied().unwrap_or(usize::MAX));
    Ok(found)
}

/// Whether operations of a set can be held against their own inputs.
pub fn can_replay(golden: &GoldenSet, precision: Precision) -> bool {
    golden.manifest().recipe.training.is_some() || has_activations(golden, precision)
}

/// Whether a set recorded the outputs of modules, and all of them in full, on one rank: what a pass can be forced to.
fn has_activations(golden: &GoldenSet, precision: Precision) -> bool {
    let manifest = golden.manifest();
    let mut outputs = manifest.entries.iter().filter(|entry| entry.name.kind() == Kind::Output).peekable();
    let in_full = |entry: &dinov3_golden::Entry| {
        entry.records.get(precision).is_none_or(|record| record.storage == dinov3_golden::Storage::Full)
    };
    manifest.recipe.world_size == 1 && outputs.peek().is_some() && outputs.all(in_full)
}
