//! Ink: everything is placed in pixels here, and drawn with plotters' SVG backend.

use super::axis::{Place, Strays, Tick, XAxis, YAxis};
use super::band::Band;
use super::{At, Line, Picture, Rule, Stroke};
use crate::message::{Label, Pen, Say};
use crate::{Lang, width};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontTransform, TextStyle};

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

const WIDTH: i32 = 960;
/// Height of the data area.
const DATA_HEIGHT: i32 = 320;
const MARGIN: i32 = 16;
const TITLE_SIZE: i32 = 17;
const TEXT_SIZE: i32 = 13;
const SMALL_SIZE: i32 = 12;
const LEGEND_ROW: i32 = 20;
const LEGEND_MARK: i32 = 26;
/// Names on the horizontal axis are cut to so many characters, from the front: the end of a path tells more.
const LONGEST_NAME: usize = 26;
/// Beyond so many points the marks of a line would hide it.
const MARKED_POINTS: usize = 250;

const INK: RGBColor = RGBColor(32, 33, 36);
const FAINT_INK: RGBColor = RGBColor(95, 99, 104);
const GRID: RGBColor = RGBColor(228, 230, 233);
const FRAME: RGBColor = RGBColor(154, 160, 166);
/// A limit, and what is beyond it.
const WARNING: RGBColor = RGBColor(179, 38, 30);
/// Okabe and Ito's colours, which colour-blind readers can tell apart too; without the yellow that vanishes on white.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(60, 60, 60),
];

/// The pixels of the data area.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    left: i32,
    top: i32,
    right: i32,
    bottom: i32,
}

impl Frame {
    pub(super) fn x(self, at: f64) -> i32 {
        self.left + (f64::from(self.right - self.left) * at).round() as i32
    }

    pub(super) fn y(self, at: f64) -> i32 {
        self.bottom - (f64::from(self.bottom - self.top) * at).round() as i32
    }
}

/// The labels of the horizontal axis that are drawn, and whether they stand upright.
struct Names {
    shown: Vec<Tick>,
    upright: bool,
    height: i32,
}

