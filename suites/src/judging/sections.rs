//! Tables that every suite of this kind has: what was expected, and one a stage.

use dinov3_golden::judge::worst;
use dinov3_golden::{EntryJudgement, Expectation, SetJudgement, Stage};
use dinov3_reports::message::{Heading, Outcome, Sections};
use dinov3_reports::{Cell, Column, Kind, Message, Section, Table};

use super::words;

/// One row an expectation, and the sets and precisions of which it was expected: the same bits, or why not.
pub fn expected(judgements: &[SetJudgement]) -> Section {
    let mut groups: Vec<(&Expectation, Vec<String>)> = Vec::new();
    for judgement in judgements {
        let name = format!("{}/{}", judgement.set, judgement.precision);
        match groups.iter_mut().find(|(expectation, _)| **expectation == judgement.expectation) {
            Some((_, names)) => names.push(name),
            None => groups.push((&judgement.expectation, vec![name])),
        }
    }
    let mut table = Table::new([Column::text(Heading::Expected), Column::text(Heading::Sets)]);
    for (expectation, names) in groups {
        let expected: Message = match expectation {
            Expectation::Identical => Sections::SameBits.into(),
            Expectation::Yardstick { differences } => {
                Sections::WithinRounding { differences: words::differences(differences) }.into()
            }
        };
        table.push([Cell::Says(expected), Cell::Names(names)]);
    }
    Section { table: Some(table), ..Section::new(Sections::Expected) }
}

/// A table a stage, for those that were judged at all.
pub fn stages(judgements: &[SetJudgement]) -> impl Iterator<Item = Section> {
    Stage::ALL.iter().filter_map(|stage| stage_table(judgements, *stage))
}

/// One row a set and precision: what became of the tensors of a stage, and the worst of them.
fn stage_table(judgements: &[SetJudgement], stage: Stage) -> Option<Section> {
    let mut table = Table::new([
        Column::text(Heading::Set),
        Column::text(Heading::Precision),
        Column::new(Heading::Tensors, Kind::Count),
        Column::new(Heading::Identical, Kind::Count),
        Column::new(Heading::Within, Kind::Count),
        Column::new(Heading::Wrong, Kind::Count),
        Column::new(Heading::NotObserved, Kind::Count),
        Column::new(Heading::NotJudged, Kind::Count),
        Column::new(Heading::WorstOverLimit, Kind::Ratio),
        Column::new(Heading::WorstOverYardstick, Kind::Ratio),
        Column::text(Heading::At),
    ]);
    for judgement in judgements {
        let entries: Vec<_> = judgement.entries.iter().filter(|entry| entry.stage == Some(stage)).collect();
        if entries.is_empty() {
            continue;
        }
        let counts = Counts::of(&entries);
        let worst = furthest(&entries);
        table.push_quiet(
            [
                Cell::Name(judgement.set.clone()),
                Cell::Says(words::precision(judgement.precision).into()),
                Cell::count(entries.len()),
                Cell::count(counts.identical),
                Cell::count(counts.within),
                Cell::count(counts.wrong),
                Cell::count(counts.not_observed),
                Cell::count(counts.not_judged),
                Cell::number(worst.and_then(EntryJudgement::share)),
                Cell::number(worst.and_then(|entry| entry.ratio)),
                worst.map_or(Cell::Absent, |entry| Cell::Name(entry.name.clone())),
            ],
            counts.identical == entries.len(),
        );
    }
    if table.rows.is_empty() {
        return None;
    }
    let stage = words::stage(stage);
    let quiet = table.quiet_rows() == table.rows.len();
    let text = Some(Sections::AboutStage { stage }.into());
    Some(Section { text, table: Some(table), quiet, ..Section::new(Sections::Stage { stage }) })
}

/// What became of some tensors; the numbers add up to them.
pub struct Counts {
    /// They have the reference's bits.
    pub identical: usize,
    /// They are explained by rounding.
    pub within: usize,
    /// They are wrong.
    pub wrong: usize,
    /// They were not shown.
    pub not_observed: usize,
    /// Nothing is said of them.
    pub not_judged: usize,
}

impl Counts {
    /// Counts these.
    pub fn of(entries: &[&EntryJudgement]) -> Self {
        let count = |outcome| entries.iter().filter(|entry| words::outcome(entry.outcome) == outcome).count();
        Self {
            identical: count(Outcome::Identical),
            within: count(Outcome::WithinTheLimit),
            wrong: entries.iter().filter(|entry| entry.fails()).count() - count(Outcome::Missing),
            not_observed: count(Outcome::Missing) + count(Outcome::Waived),
            not_judged: count(Outcome::NotJudged),
        }
    }
}

/// The entry that uses up most of its limit, or, where nothing was held against one, has the largest ratio to its yardstick.
pub fn furthest<'a>(entries: &[&'a EntryJudgement]) -> Option<&'a EntryJudgement> {
    let held = entries.iter().copied().filter(|entry| entry.share().is_some());
    let furthest = held.reduce(|worst, entry| if entry.share() > worst.share() { entry } else { worst });
    furthest.or_else(|| worst(entries.iter().copied()))
}

/// Whether every tensor has the reference's bits.
pub fn all_identical(judgement: &SetJudgement) -> bool {
    judgement.identical() == judgement.entries.len() && judgement.unexpected.is_empty()
}
