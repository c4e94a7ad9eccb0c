//! The tables and plots of the suite: one table a stage, and the growth of the error through the layers.

use dinov3_golden::{EntryJudgement, EntryName, SetJudgement, Stage};
use dinov3_reports::message::{Heading, Network, Sections, Side};
use dinov3_reports::{Cell, Column, Kind, Plot, Section, Series, Table};

use crate::judging::{sections as shared, words};

/// All sections of the suite's report.
pub fn sections(judgements: &[SetJudgement]) -> Vec<Section> {
    let first = [shared::expected(judgements)].into_iter().chain(shared::stages(judgements));
    first.chain(judgements.iter().map(growth)).collect()
}

/// Error through the network: a plot over the residual stream, and a table with a row a layer.
fn growth(judgement: &SetJudgement) -> Section {
    let (set, precision) = (judgement.set.clone(), words::precision(judgement.precision));
    let plot = growth_plot(judgement);
    Section {
        table: Some(layer_table(judgement)),
        plot: (!plot.series.is_empty()).then_some(plot),
        collapsed: true,
        quiet: shared::all_identical(judgement),
        ..Section::new(Sections::ErrorGrowth { set, precision })
    }
}

fn layer_table(judgement: &SetJudgement) -> Table {
    let mut table = Table::new([
        Column::text(Heading::Layer),
        Column::new(Heading::Tensors, Kind::Count),
        Column::new(Heading::Identical, Kind::Count),
        Column::new(Heading::Within, Kind::Count),
        Column::new(Heading::Wrong, Kind::Count),
        Column::new(Heading::Error, Kind::Error),
        Column::new(Heading::Yardstick, Kind::Error),
        Column::new(Heading::WorstOverLimit, Kind::Ratio),
        Column::new(Heading::WorstOverYardstick, Kind::Ratio),
        Column::new(Heading::Ulp, Kind::Count),
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
        let (counts, furthest) = (shared::Counts::of(&entries), shared::furthest(&entries));
        table.push_quiet(
            [
                Cell::Name(layer),
                Cell::count(entries.len()),
                Cell::count(counts.identical),
                Cell::count(counts.within),
                Cell::count(counts.wrong),
                Cell::number(Some(error)),
                Cell::number(Some(own)),
                Cell::number(furthest.and_then(EntryJudgement::share)),
                Cell::number(furthest.and_then(|entry| entry.ratio)),
                Cell::Count(entries.iter().filter_map(|it| it.metrics).map(|it| it.max_ulp).max().unwrap_or(0)),
            ],
            counts.identical == entries.len(),
        );
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
    for (name, network) in [("student", Network::Student), ("teacher", Network::Teacher)] {
        let (mut candidate, mut reference) = (Vec::new(), Vec::new());
        for entry in &judgement.entries {
            let Some(x) = residual_stream(&entry.name, name, blocks) else { continue };
            candidate.extend(entry.metrics.map(|it| (x, it.rel_l2)));
            reference.extend(entry.reference.map(|it| (x, it.rel_l2)));
        }
        if !reference.is_empty() {
            let line = |side| Sections::Line { network, side };
            series.push(Series::new(line(Side::Reference), reference));
            series.push(Series::new(line(Side::Candidate), candidate));
        }
    }
    let x_ticks = ["tokens".to_owned()]
        .into_iter()
        .chain((0..blocks).map(|i| i.to_string()))
        .chain(["norm".to_owned(), "logits".to_owned()]);
    Plot {
        title: Sections::ErrorAgainstTruth { set: set.clone(), precision: words::precision(*precision) }.into(),
        x_label: Sections::ResidualStream.into(),
        y_label: Sections::RelativeError.into(),
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
