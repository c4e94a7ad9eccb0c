//! What a case amounts to, once its tensors are judged.

use dinov3_golden::{Expectation, Fingerprint, SetJudgement};
use dinov3_reports::message;
use dinov3_reports::{Check, Finding, Verdict};

use super::cases::Case;
use super::{findings, start, words};
use crate::defects::Plant;
use crate::forced::{self, Forced};

/// The result of a case: of every tensor's judgement, of every operation held against its own inputs, and of what there is to say of its start.
pub(super) fn concluded(
    id: String,
    case: &Case,
    judgement: &SetJudgement,
    forced: Option<&Forced>,
    (plant, others): (Option<Plant>, Option<(Verdict, Finding)>),
) -> Check {
    let own = forced.and_then(forced::results::verdict);
    let by_itself = forced.filter(|forced| judgement.entries.is_empty() && !forced.operations.is_empty());
    let (verdict_of_start, finding_of_start) = others.unzip();
    let other_buffers = start::other_buffers(judgement);
    let verdict = match plant {
        Some(plant) if judgement.passes() && own.is_none() => {
            Verdict::Vacuous { reason: message::Judging::NothingChanged { plant: plant.to_string() }.into() }
        }
        _ if own.is_none() && by_itself.is_some() => Verdict::Pass,
        _ => {
            let own = own.filter(|_| !other_buffers);
            verdict_of_start.or(own).unwrap_or_else(|| findings::verdict(judgement))
        }
    };
    let mut tensors = words::tensors(judgement);
    let mut found = findings::findings(judgement);
    if let Some(forced) = forced {
        forced::results::fill(&mut tensors, forced);
        // A buffer is named where it is made.
        let place = if other_buffers { found.len().min(1) } else { 0 };
        found.splice(place..place, forced::results::findings(forced, judgement));
    }
    if let Some(finding) = finding_of_start {
        // It stands for the finding on the same tensor, and nothing else is a reason to look elsewhere.
        found.retain(|it| it.subject != finding.subject);
        found.iter_mut().for_each(|it| it.hint = None);
        found.insert(0, finding);
    }
    Check {
        summary: Some(by_itself.map_or_else(|| findings::summary(&tensors), forced::results::summary)),
        figures: findings::figures(judgement, &tensors),
        findings: found,
        tensors,
        ..Check::new(id, case.title(), verdict)
    }
}

/// The judgement on a candidate at a precision that the golden set lacks: no tensor.
pub(super) fn nothing_judged(case: &Case, recorded: &Fingerprint) -> SetJudgement {
    SetJudgement {
        set: case.golden.manifest().name.clone(),
        precision: case.precision,
        expectation: Expectation::of(&case.recorded, recorded),
        entries: Vec::new(),
        unexpected: Vec::new(),
    }
}
