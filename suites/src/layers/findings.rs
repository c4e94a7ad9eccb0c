//! A judgement in words: the verdict, the one-line summary, and what went wrong.

use dinov3_golden::{EntryJudgement, SetJudgement};
use dinov3_reports::{Finding, Quantity, Verdict};

/// How many failing tensors a report spells out; the tables have all of them.
const SPELT_OUT: usize = 5;

/// Pass, or fail with the first divergence.
pub fn verdict(judgement: &SetJudgement) -> Verdict {
    if judgement.passes() {
        return Verdict::Pass;
    }
    let reason = match (first(judgement), judgement.unexpected.first()) {
        (Some(entry), _) => format!("first divergence at `{}`", entry.name),
        (None, Some(entry)) => format!("`{}` is not in the golden set", entry.name),
        (None, None) => "the golden set has no entries at this precision".to_owned(),
    };
    Verdict::Fail { reason }
}

/// One line for the terminal.
pub fn summary(judgement: &SetJudgement) -> String {
    let total = judgement.entries.len();
    let identical = judgement.identical();
    let failing = judgement.entries.iter().filter(|entry| !entry.passes()).count() + judgement.unexpected.len();
    let mut text = if identical == total {
        format!("{total} tensors, all identical")
    } else {
        format!("{total} tensors, {identical} identical")
    };
    if let Some(share) = worst_share(judgement) {
        text += &format!(", at most {share:.2} of the limit");
    }
    match first(judgement) {
        Some(entry) if !judgement.passes() => text + &format!("; {failing} wrong, first `{}`", entry.name),
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

/// What went wrong, in execution order, the first divergence first.
pub fn findings(judgement: &SetJudgement) -> Vec<Finding> {
    let first = first(judgement);
    let is_first = |entry: &EntryJudgement| first.is_some_and(|first| first.name == entry.name);
    let others = judgement.entries.iter().filter(|entry| !entry.passes() && !is_first(entry));
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
    match before.last() {
        Some(last) => format!("`{}` still agrees; look at what is computed between the two", last.name),
        None => "it is the first tensor of all: compare versions, seed and recipe first".to_owned(),
    }
}
