//! A judgement in words: the verdict, the one-line summary, and what went wrong.

use dinov3_golden::{EntryJudgement, Kind, Outcome, SetJudgement, Stage};
use dinov3_reports::{Finding, Quantity, Verdict};

/// How many failing tensors a report spells out; the tables have all of them.
const SPELT_OUT: usize = 5;

/// How many of the gradients after the first wrong one are named.
const NAMED: usize = 3;

/// Pass, or fail with the first divergence.
pub fn verdict(judgement: &SetJudgement) -> Verdict {
    if judgement.passes() {
        return Verdict::Pass;
    }
    let reason = match (first(judgement), judgement.unexpected.first()) {
        (Some(entry), _) => format!("first divergence at `{}`{}", entry.name, in_stage(entry)),
        (None, Some(entry)) => format!("`{}` is not in the golden set", entry.name),
        (None, None) => "the golden set has no entries at this precision".to_owned(),
    };
    Verdict::Fail { reason }
}

/// One line for the terminal.
pub fn summary(judgement: &SetJudgement) -> String {
    let not_judged = judgement.count(Outcome::NotJudged);
    let total = judgement.entries.len() - not_judged;
    let identical = judgement.identical();
    let failing = judgement.entries.iter().filter(|entry| entry.fails()).count() + judgement.unexpected.len();
    let mut text = if identical == total {
        format!("{total} tensors, all identical")
    } else {
        format!("{total} tensors, {identical} identical")
    };
    if not_judged > 0 {
        text += &format!(", {not_judged} more not judged");
    }
    if let Some(share) = worst_share(judgement) {
        text += &match share {
            // Where the limit is a few ulps, a defect is beyond it by more than anyone wants to read.
            share if share >= 1e4 => format!(", at most {share:.1e} of the limit"),
            share => format!(", at most {share:.2} of the limit"),
        };
    }
    match first(judgement) {
        Some(entry) if !judgement.passes() => {
            text + &format!("; {failing} wrong, first `{}`{}", entry.name, in_stage(entry))
        }
        _ if failing > 0 => text + &format!("; {failing} wrong"),
        _ => text,
    }
}

/// The largest part of a limit that any tensor uses up, and the whole. Nothing where all bits are the reference's.
pub fn figure_and_limit(judgement: &SetJudgement) -> (Option<Quantity>, Option<Quantity>) {
    let quantity = |value| Quantity::new(value, "of the limit");
    (worst_share(judgement).map(quantity), worst_share(judgement).map(|_| quantity(1.0)))
}

fn worst_share(judgement: &SetJudgement) -> Option<f64> {
    judgement.entries.iter().filter_map(EntryJudgement::share).reduce(f64::max)
}

/// Which part of the step an entry belongs to.
fn in_stage(entry: &EntryJudgement) -> String {
    entry.stage.map_or_else(String::new, |stage| format!(" (stage {stage})"))
}

/// What went wrong, in execution order, the first divergence first.
pub fn findings(judgement: &SetJudgement) -> Vec<Finding> {
    let first = first(judgement);
    let is_first = |entry: &EntryJudgement| first.is_some_and(|first| first.name == entry.name);
    let others = judgement.entries.iter().filter(|entry| entry.fails() && !is_first(entry));
    let failing: Vec<&EntryJudgement> = first.into_iter().chain(others).collect();
    let mut found: Vec<Finding> = failing.iter().take(SPELT_OUT).map(|entry| finding(entry)).collect();
    if let (Some(finding), Some(entry)) = (found.first_mut(), first) {
        finding.hint = Some(hint(judgement, entry));
    }
    if failing.len() > SPELT_OUT {
        let rest = failing.len() - SPELT_OUT;
        found.push(Finding::new("…", format!("{rest} more tensors are wrong after these; the tables list them all")));
    }
    found.extend(judgement.unexpected.iter().take(SPELT_OUT).map(finding));
    found
}

/// The first divergence. One that was computed and is wrong comes before one that was never shown: a candidate that
/// recorded only some of the tensors is to be told about these.
fn first(judgement: &SetJudgement) -> Option<&EntryJudgement> {
    judgement.first_wrong().or(judgement.first_divergence())
}

fn finding(entry: &EntryJudgement) -> Finding {
    let mut text = entry.outcome.to_string();
    if let Some(reason) = &entry.reason {
        text += &format!(": {reason}");
    }
    Finding::new(&entry.name, text)
}

