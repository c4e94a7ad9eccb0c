//! The tables and plots of the suite: one table a stage, and the growth of the error through the layers.

use dinov3_golden::{EntryName, SetJudgement, Stage};
use dinov3_reports::message::{Network, Sections, Side};
use dinov3_reports::{Plot, Section, Series};

use crate::judging::by_layer::by_layer;
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
        table: Some(by_layer(judgement, &[Stage::Forward])),
        plot: (!plot.series.is_empty()).then_some(plot),
        collapsed: true,
        quiet: shared::all_identical(judgement),
        ..Section::new(Sections::ErrorGrowth { set, precision })
    }
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
        band: None,
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
