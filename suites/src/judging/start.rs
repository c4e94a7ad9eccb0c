//! Whether a run started from the recording's weights. Where it did not, what is computed from them says nothing.

use dinov3_golden::judge::Reason;
use dinov3_golden::{EntryJudgement, Fingerprint, GoldenSet, Kind, Outcome, SetJudgement, Stage};
use dinov3_reports::message::{Judging, Remark};
use dinov3_reports::{Finding, Message, Verdict};

use super::rules::DINOV3;

/// A parameter that is so far from the recorded one, relative to its norm, was another before the step too: a step moves one by
/// parts in a hundred, and two draws are 1.4 apart.
const ANOTHER: f64 = 0.5;

/// Other draws show in every weight matrix, which are a third of all parameters: biases, norms and scales are not drawn.
const ENOUGH: f64 = 0.2;

/// The first tensor that shows other weights at the start: an initial weight that is wrong; or, of a run that starts from a seed, a parameter
/// after the step, if the student's and the average's parameters are both others. No mistake of the step makes them so: one of the optimizer's
/// leaves the average where it was, and one of the average leaves the student.
pub fn other_weights<'a>(golden: &GoldenSet, judgement: &'a SetJudgement) -> Option<&'a EntryJudgement> {
    let of_init = |it: &&EntryJudgement| it.stage == Some(Stage::Init) && it.outcome == Outcome::Beyond;
    let initial = judgement.entries.iter().filter(of_init).find(|it| it.reason != Some(Reason::Buffer));
    if initial.is_some() {
        return initial;
    }
    let from_seed = golden.manifest().recipe.training.as_ref().is_some_and(|training| !training.state);
    let [student, average] = [DINOV3.trained, DINOV3.averages[0]].map(|root| others(judgement, root));
    student.filter(|_| from_seed && average.is_some())
}

/// The first of the network's parameters that is another, if enough of them are.
fn others<'a>(judgement: &'a SetJudgement, root: &str) -> Option<&'a EntryJudgement> {
    let is_of = |it: &&EntryJudgement| {
        let path = Kind::Param.path_in(&it.name);
        path.and_then(|path| path.split_once('.')).is_some_and(|(network, _)| network == root)
    };
    let all: Vec<_> = judgement.entries.iter().filter(is_of).collect();
    let is_another = |it: &&&EntryJudgement| it.metrics.as_ref().is_some_and(|metrics| metrics.rel_l2 > ANOTHER);
    let count = all.iter().filter(is_another).count();
    if (count as f64) < ENOUGH * all.len() as f64 { None } else { all.iter().find(is_another).copied() }
}

/// The version of PyTorch that recorded a candidate, if it is another than the golden set's.
fn other_torch(recorded: &Fingerprint, theirs: &Fingerprint) -> Option<String> {
    (recorded.torch != theirs.torch).then(|| theirs.torch.clone())
}

/// The verdict on a candidate that started from other weights, and its first finding.
pub(super) fn told(
    golden: &GoldenSet,
    first: &EntryJudgement,
    (recorded, theirs): (&Fingerprint, &Fingerprint),
) -> (Verdict, Finding) {
    let others = || Judging::OtherWeights { torch: other_torch(recorded, theirs) };
    let hint = Judging::BringWeights { set: golden.manifest().name.clone() };
    let finding = Finding { hint: Some(hint.into()), ..Finding::new(Message::name(&first.name), others()) };
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
