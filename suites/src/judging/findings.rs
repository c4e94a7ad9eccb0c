//! What a judgement amounts to: the verdict, the summary, the figures, and what went wrong.

use dinov3_golden::{EntryJudgement, EntryName, Expectation, Kind, Outcome, SetJudgement, Stage};
use dinov3_reports::message::{Backward, Coverage, Judging, Key, Tally};
use dinov3_reports::{Figure, Finding, Message, Tensor, Verdict};

use super::words;
use crate::forced::whole_number;

/// How many failing tensors a report spells out; JSON has all of them.
const SPELT_OUT: usize = 5;

/// The cosine of the angle from which on a tensor counts as another one times a number.
const PARALLEL: f64 = 0.9999;

/// How many patterns of tensors that were not observed are told.
const PATTERNS: usize = 4;

/// How many of the gradients after the first wrong one are named.
const NAMED: usize = 3;

/// Pass, or fail with the first divergence.
pub fn verdict(judgement: &SetJudgement) -> Verdict {
    if judgement.passes() {
        return Verdict::Pass;
    }
    let count = judgement.count(Outcome::Missing);
    let reason: Message = match (judgement.first_wrong(), judgement.unexpected.first()) {
        (Some(entry), _) => {
            Judging::FirstDivergence { tensor: entry.name.clone(), stage: entry.stage.map(words::stage) }.into()
        }
        (None, Some(entry)) => Judging::NotInTheSet { tensor: entry.name.clone() }.into(),
        (None, None) if count > 0 => Coverage::NotObserved { count }.into(),
        (None, None) => Judging::NothingRecorded.into(),
    };
    Verdict::Fail { reason }
}

/// One line for the terminal.
pub fn summary(tensors: &[Tensor]) -> Message {
    Judging::Tally(Tally::of(tensors)).into()
}

/// What decided first: where the same bits are asked for, how many tensors have others; else the largest error over its limit.
pub fn figures(judgement: &SetJudgement, tensors: &[Tensor]) -> Vec<Figure> {
    let tally = Tally::of(tensors);
    let worst = tensors.iter().filter_map(|it| it.ratio_to_limit).map(|it| it.0).reduce(f64::max);
    let over = |limit: Option<f64>| {
        let figure = |worst| limit.into_iter().fold(Figure::new(Key::ErrorOverLimit, worst), Figure::with_limit);
        worst.map(figure)
    };
    let unseen = (tally.missing > 0).then(|| Figure::new(Key::NotObserved, tally.missing as f64).with_limit(0.0));
    let mut figures: Vec<Figure> = match judgement.expectation {
        Expectation::Identical => {
            let different = Figure::new(Key::DifferentBits, tally.failing() as f64).with_limit(0.0);
            // Whether rounding would explain them: worth knowing, and no excuse.
            [different].into_iter().chain(over(None)).collect()
        }
        Expectation::Yardstick { .. } => {
            let wrong = Figure::new(Key::WrongTensors, tally.failing() as f64).with_limit(0.0);
            over(Some(1.0)).into_iter().chain([wrong]).collect()
        }
    };
    // It decided, where nothing else did.
    let place = if tally.failing() == 0 { 0 } else { figures.len() };
    figures.splice(place..place, unseen);
    figures
}

/// What went wrong, in execution order, the first divergence first.
pub fn findings(judgement: &SetJudgement) -> Vec<Finding> {
    let shown = |entry: &&EntryJudgement| entry.fails() && entry.outcome != Outcome::Missing;
    let failing: Vec<&EntryJudgement> = judgement.entries.iter().filter(shown).collect();
    let mut found: Vec<Finding> = failing.iter().take(SPELT_OUT).map(|entry| finding(entry)).collect();
    if let (Some(finding), Some(entry)) = (found.first_mut(), failing.first()) {
        finding.hint = Some(hint(judgement, entry).into());
    }
    found.extend(gradients_times(&failing));
    if failing.len() > SPELT_OUT {
        let count = failing.len() - SPELT_OUT;
        found.push(Finding::new(Judging::Others, Judging::MoreWrong { count }));
    }
    found.extend(judgement.unexpected.iter().take(SPELT_OUT).map(finding));
    found.extend(unseen(judgement));
    found
}

/// The tensors that were not observed, and by which patterns they can be allowed to be missing.
fn unseen(judgement: &SetJudgement) -> Option<Finding> {
    let unseen = || judgement.entries.iter().filter(|entry| entry.outcome == Outcome::Missing);
    let first = unseen().next()?.name.clone();
    let mut patterns: Vec<(String, usize)> = Vec::new();
    for pattern in unseen().map(|entry| pattern(&entry.name)) {
        match patterns.iter_mut().find(|(known, _)| *known == pattern) {
            Some((_, count)) => *count += 1,
            None => patterns.push((pattern, 1)),
        }
    }
    patterns.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let patterns = patterns.into_iter().take(PATTERNS).map(|(pattern, _)| pattern).collect();
    let found = Coverage::Unseen { count: unseen().count(), first };
    Some(Finding::new(Judging::Others, found).with_hint(Coverage::AllowMissing { patterns }))
}

