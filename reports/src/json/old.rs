//! Schema 1, whose reports held sentences where those of today hold data.

use crate::message::{Key, Message};
use crate::number::{self, Float};
use crate::table::{Cell, Column, Kind, Row, Table};
use crate::{
    Check, Environment, Figure, Finding, Judged, Plot, RunReport, Section, Series, SuiteResult, Tool, Verdict,
};
use serde::Deserialize;
use std::collections::HashMap;

#[derive(Deserialize)]
pub(super) struct Report {
    tool: Tool,
    environment: OldEnvironment,
    allow_vacuous: Vec<String>,
    suites: Vec<OldSuite>,
}

#[derive(Deserialize)]
struct OldEnvironment {
    libtorch: String,
    device: String,
    cpu: String,
    cpu_capability: String,
    threads: u32,
    os: String,
    architecture: String,
    pins: serde_json::Map<String, serde_json::Value>,
    started: Option<String>,
    seconds: Float,
}

#[derive(Deserialize)]
struct OldSuite {
    suite: String,
    group: Option<String>,
    proves: String,
    checks: Vec<OldCheck>,
    sections: Vec<OldSection>,
    seconds: Float,
}

#[derive(Deserialize)]
struct OldCheck {
    id: String,
    title: String,
    #[serde(flatten)]
    verdict: OldVerdict,
    figure: Option<Quantity>,
    limit: Option<Quantity>,
    summary: String,
    findings: Vec<OldFinding>,
    seconds: Float,
}

#[derive(Deserialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
enum OldVerdict {
    Pass,
    Fail { reason: String },
    Skipped { reason: String },
    Vacuous { reason: String },
}

#[derive(Deserialize)]
struct Quantity {
    #[serde(with = "number::float")]
    value: f64,
    unit: String,
}

#[derive(Deserialize)]
struct OldFinding {
    subject: String,
    text: String,
    hint: Option<String>,
}

#[derive(Deserialize)]
struct OldSection {
    title: String,
    text: Option<String>,
    table: Option<OldTable>,
    plot: Option<OldPlot>,
    collapsed: bool,
}

#[derive(Deserialize)]
struct OldTable {
    columns: Vec<OldColumn>,
    rows: Vec<Vec<String>>,
}

#[derive(Deserialize)]
struct OldColumn {
    title: String,
    align: String,
}

#[derive(Deserialize)]
struct OldPlot {
    title: String,
    x_label: String,
    y_label: String,
    log_y: bool,
    x_ticks: Vec<String>,
    series: Vec<OldSeries>,
    file_stem: String,
}

#[derive(Deserialize)]
struct OldSeries {
    name: String,
    points: Vec<(Float, Float)>,
}

impl From<Report> for RunReport {
    fn from(old: Report) -> Self {
        Self {
            tool: old.tool,
            environment: old.environment.into(),
            allow_vacuous: old.allow_vacuous,
            // A report was written at the end of a run alone.
            complete: true,
            notes: Vec::new(),
            suites: old.suites.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<OldEnvironment> for Environment {
    fn from(old: OldEnvironment) -> Self {
        let pins = old.pins.into_iter().map(|(name, value)| (name, value.as_str().unwrap_or_default().to_owned()));
        Self {
            libtorch: old.libtorch,
            judged: Judged::Stated { device: old.device },
            cpu: old.cpu,
            cpu_capability: old.cpu_capability,
            threads: old.threads,
            os: old.os,
            architecture: old.architecture,
            pins: pins.collect(),
            doctor: Vec::new(),
            started: old.started,
            seconds: old.seconds.0,
        }
    }
}

impl From<OldSuite> for SuiteResult {
    fn from(old: OldSuite) -> Self {
        Self {
            suite: old.suite,
            group: old.group,
            proves: Message::verbatim(old.proves),
            checks: old.checks.into_iter().map(Into::into).collect(),
            sections: old.sections.into_iter().map(Into::into).collect(),
            seconds: old.seconds.0,
        }
    }
}

impl From<OldCheck> for Check {
    fn from(old: OldCheck) -> Self {
        let reason = |why: String| Message::verbatim(why);
        let verdict = match old.verdict {
            OldVerdict::Pass => Verdict::Pass,
            OldVerdict::Fail { reason: why } => Verdict::Fail { reason: reason(why) },
            OldVerdict::Skipped { reason: why } => Verdict::Skipped { reason: reason(why) },
            OldVerdict::Vacuous { reason: why } => Verdict::Vacuous { reason: reason(why) },
        };
        let figure = old.figure.map(|Quantity { value, unit }| {
            let figure = Figure::new(Key::Measured, value);
            let figure = if unit.is_empty() { figure } else { figure.in_unit(Message::verbatim(unit)) };
            old.limit.iter().fold(figure, |figure, limit| figure.with_limit(limit.value))
        });
        Self {
            summary: Some(old.summary).filter(|it| !it.is_empty()).map(Message::verbatim),
            figures: figure.into_iter().collect(),
            findings: old.findings.into_iter().map(Into::into).collect(),
            seconds: old.seconds.0,
            ..Self::new(old.id, Message::verbatim(old.title), verdict)
        }
    }
}

impl From<OldFinding> for Finding {
    fn from(old: OldFinding) -> Self {
        Self {
            subject: Message::name(old.subject),
            text: Message::verbatim(old.text),
            hint: old.hint.map(Message::verbatim),
        }
    }
}

impl From<OldSection> for Section {
    fn from(old: OldSection) -> Self {
        Self {
            title: Message::verbatim(old.title),
            text: old.text.map(Message::verbatim),
            table: old.table.map(Into::into),
            plot: old.plot.map(Into::into),
            collapsed: old.collapsed,
            quiet: false,
        }
    }
}

impl From<OldTable> for Table {
    fn from(old: OldTable) -> Self {
        let kinds = HashMap::from([("left", Kind::Text), ("right", Kind::Number)]);
        let column = |OldColumn { title, align }| {
            Column::new(Message::verbatim(title), kinds.get(align.as_str()).copied().unwrap_or(Kind::Text))
        };
        let row = |cells: Vec<String>| Row {
            cells: cells.into_iter().map(|cell| Cell::Says(Message::verbatim(cell))).collect(),
            quiet: false,
        };
        Self { columns: old.columns.into_iter().map(column).collect(), rows: old.rows.into_iter().map(row).collect() }
    }
}

impl From<OldPlot> for Plot {
    fn from(old: OldPlot) -> Self {
        let series = |it: OldSeries| Series { name: Message::verbatim(it.name), points: it.points };
        Self {
            title: Message::verbatim(old.title),
            x_label: Message::verbatim(old.x_label),
            y_label: Message::verbatim(old.y_label),
            log_y: old.log_y,
            x_ticks: old.x_ticks,
            series: old.series.into_iter().map(series).collect(),
            band: None,
            file_stem: old.file_stem,
        }
    }
}
