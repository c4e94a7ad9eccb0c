//! The tables of the suite: what was expected, one table a stage, and how far the steps in a row agree.

use dinov3_golden::{EntryJudgement, Expectation, Kind, Outcome, SetJudgement, Stage};
use dinov3_reports::{Column, Section, Table};

use crate::judging::sections as shared;

/// All sections of the suite's report.
pub fn sections(judgements: &[SetJudgement]) -> Vec<Section> {
    let first = [expected(judgements)].into_iter().chain(shared::stages(judgements));
    first.chain(trajectories(judgements)).chain(shared::tensors(judgements)).collect()
}

/// One row a set and precision: the same bits, or why not.
fn expected(judgements: &[SetJudgement]) -> Section {
    let mut table = Table::new([Column::left("set"), Column::left("precision"), Column::left("expected")]);
    for SetJudgement { set, precision, expectation, .. } in judgements {
        let expected = match expectation {
            Expectation::Identical => "the same bits: the fingerprints match".to_owned(),
            Expectation::Yardstick { differences } => {
                format!(
                    "errors within the yardstick, one step, since the fingerprints differ: {}",
                    differences.join("; ")
                )
            }
        };
        table.push([set.clone(), precision.to_string(), expected]);
    }
    let mut section = Section::new("What was expected");
    section.table = Some(table);
    section
}

/// One row a logged value: the first step at which it differs.
fn trajectories(judgements: &[SetJudgement]) -> Option<Section> {
    let mut table = Table::new([
        Column::left("set"),
        Column::left("precision"),
        Column::left("value"),
        Column::right("steps"),
        Column::right("first that differs"),
        Column::right("largest difference"),
    ]);
    for judgement in judgements {
        for entry in judgement.entries.iter().filter(|entry| entry.stage == Some(Stage::Trajectory)) {
            let Some(name) = Kind::Trajectory.path_in(&entry.name) else { continue };
            let [steps, first, largest] = agreement(entry);
            table.push([
                judgement.set.clone(),
                judgement.precision.to_string(),
                format!("`{name}`"),
                steps,
                first,
                largest,
            ]);
        }
    }
    if table.rows.is_empty() {
        return None;
    }
    let mut section = Section::new("Steps in a row");
    section.text = Some(
        "Each logged value against the reference's, step by step. Where the same bits cannot be expected, one step is taken \
         and these are not compared: a free run on other hardware parts by chaos."
            .to_owned(),
    );
    section.table = Some(table);
    Some(section)
}

/// How many steps were compared, the first that differs, and by how much any does.
fn agreement(entry: &EntryJudgement) -> [String; 3] {
    let nothing = || "-".to_owned();
    match (&entry.metrics, entry.outcome) {
        (Some(metrics), _) => [
            metrics.count.to_string(),
            entry.first_difference.map_or_else(|| "none".to_owned(), |step| format!("{}", step + 1)),
            format!("{:.3e}", metrics.max_abs),
        ],
        (None, Outcome::NotJudged) => [nothing(), "not compared".to_owned(), nothing()],
        (None, outcome) => [nothing(), outcome.to_string(), nothing()],
    }
}
