//! A forced replay as results: findings, figures of tensors, and a table.

use dinov3_golden::{EntryName, Precision, SetJudgement};
use dinov3_reports::message::{Coverage, Heading, Judging, OwnDefect, Sections};
use dinov3_reports::tensor::OwnError;
use dinov3_reports::{Cell, Column, Finding, Kind, Message, Section, Table, Tensor, Verdict};

use super::explain::{explanation, measure};
use super::{Forced, Judged};
use crate::judging::words;

/// How many tensors of a span are named.
const NAMED: usize = 4;

/// How many kinds of defects a report spells out.
const SPELT_OUT: usize = 8;

/// How many operations were held against their own inputs alone, and how many are wrong.
pub fn summary(forced: &Forced) -> Message {
    let (operations, wrong) = (forced.operations.len(), forced.defects().count());
    Judging::ByItself { operations, wrong }.into()
}

/// Fail, if an operation is wrong by itself.
pub fn verdict(forced: &Forced) -> Option<Verdict> {
    let first = forced.defects().next()?;
    let (tensor, stage) = (first.own.name.clone(), words::stage(first.own.stage));
    Some(Verdict::Fail { reason: Judging::FirstDefect { tensor, stage }.into() })
}

/// What is wrong by itself, in execution order, and how much follows from it.
pub fn findings(forced: &Forced, judgement: &SetJudgement) -> Vec<Finding> {
    let mut groups: Vec<(&Judged, OwnDefect)> = Vec::new();
    for judged in forced.defects() {
        let defect = defect(judged);
        let alike = |(first, known): &&mut (&Judged, OwnDefect)| {
            role(&first.own.name) == role(&judged.own.name)
                && known.explanation.is_some() == defect.explanation.is_some()
        };
        match groups.iter_mut().find(alike) {
            Some((_, known)) => known.more += 1,
            None => groups.push((judged, defect)),
        }
    }
    let more = groups.len().saturating_sub(SPELT_OUT);
    let spelt = groups.into_iter().take(SPELT_OUT);
    let mut found: Vec<Finding> =
        spelt.map(|(judged, defect)| Finding::new(Message::name(&judged.own.name), Judging::Defect(defect))).collect();
    if more > 0 {
        found.push(Finding::new(Judging::Others, Judging::MoreDefects { count: more }));
    }
    let by_name = forced.by_name();
    let right = |name: &str| by_name.get(name).is_some_and(|it| !it.judgement.is_defect());
    let count = judgement.entries.iter().filter(|entry| entry.fails() && right(&entry.name)).count();
    if count > 0 {
        found.push(Finding::new(Judging::Others, Judging::Propagated { count }));
    }
    found
}

/// What tensors have in common that one mistake makes wrong together: the network, the kind, and for a module's tensor its place.
fn role(name: &str) -> String {
    let Ok(name) = name.parse::<EntryName>() else { return name.to_owned() };
    let network = name.parts().next().unwrap_or_default().to_owned();
    let place: Vec<&str> = match name.kind().prefix() {
        Some(_) => Vec::new(),
        None => name.parts().skip(1).collect(),
    };
    format!("{:?} {network} {} {:?}", name.kind(), place.join("."), name.port())
}

fn defect(judged: &Judged) -> OwnDefect {
    let breach = judged.judgement.breaches[0];
    OwnDefect {
        measure: measure(breach.measure),
        value: breach.value.into(),
        limit: breach.limit.into(),
        explanation: explanation(judged),
        more: 0,
    }
}

/// What is said of operations that were judged together with others, which were not observed.
pub fn spans(set: &str, forced: &Forced) -> Option<Message> {
    let mut spans = forced.operations.iter().filter(|it| !it.own.span.is_empty());
    let first = spans.next()?;
    let with = first.own.span.iter().take(NAMED).cloned().collect();
    let (set, tensor) = (set.to_owned(), first.own.name.clone());
    Some(Coverage::Spans { set, tensor, with, count: 1 + spans.count() }.into())
}

/// Writes the own errors beside the other figures of `tensors`.
pub fn fill(tensors: &mut [Tensor], forced: &Forced) {
    let own = forced.by_name();
    for tensor in tensors {
        tensor.own = own.get(tensor.name.as_str()).map(|judged| figures(judged));
    }
}

fn figures(judged: &Judged) -> OwnError {
    let Judged { own, reference, judgement } = judged;
    OwnError {
        defect: judgement.is_defect(),
        ratio_to_limit: judgement.share.into(),
        rms: own.error.rms.into(),
        misrounded: own.error.misrounded_share().into(),
        bias: own.error.bias.value.into(),
        factor: own.error.factor.value.into(),
        reference_rms: reference.as_ref().map(|it| it.rms.into()),
        shows_factor: judgement.bound.factor.into(),
        shows_bias: judgement.bound.bias.into(),
        span: own.span.clone(),
    }
}

/// One row a set and precision that was replayed: how many operations, how many wrong, and how small a mistake would have shown.
pub fn section(replayed: &[(String, Precision, Forced)]) -> Option<Section> {
    let mut table = Table::new([
        Column::text(Heading::Set),
        Column::text(Heading::Precision),
        Column::new(Heading::Operations, Kind::Count),
        Column::new(Heading::Wrong, Kind::Count),
        Column::new(Heading::WorstOverLimit, Kind::Ratio),
        Column::text(Heading::At),
        Column::new(Heading::ShowsFactor, Kind::Error),
        Column::new(Heading::ShowsBias, Kind::Error),
    ]);
    for (set, precision, forced) in replayed.iter().filter(|(_, _, forced)| !forced.operations.is_empty()) {
        let worst = forced.operations.iter().max_by(|a, b| a.judgement.share.total_cmp(&b.judgement.share));
        let middle = |of: fn(&Judged) -> f64| {
            let mut all: Vec<f64> = forced.operations.iter().map(of).filter(|it| it.is_finite()).collect();
            all.sort_by(f64::total_cmp);
            all.get(all.len() / 2).copied()
        };
        table.push([
            Cell::Name(set.clone()),
            Cell::Says(words::precision(*precision).into()),
            Cell::count(forced.operations.len()),
            Cell::count(forced.defects().count()),
            Cell::number(worst.map(|it| it.judgement.share)),
            worst.map_or(Cell::Absent, |it| Cell::Name(it.own.name.clone())),
            Cell::number(middle(|it| it.judgement.bound.factor)),
            Cell::number(middle(|it| it.judgement.bound.bias)),
        ]);
    }
    let text = Some(Sections::AboutOwnErrors.into());
    (!table.rows.is_empty()).then(|| Section { text, table: Some(table), ..Section::new(Sections::OwnErrors) })
}
