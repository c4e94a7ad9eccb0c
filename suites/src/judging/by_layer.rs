//! A table with a row a layer: where in the network errors begin and how they grow.

use dinov3_golden::{EntryJudgement, EntryName, SetJudgement, Stage};
use dinov3_reports::message::Heading;
use dinov3_reports::{Cell, Column, Kind, Table};

use super::sections::{Counts, furthest};
use super::words;

/// One row a stage and layer, in the order in which the first tensors of the layers come. The column of stages is there where several are
/// asked for.
pub fn by_layer(judgement: &SetJudgement, stages: &[Stage]) -> Table {
    let of_stages = (stages.len() > 1).then(|| Column::text(Heading::Stage));
    let mut table = Table::new(of_stages.into_iter().chain([
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
    ]));
    for (stage, layer, entries) in layers(judgement, stages) {
        let stage = (stages.len() > 1).then(|| Cell::Says(words::stage(stage).into()));
        let cells = [Cell::Name(layer)].into_iter().chain(figures(&entries));
        let quiet = Counts::of(&entries).identical == entries.len();
        table.push_quiet(stage.into_iter().chain(cells), quiet);
    }
    table
}

/// The tensors of each layer, stage by stage.
fn layers<'a>(judgement: &'a SetJudgement, stages: &[Stage]) -> Vec<(Stage, String, Vec<&'a EntryJudgement>)> {
    let mut layers: Vec<(Stage, String, Vec<&EntryJudgement>)> = Vec::new();
    for stage in stages {
        for entry in judgement.entries.iter().filter(|entry| entry.stage == Some(*stage)) {
            let layer = layer_of(&entry.name);
            match layers.iter_mut().find(|(of, known, _)| of == stage && *known == layer) {
                Some((.., entries)) => entries.push(entry),
                None => layers.push((*stage, layer, vec![entry])),
            }
        }
    }
    layers
}

/// What became of the tensors of a layer, and the largest figures of any of them.
fn figures(entries: &[&EntryJudgement]) -> [Cell; 9] {
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let error = largest(&mut entries.iter().filter_map(|it| it.metrics).map(|it| it.rel_l2));
    let own = largest(&mut entries.iter().filter_map(|it| it.reference).map(|it| it.rel_l2));
    let (counts, furthest) = (Counts::of(entries), furthest(entries));
    [
        Cell::count(entries.len()),
        Cell::count(counts.identical),
        Cell::count(counts.within),
        Cell::count(counts.wrong),
        Cell::number(Some(error)),
        Cell::number(Some(own)),
        Cell::number(furthest.and_then(EntryJudgement::share)),
        Cell::number(furthest.and_then(|entry| entry.ratio)),
        Cell::Count(entries.iter().filter_map(|it| it.metrics).map(|it| it.max_ulp).max().unwrap_or(0)),
    ]
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
            ("grad:student.backbone.blocks.3.mlp.fc2.weight", "student.backbone.blocks.3"),
            ("exp_avg:student.backbone.cls_token", "student.backbone.cls_token"),
            ("param:teacher.ibot_head.mlp.0.bias", "teacher.ibot_head"),
            ("grad_norm:student.backbone", "student.backbone"),
        ];
        for (name, layer) in layers {
            assert_eq!(layer_of(name), layer, "{name}");
        }
    }
}
