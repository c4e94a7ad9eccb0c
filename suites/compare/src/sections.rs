//! The tables and plots of a comparison.

use dinov3_reports::message::{Compared, ComparedWord as W, Message};
use dinov3_reports::{Cell, Column, Kind, Plot, Section, Series, Table, published};
use dinov3_trajectory::timing::Reason;

use crate::compared::{Beside, outcome};
use crate::{Origin, Side, scaling, told};

/// The result table first, then what stands behind it.
pub(crate) fn all(sides: &[Side], beside: &[Beside]) -> Vec<Section> {
    let mut sections = vec![results(sides, beside)];
    sections.extend(scaling::sections(sides));
    let base = &sides[0];
    for (side, beside) in sides.iter().zip(beside) {
        sections.extend(waterfall(side, base));
        sections.extend(window(side));
        sections.extend(excluded(side));
        if let Some(verdict) = beside.losses.as_ref().filter(|verdict| verdict.common.both > 1) {
            sections.extend(told::sections(&side.name, verdict));
        }
    }
    if sides.iter().any(|side| side.origin == Origin::Published) {
        sections.push(remarks(W::Slips, published::SLIPS.map(Message::from)));
        sections.push(remarks(W::Differences, published::DIFFERENCES.map(Message::from)));
    }
    sections.push(fields());
    sections
}

fn plain(text: impl Into<String>) -> Cell {
    Cell::Says(Compared::Plain { text: text.into() }.into())
}

fn words(word: W) -> Cell {
    Cell::Says(word.into())
}

fn number(number: Option<u64>) -> Cell {
    number.map_or(Cell::Absent, Cell::Count)
}

/// The published table's columns, and what tells how much they are worth.
fn results(sides: &[Side], beside: &[Beside]) -> Section {
    let digits = |word: W| Column::new(word, Kind::Number);
    let mut table = Table::new([
        Column::text(W::Chip),
        Column::new(W::Cards, Kind::Count),
        Column::new(W::GlobalBatchSize, Kind::Count),
        Column::new(W::MaxSteps, Kind::Count),
        digits(W::FinalLoss),
        digits(W::Fps),
        digits(W::MedianFps),
        digits(W::Ratio),
        Column::text(W::Verdict),
        Column::text(W::Trust),
        Column::text(W::Source),
    ]);
    for (index, (side, beside)) in sides.iter().zip(beside).enumerate() {
        let between = |it: Option<dinov3_reports::message::Between>| {
            it.map_or(Cell::Absent, |it| Cell::Says(Compared::Interval(it).into()))
        };
        let text = |it: &Option<String>| it.as_ref().map_or(Cell::Absent, plain);
        table.push([
            side.chip.as_ref().map_or_else(|| Cell::Name(side.name.clone()), shown),
            side.cards.map_or(Cell::Absent, |cards| plain(format!("{cards}p"))),
            number(side.batch),
            number(side.steps),
            text(&side.loss),
            text(&side.fps),
            between(side.speed),
            between(beside.ratio),
            accuracy(index, side, beside),
            trust(side),
            source(side),
        ]);
    }
    Section { table: Some(table), ..Section::new(W::Results) }
}

/// The name of a chip is no name of a tensor: it stands without quotes.
fn shown(chip: &Message) -> Cell {
    chip.as_name().map_or_else(|| Cell::Says(chip.clone()), plain)
}

fn accuracy(index: usize, side: &Side, beside: &Beside) -> Cell {
    match &beside.losses {
        _ if index == 0 => words(W::Base),
        _ if side.loss.as_deref() == Some("NaN") => words(W::Differs),
        Some(verdict) => words(outcome(verdict)),
        None => beside.other.as_ref().map_or_else(|| words(W::NothingToFollow), |why| Cell::Says(why.clone())),
    }
}

fn trust(side: &Side) -> Cell {
    match side.doubts.first() {
        _ if side.failed => words(W::Failed),
        Some(doubt) if side.is_timed() => Cell::Says(doubt.clone()),
        _ if side.origin == Origin::Published => words(W::NotMeasuredHere),
        _ if side.is_timed() => match side.allowed.first() {
            Some(doubt) => Cell::Says(Compared::Allowed { doubt: doubt.clone() }.into()),
            None => words(W::Trusted),
        },
        _ => words(W::NotTimed),
    }
}

fn source(side: &Side) -> Cell {
    match &side.origin {
        Origin::Published => plain(published::SOURCE),
        Origin::File(file) => match side.by {
            Some(by) => Cell::Says(Compared::Measured { by, file: file.clone() }.into()),
            None => Cell::Name(file.clone()),
        },
    }
}

/// What each column means.
fn fields() -> Section {
    let mut table = Table::new([Column::text(W::Field), Column::text(W::Meaning)]);
    let rows = [
        (W::Chip, W::AboutChip),
        (W::Cards, W::AboutCards),
        (W::GlobalBatchSize, W::AboutGlobalBatchSize),
        (W::MaxSteps, W::AboutMaxSteps),
        (W::FinalLoss, W::AboutFinalLoss),
        (W::Fps, W::AboutFps),
        (W::MedianFps, W::AboutMedianFps),
        (W::Ratio, W::AboutRatio),
        (W::Verdict, W::AboutVerdict),
        (W::Trust, W::AboutTrust),
        (W::Source, W::AboutSource),
    ];
    rows.into_iter().for_each(|(field, meaning)| table.push([words(field), words(meaning)]));
    Section { table: Some(table), ..Section::new(W::Fields) }
}

