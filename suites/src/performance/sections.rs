//! The tables of a measured training, with the definitions beside the numbers.

use dinov3_compare::scaling::{self, Scale};
use dinov3_reports::message::{Between, ComparedWord, Performance as Says, Special};
use dinov3_reports::{Cell, Column, Kind, Message, Plot, Section, Series, Table};
use dinov3_trajectory::timing::{Reason, Speed};

use super::around;
use super::asked::Resolved;
use super::measured::Measured;
use super::words::{self, head};

/// More points are thinned out.
const POINTS: usize = 500;

/// Speed, where a step goes, what must be known, the steps that do not count.
pub(super) fn of(resolved: &Resolved, measured: &Measured) -> Vec<Section> {
    let name = resolved.name();
    let of_run = |part: dinov3_reports::Bilingual| Message::from(Says::Part { part: part.into(), run: name.clone() });
    let mut sections = vec![
        Section { text: difference(measured), table: Some(speed(measured)), ..Section::new(of_run(head::SPEED)) },
        Section {
            text: measured.split.synchronised.then(|| Says::Synchronised { steps: measured.split.steps }.into()),
            table: Some(split(measured)),
            ..Section::new(of_run(head::SPLIT))
        },
        Section { table: Some(around(resolved, measured)), ..Section::new(of_run(head::AROUND)) },
    ];
    sections.extend(scaling(measured, of_run(head::SCALING)));
    if !measured.speed.excluded.is_empty() {
        let table = Some(excluded(measured));
        sections.push(Section { table, collapsed: true, ..Section::new(of_run(head::EXCLUDED)) });
    }
    let plot = Some(curve(resolved, measured));
    sections.push(Section { plot, collapsed: true, ..Section::new(of_run(head::STEP_SECONDS)) });
    sections
}

/// Why the two figures differ, in the words of the steps that the published one covers.
fn difference(measured: &Measured) -> Option<Message> {
    let (window, script) = (measured.window.as_ref()?, measured.script.as_ref()?);
    let special = |reason: Reason| match reason {
        Reason::WarmUp => Special::WarmUp,
        Reason::Evaluation => Special::Evaluation,
        Reason::Checkpoint => Special::Checkpoint,
        Reason::Collection => Special::Collection,
    };
    let mut found: Vec<(Special, u64)> = Vec::new();
    for step in &window.special {
        match found.iter_mut().find(|(reason, _)| *reason == special(step.reason)) {
            Some((_, last)) => *last = step.step,
            None => found.push((special(step.reason), step.step)),
        }
    }
    let took = window.special.last().and_then(|special| {
        let step = measured.taken.steps.iter().find(|step| step.it == special.step)?;
        Some((step.took - measured.speed.median).into())
    });
    let says = Says::Window {
        lines: window.lines.len() as u64,
        span: (window.first, window.last),
        script: script.fps()?.into(),
        honest: measured.speed.fps().into(),
        special: found,
        extra: window.extra(measured.speed.median).map(Into::into),
        took,
    };
    Some(says.into())
}

fn speed(measured: &Measured) -> Table {
    let mut table = Table::new([
        Column::text(head::FIGURE),
        Column::new(head::VALUE, Kind::Number),
        Column::text(head::UNIT),
        Column::text(head::DEFINITION),
    ]);
    for (key, value) in measured.figures() {
        let Some(known) = words::FIGURES.iter().find(|known| known.key == key) else { continue };
        let readable = known.unit.map(|unit| words::readable(value, unit));
        // The published figure has the digits that its script prints.
        let value = match (key.as_str(), &measured.script) {
            ("fps_script", Some(script)) => Cell::Says(Message::name(&script.fps)),
            ("final_loss", Some(script)) => Cell::Says(Message::name(&script.loss)),
            _ => Cell::number(Some(readable.map_or(value, |(value, _)| value))),
        };
        let unit = readable.map_or(Cell::Absent, |(_, unit)| Cell::Says(unit.into()));
        table.push([Cell::Says(known.name.into()), value, unit, Cell::Says(known.is.into())]);
    }
    table
}

