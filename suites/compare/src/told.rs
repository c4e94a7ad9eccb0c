//! The verdict on a run as checks and sections of a report: the same words whether it was judged alone or laid beside others.

pub mod notes;
pub mod words;

use dinov3_reports::message::{Heading, RunWord, Trajectory as Says};
use dinov3_reports::{
    Band, Bilingual, Cell, Check, Column, Figure, Finding, Kind, Message, Plot, Section, Series, Table, Verdict,
};
use dinov3_trajectory as run;
use dinov3_trajectory::{CheckKind, Status, Unit};

/// At most so many findings of a check are told one by one; the table has all.
const TOLD: usize = 20;

/// The check of `kind`, from a verdict on the run `name`.
pub fn of(id: String, kind: CheckKind, name: &str, verdict: &run::Verdict) -> Check {
    let title = Says::Title { check: words::check(kind), run: name.to_owned() };
    let worse = |a: &&run::Finding, b: &&run::Finding| a.status.cmp(&b.status).then(weight(a).total_cmp(&weight(b)));
    let Some(decisive) = verdict.of(kind).max_by(worse) else {
        return Check::new(id, title, Verdict::Skipped { reason: Says::Nothing.into() });
    };
    let reason = words::sentence(decisive);
    let decided = match decisive.status {
        Status::Pass | Status::Note => Verdict::Pass,
        Status::Inconclusive => Verdict::Vacuous { reason: reason.clone() },
        Status::Fail => Verdict::Fail { reason: reason.clone() },
    };
    let failed = verdict.of(kind).filter(|finding| finding.status == Status::Fail);
    Check {
        summary: Some(reason),
        figures: figure(decisive).into_iter().collect(),
        findings: failed.take(TOLD).map(said).collect(),
        ..Check::new(id, title, decided)
    }
}

fn said(finding: &run::Finding) -> Finding {
    let about = finding.meter.clone().map_or_else(|| words::check(finding.check).into(), Message::name);
    Finding::new(about, words::sentence(finding))
}

/// How far a finding is towards its limit: what it is judged by.
fn weight(finding: &run::Finding) -> f64 {
    let Some(figure) = finding.figure() else { return 0.0 };
    match (figure.p, figure.limit) {
        (Some(p), _) => 1.0 - p,
        (None, Some(limit)) if limit != 0.0 => (figure.value / limit).abs(),
        _ => figure.value.abs(),
    }
}

fn figure(finding: &run::Finding) -> Option<Figure> {
    let run::finding::Figure { value, unit, limit, .. } = finding.figure()?;
    let (key, name) = match unit {
        Unit::Steps => ("steps", Bilingual { en: "steps", zh: "步数" }),
        Unit::Share => ("share", Bilingual { en: "share of the steps", zh: "步数占比" }),
        Unit::Deviations => ("standard_errors", Bilingual { en: "standard errors", zh: "标准误倍数" }),
        Unit::Meter => ("difference", Bilingual { en: "difference", zh: "差值" }),
        Unit::Factor => ("factor", Bilingual { en: "factor", zh: "倍数" }),
    };
    let figure = Figure::own(key, name, value);
    Some(match limit {
        Some(limit) => figure.with_limit(limit),
        None => figure,
    })
}

/// The table of all findings, what they rest on, and the curves.
pub fn sections(name: &str, verdict: &run::Verdict) -> Vec<Section> {
    let rests = words::basis(&verdict.basis).into_iter().next();
    let mut sections = vec![Section { text: rests, ..Section::new(Message::name(name)) }];
    sections.extend(verdict.plots.iter().enumerate().map(|(at, plot)| curves(name, plot, at > 0)));
    sections.push(table(name, verdict));
    sections
}

fn table(name: &str, verdict: &run::Verdict) -> Section {
    let mut table = Table::new([
        Column::text(RunWord::Check),
        Column::text(RunWord::Meter),
        Column::text(RunWord::Windows),
        Column::new(RunWord::Value, Kind::Number),
        Column::new(Heading::Limit, Kind::Number),
        Column::new(RunWord::P, Kind::Number),
        Column::text(Heading::Outcome),
    ]);
    for says in words::basis(&verdict.basis) {
        let absent = std::iter::repeat_n(Cell::Absent, table.columns.len() - 1);
        table.push(absent.chain([Cell::Says(says)]));
    }
    for finding in &verdict.findings {
        let figure = finding.figure();
        let steps = finding.window.map(|window| format!("{}–{}", window.from, window.to.saturating_sub(1)));
        let cells = [
            Cell::Says(words::check(finding.check).into()),
            finding.meter.clone().map_or(Cell::Absent, Cell::Name),
            steps.map_or(Cell::Absent, |steps| Cell::Says(Message::name(steps))),
            Cell::number(figure.map(|figure| figure.value)),
            Cell::number(figure.and_then(|figure| figure.limit)),
            Cell::number(figure.and_then(|figure| figure.p)),
            Cell::Says(words::sentence(finding)),
        ];
        table.push_quiet(cells, finding.status == Status::Pass);
    }
    let title = Says::Findings { run: name.to_owned() };
    Section { table: Some(table), collapsed: true, ..Section::new(title) }
}

fn curves(name: &str, plot: &run::Plot, folded: bool) -> Section {
    let title = || Says::Plot { meter: plot.meter.clone(), run: name.to_owned() };
    let line = |of: fn(&run::Point) -> Option<f64>| {
        plot.points.iter().filter_map(move |point| Some((point.iteration, of(point)?)))
    };
    let band: Vec<(f64, f64, f64)> =
        plot.points.iter().filter_map(|point| Some((point.iteration, point.low?, point.high?))).collect();
    let drawn = Plot {
        title: title().into(),
        x_label: RunWord::Step.into(),
        y_label: RunWord::Smoothed.into(),
        log_y: false,
        x_ticks: Vec::new(),
        series: vec![
            Series::new(RunWord::Against, line(|point| point.against)),
            Series::new(RunWord::Candidate, line(|point| point.candidate)),
        ],
        band: (!band.is_empty()).then(|| Band::new(RunWord::Spread, band)),
        file_stem: format!("{name}-{}", plot.meter),
    };
    Section { plot: Some(drawn), collapsed: folded, ..Section::new(title()) }
}