/// A pattern for a tensor of any network, block and call: `*.blocks.*.attn.apply_rope*`.
fn pattern(name: &str) -> String {
    let Ok(name) = name.parse::<EntryName>() else { return name.to_owned() };
    let kind = name.kind().prefix().map_or_else(String::new, |kind| format!("{kind}:"));
    let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts: Vec<&str> = name.parts().map(|part| if number(part) { "*" } else { part }).collect();
    // The first part is the network, where there is one.
    if let [network, _, ..] = parts.as_mut_slice() {
        *network = "*";
    }
    let path = parts.join(".");
    let end = if name.call() > 0 || name.port().is_some() { "*" } else { "" };
    format!("{kind}{path}{end}")
}

/// Where most of the wrong gradients are the recorded ones times one whole number, or over it: said in words.
fn gradients_times(failing: &[&EntryJudgement]) -> Option<Finding> {
    let gradients: Vec<_> = failing.iter().filter(|entry| Kind::Grad.path_in(&entry.name).is_some()).collect();
    let (by, divided) = times(gradients.first()?)?;
    let count = gradients.iter().filter(|entry| times(entry) == Some((by, divided))).count();
    (count > 1 && 2 * count > gradients.len())
        .then(|| Finding::new(Judging::Others, Judging::GradientsTimes { count, by, divided }))
}

/// The whole number that a tensor is the truth times, or over (`true`).
fn times(entry: &EntryJudgement) -> Option<(u32, bool)> {
    let metrics = entry.metrics.as_ref().filter(|metrics| metrics.cosine > PARALLEL)?;
    // The norm of the error gives the factor but for its side of one.
    whole_number(1.0 - metrics.rel_l2).or_else(|| whole_number(1.0 + metrics.rel_l2))
}

fn finding(entry: &EntryJudgement) -> Finding {
    let (outcome, reason) = (words::outcome(entry.outcome), entry.reason.as_ref().map(words::reason));
    Finding::new(Message::name(&entry.name), Judging::Wrong { outcome, reason })
}

fn hint(judgement: &SetJudgement, entry: &EntryJudgement) -> Judging {
    if is_of_config(entry) {
        return Judging::ByConfig;
    }
    let before = judgement.entries.iter().take_while(|other| other.name != entry.name);
    let before = before.filter(|other| other.passes() && !is_of_config(other));
    let agrees = before.last().map(|last| last.name.clone());
    let backward = (entry.stage == Some(Stage::Backward)).then(|| backward_order(judgement, entry));
    Judging::Look { agrees, backward }
}

/// Whether a value is computed from the config alone, so that no tensor leads to it.
fn is_of_config(entry: &EntryJudgement) -> bool {
    [Kind::Schedule, Kind::Groups].iter().any(|kind| kind.path_in(&entry.name).is_some())
}

/// Where the gradient of a parameter stands in backward order: what is wrong in one is carried into those after it.
fn backward_order(judgement: &SetJudgement, entry: &EntryJudgement) -> Backward {
    let gradients = judgement.entries.iter().filter(|other| other.stage == Some(Stage::Backward));
    let after: Vec<_> = gradients.skip_while(|other| other.name != entry.name).skip(1).collect();
    let next: Vec<String> = after.iter().take(NAMED).map(|other| other.name.clone()).collect();
    Backward {
        parameter: Kind::Grad.path_in(&entry.name).unwrap_or(&entry.name).to_owned(),
        more: after.len() - next.len(),
        next,
        wrong: after.iter().filter(|other| other.fails()).count(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use dinov3_golden::{
        Circumstance, Difference, Dtype, Existing, Expectation, GoldenSet, Judge, Manifest, Precision, SetWriter,
        TensorView,
    };

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
        let [recorded, here] = ["cpu", "npu"].map(|device| Some(device.to_owned()));
        let differences = vec![Difference { field: Circumstance::Device, recorded, here }];
        let elsewhere = Expectation::Yardstick { differences };
        let mut judge = Judge::new(&set, Precision::Fp32, elsewhere, DINOV3).expect("fp32 was recorded");
        for (at, (name, _)) in NAMES.iter().enumerate() {
            judge.observe(name, view(wrong.contains(&at))).expect("judged");
        }
        judge.finish()
    }

    fn told(wrong: &[usize]) -> String {
        let judgement = judged(wrong);
        let findings = findings(&judgement);
        let hint = |it: &Finding| it.hint.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        let hints: Vec<_> =
            findings.iter().map(|it| format!("{}: {}\n  hint: {}", it.subject, it.text, hint(it))).collect();
        let tensors = words::tensors(&judgement);
        let figures = figures(&judgement, &tensors);
        let figures: Vec<_> = figures.iter().map(|it| format!("{} {:.2}", it.name, it.value)).collect();
        let reason = verdict(&judgement).reason().map_or_else(String::new, ToString::to_string);
        format!("{}\n{reason}\n{}\n{}", summary(&tensors), figures.join(", "), hints.join("\n"))
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
