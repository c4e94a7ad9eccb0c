//! Where to look for the cause of a wrong step that does not show the forward pass.

use dinov3_golden::{GoldenSet, Kind, Precision, SetJudgement, Stage};
use dinov3_reports::message::Judging;
use dinov3_reports::{Check, Verdict};

use super::cases::Case;
use crate::forced::Forced;
use crate::{Forward, Session};

/// The set that shows the forward pass at the least cost.
const SHOWS_FORWARD: &str = "micro";

/// Adds to a failing check whether the forward pass is wrong already and where, and remembers what this check saw of it.
pub(super) fn point(
    check: &mut Check,
    case: &Case,
    judgement: &SetJudgement,
    forced: Option<&Forced>,
    session: &Session,
) {
    let first = first(judgement, forced);
    if shows_forward(&case.golden, case.precision) {
        let of_forward = first.as_ref().filter(|(_, stage)| *stage <= Some(Stage::Forward));
        let wrong = of_forward.map(|(tensor, _)| tensor.clone());
        if check.verdict == Verdict::Pass || first.is_some() {
            session.add_forward(Forward { check: check.id.clone(), precision: case.precision, wrong });
        }
        return;
    }
    let follows = first.is_some_and(|(_, stage)| matches!(stage, Some(Stage::Loss | Stage::Backward)));
    if let (true, Verdict::Fail { .. }, Some(finding)) = (follows, &check.verdict, check.findings.first_mut()) {
        finding.hint = Some(hint(&session.forward(), case.precision).into());
    }
}

/// Whether a set recorded the forward pass.
fn shows_forward(golden: &GoldenSet, precision: Precision) -> bool {
    let output =
        |entry: &dinov3_golden::Entry| entry.name.kind() == Kind::Output && entry.records.get(precision).is_some();
    golden.manifest().entries.iter().any(output)
}

/// The first tensor that is wrong, with its stage: by itself if operations were judged so, else of all that were shown.
fn first(judgement: &SetJudgement, forced: Option<&Forced>) -> Option<(String, Option<Stage>)> {
    let own = forced.and_then(|forced| forced.defects().next());
    let own = own.map(|it| (it.own.name.clone(), Some(it.own.stage)));
    own.or_else(|| judgement.first_wrong().map(|entry| (entry.name.clone(), entry.stage)))
}

/// What the checks before say of the forward pass, those of the same precision first.
fn hint(seen: &[Forward], precision: Precision) -> Judging {
    let wrong = |it: &&Forward| it.wrong.is_some();
    let alike = |it: &&Forward| it.precision == precision;
    let found = seen.iter().filter(alike).find(wrong).or_else(|| seen.iter().find(wrong));
    if let Some((check, tensor)) = found.and_then(|it| Some((it.check.clone(), it.wrong.clone()?))) {
        return Judging::ForwardWrong { check, tensor };
    }
    match seen.iter().find(alike).or(seen.first()) {
        Some(right) => Judging::ForwardRight { check: right.check.clone() },
        None => Judging::ForwardUnseen { record: SHOWS_FORWARD.to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen to fail: the hint was the last schedule that still agreed.
    #[test]
    fn a_wrong_step_is_told_of_the_forward_pass() {
        let seen = |check: &str, precision, wrong: Option<&str>| Forward {
            check: check.to_owned(),
            precision,
            wrong: wrong.map(str::to_owned),
        };
        let right = seen("layers/micro/fp32", Precision::Fp32, None);
        let wrong = seen("layers/micro/bf16", Precision::Bf16, Some("teacher.backbone.blocks.0.mlp.act"));
        let told = |seen: &[Forward]| hint(seen, Precision::Fp32);
        insta::assert_snapshot!(
            [told(&[]), told(std::slice::from_ref(&right)), told(&[right, wrong])]
                .map(|it| dinov3_reports::Message::from(it).to_string())
                .join("\n")
        );
    }
}
