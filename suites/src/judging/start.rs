//! Whether a run started from the recording's weights. Where it did not, what is computed from them says nothing.

use dinov3_golden::judge::Reason;
use dinov3_golden::{Dtype, EntryJudgement, Fingerprint, GoldenSet, Kind, Outcome, SetJudgement, Stage};
use dinov3_reports::message::{Judging, Remark};
use dinov3_reports::{Finding, Message, Verdict};

use super::rules::DINOV3;
use crate::forced::{Forced, Judged};

/// A parameter that is so far from what the step makes of the recorded start, relative to its size, started elsewhere: a step moves one by
/// parts in a hundred, and two draws are as far apart as they are large, or more.
const ANOTHER: f64 = 0.25;

/// Other draws show in every weight matrix, which are a third of all parameters: biases, norms and scales are not drawn.
const ENOUGH: f64 = 0.2;

/// The name of the first tensor that shows other weights at the start: an initial weight that is wrong; or, of a run that starts from a seed, a
/// parameter after the step, if the student's and the average's parameters are both others than the recorded start and their own inputs
/// make them. No mistake of the step alone does so: one of the optimizer leaves the average where it was, and one of the average leaves the
/// student.
pub fn other_weights(golden: &GoldenSet, judgement: &SetJudgement, forced: Option<&Forced>) -> Option<String> {
    let of_init = |it: &&EntryJudgement| it.stage == Some(Stage::Init) && it.outcome == Outcome::Beyond;
    let initial = judgement.entries.iter().filter(of_init).find(|it| it.reason != Some(Reason::Buffer));
    if let Some(initial) = initial {
        return Some(initial.name.clone());
    }
    let from_seed = golden.manifest().recipe.training.as_ref().is_some_and(|training| !training.state);
    let forced = forced.filter(|_| from_seed)?;
    let [student, average] = [DINOV3.trained, DINOV3.averages[0]].map(|root| others(forced, root));
    student.filter(|_| average.is_some())
}

/// The first of the network's parameters that is another, if enough of them are.
fn others(forced: &Forced, root: &str) -> Option<String> {
    let is_of = |it: &&Judged| {
        let path = Kind::Param.path_in(&it.own.name);
        path.and_then(|path| path.split_once('.')).is_some_and(|(network, _)| network == root)
    };
    let all: Vec<_> = forced.operations.iter().filter(is_of).collect();
    // A step is half an eps of the tensor's size at least.
    let is_another = |it: &&&Judged| it.own.error.rms * Dtype::F32.eps() / 2.0 > ANOTHER;
    let count = all.iter().filter(is_another).count();
    let first = all.iter().find(is_another).map(|it| it.own.name.clone());
    first.filter(|_| count as f64 >= ENOUGH * all.len() as f64)
}

/// The version of PyTorch that recorded a candidate, if it is another than the golden set's.
fn other_torch(recorded: &Fingerprint, theirs: &Fingerprint) -> Option<String> {
    (recorded.torch != theirs.torch).then(|| theirs.torch.clone())
}

/// The verdict on a candidate that started from other weights, and its first finding.
pub(super) fn told(
    golden: &GoldenSet,
    first: &str,
    (recorded, theirs): (&Fingerprint, &Fingerprint),
) -> (Verdict, Finding) {
    let others = || Judging::OtherWeights { torch: other_torch(recorded, theirs) };
    let hint = Judging::BringWeights { set: golden.manifest().name.clone() };
    let finding = Finding { hint: Some(hint.into()), ..Finding::new(Message::name(first), others()) };
    (Verdict::Fail { reason: others().into() }, finding)
}

/// Whether a buffer has other bits, which what is computed with it shows as its own error.
pub(super) fn other_buffers(judgement: &SetJudgement) -> bool {
    judgement.entries.iter().any(|it| it.reason == Some(Reason::Buffer))
}

/// What is worth knowing of a candidate's start.
pub(super) fn remark(candidate: &GoldenSet) -> Option<Remark> {
    candidate.manifest().recorder.weights.is_some().then_some(Remark::WeightsBrought)
}