fn hint(judgement: &SetJudgement, entry: &EntryJudgement) -> String {
    let before = judgement.entries.iter().take_while(|other| other.name != entry.name).filter(|other| other.passes());
    let agrees = match before.last() {
        Some(last) => format!("`{}` still agrees; look at what is computed between the two", last.name),
        None => "it is the first tensor of all: compare versions, seed and recipe first".to_owned(),
    };
    match entry.stage {
        Some(Stage::Backward) => format!("{agrees}. {}", backward_order(judgement, entry)),
        _ => agrees,
    }
}

/// Where the gradient of a parameter stands in backward order: what is wrong in one is carried into those after it.
fn backward_order(judgement: &SetJudgement, entry: &EntryJudgement) -> String {
    let gradients = judgement.entries.iter().filter(|other| other.stage == Some(Stage::Backward));
    let after: Vec<_> = gradients.skip_while(|other| other.name != entry.name).skip(1).collect();
    let parameter = Kind::Grad.path_in(&entry.name).unwrap_or(&entry.name);
    if after.is_empty() {
        return format!("The gradient of `{parameter}` is the last of all in backward order");
    }
    let wrong = after.iter().filter(|other| other.fails()).count();
    let named: Vec<_> = after.iter().take(NAMED).map(|other| format!("`{}`", other.name)).collect();
    let rest = after.len() - named.len();
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    let named = named.join(", ");
    format!("After the gradient of `{parameter}` come, in backward order, {named}{more}: {wrong} of them wrong")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use dinov3_golden::{Dtype, Existing, Expectation, GoldenSet, Judge, Manifest, Precision, SetWriter, TensorView};

    use super::*;
    use crate::judging::rules::DINOV3;

    /// The judgement of five values of a step, those whose index is in `wrong` being twice the reference's.
    fn judged(wrong: &[usize]) -> SetJudgement {
        const NAMES: [(&str, Stage); 5] = [
            ("loss:total_loss", Stage::Loss),
            ("grad:student.dino_head.last_layer.weight", Stage::Backward),
            ("grad:student.backbone.blocks.1.mlp.fc2.weight", Stage::Backward),
            ("grad:student.backbone.blocks.1.mlp.fc1.weight", Stage::Backward),
            ("exp_avg:student.backbone.cls_token", Stage::Optimizer),
        ];
        let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden/sets/opt_plain");
        let golden = GoldenSet::open(&committed).expect("the committed sets are sound");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let dir = folder.path().join("tiny");
        let header = Manifest { entries: Vec::new(), ..golden.manifest().clone() };
        let mut writer = SetWriter::create(&dir, header, Existing::Refuse).expect("a new set");
        let [right, doubled] = [1.0f32, 2.0].map(|value| value.to_le_bytes().repeat(64));
        let view =
            |wrong: bool| TensorView::new(Dtype::F32, &[64], if wrong { &doubled } else { &right }).expect("64 values");
        for precision in [Precision::Truth, Precision::Fp32] {
            for (name, stage) in NAMES {
                writer.record(precision, name, stage, view(false)).expect("recorded");
            }
        }
        writer.finish().expect("written");
        let set = GoldenSet::open(&dir).expect("a sound set");
        let elsewhere = Expectation::Yardstick { differences: vec!["device: recorded with cpu, here npu".to_owned()] };
        let mut judge = Judge::new(&set, Precision::Fp32, elsewhere, DINOV3).expect("fp32 was recorded");
        for (at, (name, _)) in NAMES.iter().enumerate() {
            judge.observe(name, view(wrong.contains(&at))).expect("judged");
        }
        judge.finish()
    }

    fn told(wrong: &[usize]) -> String {
        let judgement = judged(wrong);
        let findings = findings(&judgement);
        let hints: Vec<_> = findings.iter().map(|it| format!("{}: {}\n  {:?}", it.subject, it.text, it.hint)).collect();
        format!("{}\n{:?}\n{}", summary(&judgement), verdict(&judgement), hints.join("\n"))
    }

    #[test]
    fn a_wrong_gradient_is_placed_in_backward_order() {
        insta::assert_snapshot!([told(&[2, 3, 4]), told(&[3]), told(&[1])].join("\n\n"));
    }

    #[test]
    fn a_wrong_loss_comes_first() {
        insta::assert_snapshot!(told(&[0, 1]));
    }
}
