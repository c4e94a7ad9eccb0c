//! Tables that every suite of this kind has: one a stage, and every tensor where not all are identical.

use dinov3_golden::judge::worst;
use dinov3_golden::{SetJudgement, Stage};
use dinov3_reports::{Column, Section, Table};

/// A table a stage, for those that were judged at all.
pub fn stages(judgements: &[SetJudgement]) -> impl Iterator<Item = Section> {
    Stage::ALL.iter().filter_map(|stage| stage_table(judgements, *stage))
}

/// The tables of those judgements in which not every tensor is identical.
pub fn tensors(judgements: &[SetJudgement]) -> impl Iterator<Item = Section> {
    judgements.iter().filter(|it| it.identical() < it.entries.len()).map(every_tensor)
}

/// One row a set and precision: how many tensors of a stage are identical, and the worst of them.
fn stage_table(judgements: &[SetJudgement], stage: Stage) -> Option<Section> {
    let mut table = Table::new([
        Column::left("set"),
        Column::left("precision"),
        Column::right("tensors"),
        Column::right("identical"),
        Column::right("wrong"),
        Column::right("worst ratio"),
        Column::left("at"),
    ]);
    for judgement in judgements {
        let entries: Vec<_> = judgement.entries.iter().filter(|entry| entry.stage == Some(stage)).collect();
        if entries.is_empty() {
            continue;
        }
        let worst = worst(entries.iter().copied());
        table.push([
            judgement.set.clone(),
            judgement.precision.to_string(),
            entries.len().to_string(),
            entries.iter().filter(|entry| entry.identical).count().to_string(),
            entries.iter().filter(|entry| entry.fails()).count().to_string(),
            worst.and_then(|entry| entry.ratio).map_or("-".to_owned(), |ratio| format!("{ratio:.3}")),
            worst.map_or("-".to_owned(), |entry| format!("`{}`", entry.name)),
        ]);
    }
    if table.rows.is_empty() {
        return None;
    }
    let mut section = Section::new(format!("Stage {stage}"));
    section.text = Some(about(stage));
    section.table = Some(table);
    Some(section)
}

/// What the tensors of a stage are, and how they are judged.
fn about(stage: Stage) -> String {
    let ratio = "The ratio is the error against the float64 truth over the yardstick: the reference's own largest error, in several runs, at the same precision.";
    let what = match stage {
        Stage::Init => return "Weights and buffers after initialisation from the seed. Nothing is rounded on the way: they are the same, or wrong.".to_owned(),
        Stage::Data => return "What the model receives: normalised crops, masks and their weights.".to_owned(),
        Stage::Schedule => return "Every curve at every iteration. Computed in float64 at all precisions: a few ulps, or wrong.".to_owned(),
        Stage::Trajectory => return "Several steps in a row: the logged values, what the meters make of them, and the weights and moments at the end. The same bits, where they can be expected; elsewhere only the meters are judged, fed with the recorded values.".to_owned(),
        Stage::Forward => return ratio.to_owned(),
        Stage::Loss => "What the teacher's logits are assigned to, the patches that Gram compares, every term of the loss, and their sum.",
        Stage::Backward => "The gradient of every parameter, before clipping, in the order in which the backward pass completes them.",
        Stage::Optimizer => "Multipliers of learning rate and weight decay; norms of the gradients; moments and parameters after the step.",
        Stage::Ema => "The teachers' parameters after the step.",
    };
    format!("{what} {ratio}")
}

/// Every tensor, where not all are identical.
fn every_tensor(judgement: &SetJudgement) -> Section {
    let mut table = Table::new([
        Column::left("tensor"),
        Column::left("outcome"),
        Column::right("relative l2"),
        Column::right("max abs"),
        Column::right("mean abs"),
        Column::right("cosine"),
        Column::right("ulp"),
        Column::right("ratio"),
    ]);
    let figure = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3e}"));
    for entry in judgement.entries.iter().chain(&judgement.unexpected) {
        let metrics = entry.metrics.as_ref();
        table.push([
            format!("`{}`", entry.name),
            entry.outcome.to_string(),
            figure(metrics.map(|it| it.rel_l2)),
            figure(metrics.map(|it| it.max_abs)),
            figure(metrics.map(|it| it.mean_abs)),
            metrics.map_or("-".to_owned(), |it| format!("{:.9}", it.cosine)),
            metrics.map_or("-".to_owned(), |it| it.max_ulp.to_string()),
            entry.ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.3}")),
        ]);
    }
    let mut section = Section::new(format!("Every tensor: {}, {}", judgement.set, judgement.precision));
    section.text = Some("Candidate against the float64 truth, in execution order.".to_owned());
    section.table = Some(table);
    section.collapsed = true;
    section
}