fn remarks(title: W, remarks: impl IntoIterator<Item = Message>) -> Section {
    let mut table = Table::new([Column::text(W::Remark)]);
    remarks.into_iter().for_each(|remark| table.push([Cell::Says(remark)]));
    Section { table: Some(table), ..Section::new(title) }
}

fn of(title: W, side: &Side) -> Message {
    Compared::Both { first: title, second: side.name.clone() }.into()
}

/// The steps behind the published figure, and what happens in them.
fn window(side: &Side) -> Option<Section> {
    let (window, median) = side.window.as_ref().filter(|_| side.fps.is_some())?;
    let extra = median.and_then(|median| window.extra(median));
    let mut table = Table::new([Column::text(W::StepsOfWindow), Column::text(W::InWindow)]);
    let steps = || plain(format!("{}–{}", window.first, window.last));
    let last = window.special.len().wrapping_sub(1);
    for (index, special) in window.special.iter().enumerate() {
        let says = Compared::Special {
            step: special.step,
            reason: reason(special.reason),
            // A part of a second is noise; the last special step alone is made responsible.
            extra: extra.filter(|extra| index == last && *extra > 0.1).map(Into::into),
        };
        table.push([steps(), Cell::Says(says.into())]);
    }
    if table.rows.is_empty() {
        table.push([steps(), Cell::Absent]);
    }
    Some(Section { table: Some(table), ..Section::new(of(W::Window, side)) })
}

fn reason(reason: Reason) -> W {
    match reason {
        Reason::WarmUp => W::WarmUp,
        Reason::Evaluation => W::Evaluation,
        Reason::Checkpoint => W::Checkpoint,
        Reason::Collection => W::Collection,
    }
}

/// The steps that do not count for the median.
fn excluded(side: &Side) -> Option<Section> {
    if side.excluded.is_empty() {
        return None;
    }
    let mut table = Table::new([
        Column::text(W::Reason),
        Column::new(W::Count, Kind::Count),
        Column::new(W::Seconds, Kind::Number),
    ]);
    for excluded in &side.excluded {
        table.push([
            words(reason(excluded.reason)),
            Cell::Count(excluded.steps),
            Cell::Number(excluded.seconds.into()),
        ]);
    }
    Some(Section { table: Some(table), ..Section::new(of(W::Excluded, side)) })
}

/// A part of a step, in seconds of two runs.
struct Part<'a> {
    /// Its key in reports: `phase_teacher`.
    key: &'a str,
    name: &'a Message,
    ours: f64,
    theirs: f64,
}

impl Part<'_> {
    fn longer(&self) -> f64 {
        self.ours - self.theirs
    }
}

/// Where the difference between two steps goes, part by part; the largest first.
fn waterfall(side: &Side, base: &Side) -> Option<Section> {
    if std::ptr::eq(side, base) || side.phases.is_empty() || base.phases.is_empty() {
        return None;
    }
    let seconds = |side: &Side, key: &str| side.phases.iter().find(|it| it.0 == key).map_or(0.0, |it| it.2);
    let missing = base.phases.iter().filter(|it| side.phases.iter().all(|ours| ours.0 != it.0));
    let mut parts: Vec<Part<'_>> = (side.phases.iter().chain(missing))
        .map(|(key, name, _)| Part { key, name, ours: seconds(side, key), theirs: seconds(base, key) })
        .collect();
    parts.sort_by(|a, b| b.longer().abs().total_cmp(&a.longer().abs()));
    let whole: f64 = parts.iter().map(Part::longer).sum();
    let mut table = Table::new([
        Column::text(W::Phase),
        Column::new(W::Here, Kind::Number),
        Column::new(W::There, Kind::Number),
        Column::new(W::Longer, Kind::Number),
        Column::new(W::ShareOfDifference, Kind::Number),
    ]);
    for part in &parts {
        let share = if whole == 0.0 { Cell::Absent } else { plain(format!("{:+.1} %", 100.0 * part.longer() / whole)) };
        let number = |value: f64| Cell::Number(value.into());
        table.push([
            Cell::Says(part.name.clone()),
            number(part.ours),
            number(part.theirs),
            number(part.longer()),
            share,
        ]);
    }
    let plot = Some(stairs(&parts, side, base));
    Some(Section { table: Some(table), plot, ..Section::new(of(W::Waterfall, side)) })
}

/// From the step of `base` to that of `side`, part by part.
fn stairs(parts: &[Part<'_>], side: &Side, base: &Side) -> Plot {
    let mut at: f64 = parts.iter().map(|part| part.theirs).sum();
    let mut points = vec![(0.0, at)];
    for (index, part) in parts.iter().enumerate() {
        let x = (index + 1) as f64;
        points.push((x, at));
        at += part.longer();
        points.push((x, at));
    }
    points.push(((parts.len() + 1) as f64, at));
    let keys = parts.iter().map(|part| part.key.trim_start_matches("phase_").to_owned());
    Plot {
        title: of(W::Waterfall, side),
        x_label: W::Phase.into(),
        y_label: W::SoFar.into(),
        log_y: false,
        x_ticks: std::iter::once(base.name.clone()).chain(keys).chain([side.name.clone()]).collect(),
        series: vec![Series::new(W::FromThereToHere, points)],
        band: None,
        file_stem: format!("difference-{}", side.name),
    }
}