fn split(measured: &Measured) -> Table {
    let split = &measured.split;
    let mut table = Table::new([
        Column::text(head::PART),
        Column::new(head::PER_STEP, Kind::Number),
        Column::new(head::SHARE, Kind::Measure),
        Column::text(head::DEFINITION),
    ]);
    let mut row = |name: Message, seconds: f64, is: Message| {
        let share = 100.0 * seconds / split.took;
        table.push([Cell::Says(name), Cell::number(Some(seconds)), Cell::number(Some(share)), Cell::Says(is)]);
    };
    for ((name, is), seconds) in words::PARTS.into_iter().zip(split.parts) {
        row(name.into(), seconds, is.into());
    }
    row(head::SUM.into(), split.took, head::SUM_IS.into());
    if let Some(between) = words::figure("between") {
        row(between.name.into(), split.between, between.is.into());
    }
    table
}

/// One rank alone, and all of them.
fn scaling(measured: &Measured, title: Message) -> Option<Section> {
    let (alone, world) = (measured.alone.as_ref()?, measured.taken.facts.world as u64);
    let scale = |run: Message, cards: u64, speed: &Speed| {
        let (low, high) = speed.fps_interval();
        let speed = Between { value: speed.fps().into(), low: low.into(), high: high.into() };
        Scale { run, cards, batch: Some(measured.speed.images / world * cards), speed }
    };
    let all = scale(head::ALL_RANKS.into(), world, &measured.speed);
    let scales = vec![scale(ComparedWord::OneAlone.into(), 1, alone), all];
    scaling::section(title, ComparedWord::AboutScaling, scales)
}

fn around(resolved: &Resolved, measured: &Measured) -> Table {
    let mut table = Table::new([Column::text(head::FACT), Column::text(head::VALUE)]);
    for (name, value) in around::of(resolved, &measured.taken) {
        table.push([Cell::Says(name), Cell::Says(value)]);
    }
    table
}

fn excluded(measured: &Measured) -> Table {
    let mut table = Table::new([
        Column::text(head::REASON),
        Column::new(head::STEPS, Kind::Count),
        Column::new(head::FIRST, Kind::Count),
        Column::new(head::TOGETHER, Kind::Number),
    ]);
    for excluded in &measured.speed.excluded {
        let reason = match excluded.reason {
            Reason::WarmUp => Special::WarmUp,
            Reason::Evaluation => Special::Evaluation,
            Reason::Checkpoint => Special::Checkpoint,
            Reason::Collection => Special::Collection,
        };
        table.push([
            Cell::Says(reason.into()),
            Cell::Count(excluded.steps),
            Cell::Count(excluded.first),
            Cell::number(Some(excluded.seconds)),
        ]);
    }
    table
}

/// The seconds of the steps that count; of many, the largest of each few.
fn curve(resolved: &Resolved, measured: &Measured) -> Plot {
    let taken = &measured.taken;
    let counts: Vec<(f64, f64)> = taken
        .steps
        .iter()
        .filter(|step| taken.cadence.reason(step.it, 0).is_none())
        .map(|step| (step.it as f64, step.took))
        .collect();
    let each = counts.len().div_ceil(POINTS).max(1);
    let slowest = counts.chunks(each).filter_map(|few| few.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)));
    let ends = [counts.first(), counts.last()].into_iter().flatten().map(|(it, _)| (*it, measured.speed.median));
    Plot {
        title: resolved.title(),
        x_label: head::STEP.into(),
        y_label: head::STEP_SECONDS.into(),
        log_y: false,
        x_ticks: Vec::new(),
        series: vec![Series::new(head::EACH_STEP, slowest), Series::new(head::MEDIAN, ends)],
        band: None,
        file_stem: format!("performance-{}", resolved.name().replace('/', "-")),
    }
}
