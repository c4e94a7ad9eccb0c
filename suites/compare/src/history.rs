//! Trends of figures over the reports of many runs, with the runs marked at which they change.

mod changes;

use std::fs;
use std::path::{Path, PathBuf};

use dinov3_reports::message::{ComparedWord, Gated, Message};
use dinov3_reports::{
    Bilingual, Cell, Check, Column, Figure, Finding, Kind, Plot, RunReport, Section, Series, SuiteResult, Table,
    Verdict, json,
};

use crate::CompareError;

/// The name of the suite that a history is in reports.
pub const SUITE: &str = "history";

/// The figures that are followed if none is named.
pub const FIGURES: [&str; 6] =
    ["fps_median", "fps_script", "step_median", "final_loss", "error_over_limit", "wrong_tensors"];

const PROVES: Bilingual = Bilingual {
    en: "how figures went over the runs whose reports are stored, and where they changed",
    zh: "已保存的各次运行中指标的变化趋势与变化点",
};

/// A stored report.
#[derive(Clone, Debug)]
pub struct Stored {
    /// When it began, or else its file.
    pub name: String,
    /// The report.
    pub report: RunReport,
}

/// The reports of a folder and of the folders in it, in the order in which their runs began. Other JSON files are passed over.
///
/// # Errors
/// When the folder cannot be read, a report in it is damaged, or there is none.
pub fn stored(folder: &Path) -> Result<Vec<Stored>, CompareError> {
    let mut files = Vec::new();
    list(folder, &mut files)?;
    files.sort();
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).map_err(|cause| CompareError::Io { file: file.clone(), cause })?;
        let head: String = text.chars().take(400).collect();
        if !head.contains("\"schema_version\"") {
            continue;
        }
        let report = json::from_json(&text).map_err(|cause| CompareError::Report { file: file.clone(), cause })?;
        let name = report.environment.started.clone();
        found.push(Stored { name: name.unwrap_or_else(|| file.display().to_string()), report });
    }
    if found.is_empty() {
        return Err(CompareError::NoReports(folder.to_owned()));
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), CompareError> {
    let io = |cause| CompareError::Io { file: folder.to_owned(), cause };
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let path = entry.path();
        if entry.file_type().map_err(io)?.is_dir() {
            list(&path, files)?;
        } else if path.extension().is_some_and(|it| it == "json") {
            files.push(path);
        }
    }
    Ok(())
}

/// The trend of each of these figures of each check that has it in two runs at least.
pub fn history(stored: &[Stored], keys: &[String]) -> SuiteResult {
    let (mut checks, mut sections) = (Vec::new(), Vec::new());
    for (id, key) in followed(stored, keys) {
        let points: Vec<(&str, f64)> =
            stored.iter().filter_map(|it| Some((it.name.as_str(), value(it, &id, &key)?))).collect();
        if points.len() < 2 {
            continue;
        }
        let values: Vec<f64> = points.iter().map(|point| point.1).collect();
        let at = changes::changes(&values);
        checks.push(check(&id, &key, &points, &at));
        sections.push(section(&id, &key, &points, &at));
    }
    if checks.is_empty() {
        let reason = Gated::FewRuns { runs: stored.len() };
        checks.push(Check::new(
            SUITE,
            Gated::FewRuns { runs: stored.len() },
            Verdict::Skipped { reason: reason.into() },
        ));
    }
    SuiteResult { suite: SUITE.to_owned(), group: None, proves: PROVES.into(), checks, sections, seconds: 0.0 }
}

/// Every check and key, in the order in which they first appear.
fn followed(stored: &[Stored], keys: &[String]) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for check in stored.iter().flat_map(|it| it.report.checks()) {
        for figure in check.figures.iter().filter(|figure| keys.contains(&figure.key)) {
            let pair = (check.id.clone(), figure.key.clone());
            if !found.contains(&pair) {
                found.push(pair);
            }
        }
    }
    found
}

fn value(stored: &Stored, id: &str, key: &str) -> Option<f64> {
    let check = stored.report.checks().find(|check| check.id == id)?;
    check.figures.iter().find(|figure| figure.key == key).map(|figure| figure.value).filter(|value| value.is_finite())
}

/// The stretches between changes.
fn stretches(length: usize, at: &[usize]) -> Vec<std::ops::Range<usize>> {
    let edges: Vec<usize> = std::iter::once(0).chain(at.iter().copied()).chain([length]).collect();
    edges.windows(2).map(|pair| pair[0]..pair[1]).collect()
}

fn check(id: &str, key: &str, points: &[(&str, f64)], at: &[usize]) -> Check {
    let title = Gated::Trend { figure: key.to_owned(), check: id.to_owned() };
    let names = at.iter().map(|&place| points[place].0.to_owned()).collect();
    let median = |range: std::ops::Range<usize>| {
        let values: Vec<f64> = points[range].iter().map(|point| point.1).collect();
        changes::median(&values)
    };
    let stretches = stretches(points.len(), at);
    let findings = stretches.windows(2).map(|pair| {
        let change = Gated::Change {
            run: points[pair[1].start].0.to_owned(),
            before: median(pair[0].clone()).into(),
            after: median(pair[1].clone()).into(),
        };
        Finding::new(Message::name(key), change)
    });
    let last = points.last().map_or(f64::NAN, |point| point.1);
    Check {
        summary: Some(Gated::Changes { runs: points.len(), at: names }.into()),
        figures: vec![Figure { key: key.to_owned(), name: Message::name(key), value: last, unit: None, limit: None }],
        findings: findings.collect(),
        ..Check::new(format!("{SUITE}/{id}/{key}"), title, Verdict::Pass)
    }
}

fn section(id: &str, key: &str, points: &[(&str, f64)], at: &[usize]) -> Section {
    let title = || Gated::Trend { figure: key.to_owned(), check: id.to_owned() };
    let mut table = Table::new([
        Column::text(ComparedWord::Run),
        Column::new(Message::name(key), Kind::Number),
        Column::text(ComparedWord::Remark),
    ]);
    for (place, (run, value)) in points.iter().enumerate() {
        let changed = if at.contains(&place) { Cell::Says(ComparedWord::Changed.into()) } else { Cell::Absent };
        table.push([Cell::Name((*run).to_owned()), Cell::Number((*value).into()), changed]);
    }
    let line = |range: std::ops::Range<usize>| {
        let values: Vec<f64> = points[range.clone()].iter().map(|point| point.1).collect();
        let median = changes::median(&values);
        Series::new(ComparedWord::MedianBetween, range.map(move |place| (place as f64, median)))
    };
    let all = points.iter().enumerate().map(|(place, point)| (place as f64, point.1));
    let mut series = vec![Series::new(Message::name(key), all)];
    series.extend(stretches(points.len(), at).into_iter().map(line));
    let plot = Plot {
        title: title().into(),
        x_label: Gated::Runs.into(),
        y_label: Message::name(key),
        log_y: false,
        x_ticks: points.iter().map(|point| point.0.to_owned()).collect(),
        series,
        band: None,
        file_stem: format!("{key}-{id}"),
    };
    Section { plot: Some(plot), table: Some(table), ..Section::new(title()) }
}

#[cfg(test)]
mod tests;
