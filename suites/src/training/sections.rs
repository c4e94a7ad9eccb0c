//! The tables of the suite: what was expected, one table a stage, how far the steps in a row agree, and one table a set by layer.

use dinov3_golden::{EntryJudgement, Kind as Of, Outcome, SetJudgement, Stage};
use dinov3_reports::message::{Heading, Sections};
use dinov3_reports::{Cell, Column, Kind, Section, Table};

use crate::judging::by_layer::by_layer;
use crate::judging::{sections as shared, words};

/// All sections of the suite's report.
pub fn sections(judgements: &[SetJudgement]) -> Vec<Section> {
    let first = [shared::expected(judgements)].into_iter().chain(shared::stages(judgements));
    first.chain(trajectories(judgements)).chain(judgements.iter().filter_map(layers)).collect()
}

/// One row a layer of the backward pass, in its order, then of the optimizer and of the teachers.
fn layers(judgement: &SetJudgement) -> Option<Section> {
    let table = by_layer(judgement, &[Stage::Backward, Stage::Optimizer, Stage::Ema]);
    let title = Sections::ByLayer { set: judgement.set.clone(), precision: words::precision(judgement.precision) };
    let quiet = table.quiet_rows() == table.rows.len();
    (!table.rows.is_empty()).then(|| Section { table: Some(table), collapsed: true, quiet, ..Section::new(title) })
}

/// One row a logged value: the first step at which it differs.
fn trajectories(judgements: &[SetJudgement]) -> Option<Section> {
    let mut table = Table::new([
        Column::text(Heading::Set),
        Column::text(Heading::Precision),
        Column::text(Heading::Value),
        Column::new(Heading::Steps, Kind::Count),
        Column::new(Heading::FirstDifference, Kind::Count),
        Column::new(Heading::LargestDifference, Kind::Error),
    ]);
    for judgement in judgements {
        for entry in judgement.entries.iter().filter(|entry| entry.stage == Some(Stage::Trajectory)) {
            let Some(name) = Of::Trajectory.path_in(&entry.name) else { continue };
            let set = [
                Cell::Name(judgement.set.clone()),
                Cell::Says(words::precision(judgement.precision).into()),
                Cell::Name(name.to_owned()),
            ];
            table.push_quiet(set.into_iter().chain(agreement(entry)), entry.identical);
        }
    }
    if table.rows.is_empty() {
        return None;
    }
    let quiet = table.quiet_rows() == table.rows.len();
    let text = Some(Sections::AboutStepsInARow.into());
    Some(Section { text, table: Some(table), quiet, ..Section::new(Sections::StepsInARow) })
}

/// How many steps were compared, the first that differs, and by how much any does.
fn agreement(entry: &EntryJudgement) -> [Cell; 3] {
    match (&entry.metrics, entry.outcome) {
        (Some(metrics), _) => [
            Cell::Count(metrics.count),
            entry.first_difference.map_or(Cell::Says(Sections::NoDifference.into()), |step| Cell::count(step + 1)),
            Cell::number(Some(metrics.max_abs)),
        ],
        (None, Outcome::NotJudged) => [Cell::Absent, Cell::Says(Sections::NotCompared.into()), Cell::Absent],
        (None, outcome) => [Cell::Absent, Cell::Says(words::outcome(outcome).into()), Cell::Absent],
    }
}