pub(super) fn draw(plot: &Picture) -> Result<String, DrawingAreaErrorKind<std::io::Error>> {
    let (x_axis, y_axis) = (XAxis::of(plot), YAxis::of(plot));
    let legend = legend_places(&legend_names(plot));
    let caption = caption(&y_axis.strays, &x_axis, plot.lang);
    let label_width = y_axis.ticks.iter().map(|tick| text_width(&tick.label, SMALL_SIZE)).max().unwrap_or(0);
    let left = MARGIN + if plot.y_label.is_empty() { 0 } else { 22 } + label_width + 10;
    let top = MARGIN + TITLE_SIZE + 10 + legend.last().map_or(0, |(_, y)| y + LEGEND_ROW) + 6;
    let frame = Frame { left, top, right: WIDTH - MARGIN - 8, bottom: top + DATA_HEIGHT };
    let names = names(&x_axis.ticks, frame.right - frame.left);
    let below_names = frame.bottom + 8 + names.height + 6;
    let below_label = below_names + if plot.x_label.is_empty() { 0 } else { TEXT_SIZE + 8 };
    let height = below_label + if caption.is_empty() { 0 } else { SMALL_SIZE + 8 } + MARGIN / 2;

    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, (WIDTH as u32, height as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    write_text(&area, &plot.title, (MARGIN, MARGIN), Text::title())?;
    for (index, (series, (x, y))) in plot.lines.iter().zip(&legend).enumerate() {
        legend_entry(&area, index, series, (MARGIN + x, MARGIN + TITLE_SIZE + 10 + y))?;
    }
    if let (Some(band), Some((x, y))) = (&plot.band, legend.get(plot.lines.len())) {
        let (x, middle) = (MARGIN + x, MARGIN + TITLE_SIZE + 10 + y + LEGEND_ROW / 2);
        Band::legend(&area, (x, middle), LEGEND_MARK - 6)?;
        write_text(&area, &band.name, (x + LEGEND_MARK, middle), Text::label(HPos::Left, VPos::Center))?;
        band.draw(&area, frame, (&x_axis, &y_axis))?;
    }
    grid(&area, frame, &y_axis.ticks, &names)?;
    for rule in &plot.rules {
        draw_rule(&area, frame, rule, (&x_axis, &y_axis))?;
    }
    for (index, series) in plot.lines.iter().enumerate() {
        line(&area, frame, index, series, (&x_axis, &y_axis))?;
    }
    if plot.lines.iter().all(|series| series.points.is_empty()) {
        let nothing = Label::NoData.say(plot.lang, Pen::Plain);
        write_text(&area, &nothing, (frame.x(0.5), frame.y(0.5)), Text::label(HPos::Center, VPos::Center))?;
    }
    write_text(&area, &plot.x_label, (frame.x(0.5), below_names), Text::label(HPos::Center, VPos::Top))?;
    write_text(&area, &plot.y_label, (MARGIN, frame.y(0.5)), Text::label(HPos::Center, VPos::Top).upright())?;
    write_text(&area, &caption, (MARGIN, below_label), Text::small(HPos::Left, VPos::Top))?;
    area.present()?;
    drop(area);
    Ok(text)
}

/// A rough width in pixels, the same on every machine: fonts are chosen by whoever shows the picture.
fn text_width(text: &str, size: i32) -> i32 {
    (width::width(text) as f64 * f64::from(size) * 0.56).ceil() as i32
}

/// How a text is set.
struct Text {
    size: i32,
    bold: bool,
    colour: RGBColor,
    anchor: Pos,
    upright: bool,
}

impl Text {
    fn label(h: HPos, v: VPos) -> Self {
        Self { size: TEXT_SIZE, bold: false, colour: INK, anchor: Pos::new(h, v), upright: false }
    }

    fn small(h: HPos, v: VPos) -> Self {
        Self { size: SMALL_SIZE, colour: FAINT_INK, ..Self::label(h, v) }
    }

    fn title() -> Self {
        Self { size: TITLE_SIZE, bold: true, ..Self::label(HPos::Left, VPos::Top) }
    }

    fn upright(self) -> Self {
        Self { upright: true, ..self }
    }

    fn warning(self) -> Self {
        Self { colour: WARNING, ..self }
    }
}

fn write_text(area: &Area<'_>, text: &str, at: (i32, i32), how: Text) -> Drawn {
    // XML has no place for control characters.
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.trim().is_empty() {
        return Ok(());
    }
    // The backend divides by this factor on the way out.
    let mut font = ("sans-serif", f64::from(how.size) * 1.24).into_font();
    if how.bold {
        font = font.style(FontStyle::Bold);
    }
    if how.upright {
        font = font.transform(FontTransform::Rotate270);
    }
    area.draw_text(&text, &TextStyle::from(font).color(&how.colour).pos(how.anchor), at)
}

/// The lines, then the band.
fn legend_names(plot: &Picture) -> Vec<&str> {
    let lines = plot.lines.iter().map(|line| line.name.as_str());
    lines.chain(plot.band.iter().map(|band| band.name.as_str())).collect()
}

/// Where each legend entry begins, from the corner of the legend: in rows that fit the width.
fn legend_places(names: &[&str]) -> Vec<(i32, i32)> {
    let (mut x, mut y) = (0, 0);
    let mut places = Vec::new();
    for name in names {
        let width = LEGEND_MARK + text_width(name, TEXT_SIZE) + 22;
        if x > 0 && x + width > WIDTH - 2 * MARGIN {
            (x, y) = (0, y + LEGEND_ROW);
        }
        places.push((x, y));
        x += width;
    }
    places
}

fn legend_entry(area: &Area<'_>, index: usize, series: &Line, (x, y): (i32, i32)) -> Drawn {
    let middle = y + LEGEND_ROW / 2;
    let place = (x + (LEGEND_MARK - 6) / 2, middle);
    match series.stroke {
        Stroke::Joined => {
            stroke(area, vec![(x, middle), (x + LEGEND_MARK - 6, middle)], colour(index), 2)?;
            mark(area, index, place, 3)?;
        }
        Stroke::Dots => mark(area, index, place, 3)?,
        Stroke::Wrong => area.draw(&Circle::new(place, 3, WARNING.filled()))?,
        Stroke::Ticks => stroke(area, vec![(place.0, middle - 3), (place.0, middle + 3)], colour(index), 1)?,
    }
    write_text(area, &series.name, (x + LEGEND_MARK, middle), Text::label(HPos::Left, VPos::Center))
}

/// Leaves out every label that would run into its neighbour.
fn names(ticks: &[Tick], width: i32) -> Names {
    let ticks: Vec<Tick> = ticks.iter().map(|tick| Tick { label: cut(&tick.label), ..*tick }).collect();
    let longest = ticks.iter().map(|tick| text_width(&tick.label, SMALL_SIZE)).max().unwrap_or(0);
    // Ticks are evenly spaced.
    let space = match &ticks[..] {
        [first, second, ..] => (second.at - first.at) * f64::from(width),
        _ => f64::from(width),
    };
    let upright = f64::from(longest + 12) > space;
    let every = if upright { (f64::from(SMALL_SIZE + 3) / space).ceil().max(1.0) as usize } else { 1 };
    let height = if upright { longest } else { SMALL_SIZE };
    Names { shown: ticks.into_iter().step_by(every).collect(), upright, height }
}

fn cut(name: &str) -> String {
    let length = name.chars().count();
    match length > LONGEST_NAME {
        true => std::iter::once('…').chain(name.chars().skip(length - LONGEST_NAME + 1)).collect(),
        false => name.to_owned(),
    }
}

fn grid(area: &Area<'_>, frame: Frame, y_ticks: &[Tick], names: &Names) -> Drawn {
    for tick in y_ticks {
        let y = frame.y(tick.at);
        stroke(area, vec![(frame.left, y), (frame.right, y)], GRID, 1)?;
        write_text(area, &tick.label, (frame.left - 8, y), Text::small(HPos::Right, VPos::Center))?;
    }
    for tick in &names.shown {
        let x = frame.x(tick.at);
        stroke(area, vec![(x, frame.top), (x, frame.bottom)], GRID, 1)?;
        stroke(area, vec![(x, frame.bottom), (x, frame.bottom + 4)], FRAME, 1)?;
        let how = match names.upright {
            true => Text::small(HPos::Right, VPos::Center).upright(),
            false => Text::small(HPos::Center, VPos::Top),
        };
        write_text(area, &tick.label, (x, frame.bottom + 8), how)?;
    }
    stroke(area, vec![(frame.left, frame.top), (frame.left, frame.bottom), (frame.right, frame.bottom)], FRAME, 1)
}

/// A limit or a place that matters, with its name beside it.
fn draw_rule(area: &Area<'_>, frame: Frame, rule: &Rule, (x_axis, y_axis): (&XAxis, &YAxis)) -> Drawn {
    match rule.at {
        At::Height(height) => {
            let Place::At(at) = y_axis.place(height) else { return Ok(()) };
            let y = frame.y(at);
            stroke(area, vec![(frame.left, y), (frame.right, y)], WARNING, 1)?;
            write_text(area, &rule.name, (frame.right - 4, y - 3), Text::small(HPos::Right, VPos::Bottom).warning())
        }
        At::Place(place) => {
            let Some(at) = x_axis.place(place) else { return Ok(()) };
            let (x, side) = (frame.x(at), if at < 0.5 { HPos::Left } else { HPos::Right });
            let beside = if at < 0.5 { x + 5 } else { x - 5 };
            stroke(area, vec![(x, frame.top), (x, frame.bottom)], WARNING, 1)?;
            write_text(area, &rule.name, (beside, frame.top + 2), Text::small(side, VPos::Top).warning())
        }
    }
}

/// A series of marks that are not joined.
fn marks(area: &Area<'_>, frame: Frame, index: usize, series: &Line, (x_axis, y_axis): (&XAxis, &YAxis)) -> Drawn {
    for &(x, y) in &series.points {
        let Some(at) = x_axis.place(x) else { continue };
        let x = frame.x(at);
        match (series.stroke, y_axis.place(y)) {
            (Stroke::Ticks, _) => stroke(area, vec![(x, frame.bottom - 6), (x, frame.bottom)], colour(index), 1)?,
            (Stroke::Wrong, Place::At(height)) => {
                area.draw(&Circle::new((x, frame.y(height)), 3, WARNING.filled()))?;
            }
            (Stroke::Wrong, _) => area.draw(&Cross::new((x, frame.top), 4, WARNING.stroke_width(2)))?,
            (_, Place::At(height)) => mark(area, index, (x, frame.y(height)), 2)?,
            (_, _) => area.draw(&Circle::new((x, frame.bottom), 3, colour(index).stroke_width(1)))?,
        }
    }
    Ok(())
}

/// One series: a line that breaks where a value is not finite, and its marks.
fn line(area: &Area<'_>, frame: Frame, index: usize, series: &Line, (x_axis, y_axis): (&XAxis, &YAxis)) -> Drawn {
    if series.stroke != Stroke::Joined {
        return marks(area, frame, index, series, (x_axis, y_axis));
    }
    let colour = colour(index);
    let mut run = Vec::new();
    let mut runs = Vec::new();
    let mut marks: Vec<((i32, i32), Place)> = Vec::new();
    for &(x, y) in &series.points {
        let Some(at) = x_axis.place(x) else { continue };
        let place = y_axis.place(y);
        let height = if let Place::At(height) = place { height } else { 0.0 };
        let point = (frame.x(at), frame.y(height));
        marks.push((point, place));
        match place {
            Place::At(_) | Place::Zero | Place::Negative => run.push(point),
            Place::NotFinite => runs.push(std::mem::take(&mut run)),
        }
    }
    runs.push(run);
    let alone: Vec<_> = runs.iter().filter(|run| run.len() == 1).map(|run| run[0]).collect();
    for run in runs.into_iter().filter(|run| run.len() > 1) {
        stroke(area, run, colour, 2)?;
    }
    let (few, radius) = (marks.len() <= MARKED_POINTS, if marks.len() <= 60 { 3 } else { 2 });
    for (point, place) in marks {
        match place {
            Place::At(_) if few || alone.contains(&point) => mark(area, index, point, radius)?,
            Place::At(_) => {}
            Place::Zero | Place::Negative => {
                area.draw(&Circle::new(point, 4, WHITE.filled()))?;
                area.draw(&Circle::new(point, 4, colour.stroke_width(2)))?;
            }
            Place::NotFinite => area.draw(&Cross::new(point, 5, colour.stroke_width(2)))?,
        }
    }
    Ok(())
}

/// Series differ in shape too, for print without colour.
fn mark(area: &Area<'_>, index: usize, (x, y): (i32, i32), radius: i32) -> Drawn {
    let style = colour(index).filled();
    match index % 3 {
        0 => area.draw(&Circle::new((x, y), radius, style)),
        1 => area.draw(&Rectangle::new([(x - radius, y - radius), (x + radius, y + radius)], style)),
        _ => area.draw(&TriangleMarker::new((x, y), radius + 2, style)),
    }
}

fn stroke(area: &Area<'_>, points: Vec<(i32, i32)>, colour: RGBColor, width: u32) -> Drawn {
    area.draw(&PathElement::new(points, colour.stroke_width(width)))
}

fn colour(index: usize) -> RGBColor {
    COLOURS[index % COLOURS.len()]
}

/// What stands at the bottom edge, what is missing, and what the names begin with; empty where there is nothing to say.
pub(super) fn caption(strays: &Strays, x_axis: &XAxis, lang: Lang) -> String {
    let label = |label: Label| label.say(lang, Pen::Plain);
    let list = |counts: &[(usize, Label)]| -> String {
        let present = counts.iter().filter(|(count, _)| *count > 0);
        present.map(|(count, what)| format!("{count} {}", label(*what))).collect::<Vec<_>>().join(lang.of(", ", "，"))
    };
    let parts = [
        (Label::Circles, list(&[(strays.zero, Label::Zero), (strays.negative, Label::Negative)])),
        (Label::Crosses, list(&[(strays.not_finite, Label::NotFinite)])),
        (Label::LeftOut, list(&[(x_axis.lost, Label::NoPlace)])),
        (Label::Prefix, x_axis.prefix.clone()),
    ];
    let parts = parts.iter().filter(|(_, text)| !text.is_empty());
    let part = |(what, text): &(Label, String)| format!("{}{}{text}", label(*what), lang.colon());
    parts.map(part).collect::<Vec<_>>().join(lang.of("; ", "；"))
}
