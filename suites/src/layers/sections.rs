//! The tables and plots of the suite: one table a stage, and the growth of the error through the layers.

use dinov3_golden::judge::worst;
use dinov3_golden::{EntryJudgement, EntryName, Expectation, SetJudgement, Stage};
use dinov3_reports::{Column, Plot, Section, Series, Table};

use crate::judging::sections as shared;

/// All sections of the suite's report.
pub fn sections(judgements: &[SetJudgement]) -> Vec<Section> {
    let growth = judgements.iter().map(growth);
    shared::stages(judgements).chain(growth).chain(shared::tensors(judgements)).collect()
}

/// Error through the network: a plot over the residual stream, and a table with a row a layer.
fn growth(judgement: &SetJudgement) -> Section {
    let SetJudgement { set, precision, .. } = judgement;
    let mut section = Section::new(format!("Error growth: {set}, {precision}"));
    section.text = Some(match &judgement.expectation {
        Expectation::Identical => "The fingerprints match: nothing but the same bits passes.".to_owned(),
        Expectation::Yardstick { differences } => format!(
            "The same bits cannot be expected here, so the yardstick alone decides: {}.",
            differences.join("; ")
        ),
    });
    section.table = Some(layer_table(judgement));
    section.collapsed = true;
    let plot = growth_plot(judgement);
    section.plot = (!plot.series.is_empty()).then_some(plot);
    section
}

fn layer_table(judgement: &SetJudgement) -> Table {
    let mut table = Table::new([
        Column::left("layer"),
        Column::right("tensors"),
        Column::right("identical"),
        Column::right("wrong"),
        Column::right("error"),
        Column::right("reference"),
        Column::right("worst ratio"),
        Column::right("ulp"),
    ]);
    let mut layers: Vec<(String, Vec<&EntryJudgement>)> = Vec::new();
    for entry in judgement.entries.iter().filter(|entry| entry.stage == Some(Stage::Forward)) {
        let layer = layer_of(&entry.name);
        match layers.iter_mut().find(|(known, _)| *known == layer) {
            Some((_, entries)) => entries.push(entry),
            None => layers.push((layer, vec![entry])),
        }
    }
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    for (layer, entries) in layers {
        let error = largest(&mut entries.iter().filter_map(|it| it.metrics).map(|it| it.rel_l2));
        let own = largest(&mut entries.iter().filter_map(|it| it.reference).map(|it| it.rel_l2));
        let ratio = worst(entries.iter().copied()).and_then(|entry| entry.ratio);
        table.push([
            format!("`{layer}`"),
            entries.len().to_string(),
            entries.iter().filter(|entry| entry.identical).count().to_string(),
            entries.iter().filter(|entry| entry.fails()).count().to_string(),
            format!("{error:.2e}"),
            format!("{own:.2e}"),
            ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.3}")),
            entries.iter().filter_map(|it| it.metrics).map(|it| it.max_ulp).max().unwrap_or(0).to_string(),
        ]);
    }
    table
}

/// The part of a name that a person calls a layer: a block, a head, or another child of the backbone.
fn layer_of(name: &str) -> String {
    let Ok(name) = name.parse::<EntryName>() else { return name.to_owned() };
    let parts: Vec<&str> = name.parts().collect();
    let length = match parts.as_slice() {
        [_, "backbone", "blocks", ..] => 4,
        [_, "backbone", "get_intermediate_layers", ..] => 3,
        [_, "backbone", ..] => 3,
        _ => 2,
    };
    parts[..length.min(parts.len())].join(".")
}

fn growth_plot(judgement: &SetJudgement) -> Plot {
    let SetJudgement { set, precision, .. } = judgement;
    let blocks = judgement.entries.iter().filter(|entry| block_output(&entry.name, "student").is_some()).count();
    let mut series = Vec::new();
    for network in ["student", "teacher"] {
        let (mut candidate, mut reference) = (Vec::new(), Vec::new());
        for entry in &judgement.entries {
            let Some(x) = residual_stream(&entry.name, network, blocks) else { continue };
            candidate.extend(entry.metrics.map(|it| (x, it.rel_l2)));
            reference.extend(entry.reference.map(|it| (x, it.rel_l2)));
        }
        if !reference.is_empty() {
            series.push(Series::new(format!("{network}, reference"), reference));
            series.push(Series::new(format!("{network}, candidate"), candidate));
        }
    }
    let x_ticks = ["tokens".to_owned()]
        .into_iter()
        .chain((0..blocks).map(|i| i.to_string()))
        .chain(["norm".to_owned(), "logits".to_owned()]);
    Plot {
        title: format!("{set}, {precision}: error against the float64 truth"),
        x_label: "residual stream of the global crops: tokens, blocks, last norm, DINO logits".to_owned(),
        y_label: "relative l2 error".to_owned(),
        log_y: true,
        x_ticks: x_ticks.collect(),
        series,
        file_stem: format!("error-growth-{set}-{precision}"),
    }
}

/// The index of the block whose output for the global crops this is.
fn block_output(name: &str, network: &str) -> Option<usize> {
    let name: EntryName = name.parse().ok()?;
    match (name.parts().collect::<Vec<_>>().as_slice(), name.call(), name.port()) {
        ([of, "backbone", "blocks", number], 0, Some("0")) if *of == network => number.parse().ok(),
        _ => None,
    }
}

/// Where on the horizontal axis a tensor of the residual stream stands.
fn residual_stream(name: &str, network: &str, blocks: usize) -> Option<f64> {
    if let Some(block) = block_output(name, network) {
        return Some(block as f64 + 1.0);
    }
    let name: EntryName = name.parse().ok()?;
    let (of, within) = name.path().split_once('.')?;
    match (within, name.call(), name.port()) {
        _ if of != network => None,
        ("backbone.prepare_tokens_with_masks", 0, None) => Some(0.0),
        ("backbone", 0, Some("x_norm_clstoken" | "0.x_norm_clstoken")) => Some(blocks as f64 + 1.0),
        ("dino_head.last_layer", 0, None) => Some(blocks as f64 + 2.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_layers() {
        let layers = [
            ("student.backbone.blocks.3.attn.apply_rope#1:0", "student.backbone.blocks.3"),
            ("rng:student.backbone.blocks.3.randperm#2", "student.backbone.blocks.3"),
            ("teacher.backbone.rope_embed#7:1", "teacher.backbone.rope_embed"),
            ("teacher.backbone:x_norm_clstoken", "teacher.backbone"),
            ("student.backbone:0.x_prenorm", "student.backbone"),
            ("teacher.backbone.get_intermediate_layers:0.patch", "teacher.backbone.get_intermediate_layers"),
            ("student.dino_head.mlp.0", "student.dino_head"),
            ("student.dino_head.last_layer:in", "student.dino_head"),
        ];
        for (name, layer) in layers {
            assert_eq!(layer_of(name), layer, "{name}");
        }
    }

    #[test]
    fn the_residual_stream_is_in_order() {
        let at = |name| residual_stream(name, "student", 3);
        assert_eq!(at("student.backbone.prepare_tokens_with_masks"), Some(0.0));
        assert_eq!(at("student.backbone.prepare_tokens_with_masks#1"), None);
        assert_eq!(at("student.backbone.blocks.2:0"), Some(3.0));
        assert_eq!(at("student.backbone.blocks.2:1"), None);
        assert_eq!(at("student.backbone:0.x_norm_clstoken"), Some(4.0));
        assert_eq!(at("student.dino_head.last_layer"), Some(5.0));
        assert_eq!(at("teacher.dino_head.last_layer"), None);
    }
}
