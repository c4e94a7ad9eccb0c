//! How the speed grows with the number of cards.

use dinov3_reports::message::{Between, Compared, ComparedWord as W, Message};
use dinov3_reports::{Cell, Column, Kind, Plot, Section, Series, Table};

use crate::{Origin, Side};

/// A speed at a number of cards.
#[derive(Clone, Debug)]
pub struct Scale {
    /// What ran.
    pub run: Message,
    /// Cards.
    pub cards: u64,
    /// Images a step over all cards.
    pub batch: Option<u64>,
    /// Images a second.
    pub speed: Between,
}

impl Scale {
    /// One rank alone, which a run with several measures first.
    pub fn alone(fps: f64, batch: Option<u64>) -> Self {
        let speed = Between { value: fps.into(), low: fps.into(), high: fps.into() };
        Self { run: W::OneAlone.into(), cards: 1, batch, speed }
    }

    fn fps(&self) -> f64 {
        self.speed.value.0
    }

    /// The speed over as many times that of `base` as there are more cards.
    fn efficiency(&self, base: &Self) -> f64 {
        self.fps() / base.fps() / (self.cards as f64 / base.cards as f64)
    }
}

/// The speeds from the fewest cards to the most, with the efficiency of each beside the fewest; nothing where all have as many cards.
pub fn section(title: impl Into<Message>, text: W, mut scales: Vec<Scale>) -> Option<Section> {
    scales.sort_by_key(|scale| scale.cards);
    let (base, last) = (scales.first()?, scales.last()?);
    if base.cards == last.cards {
        return None;
    }
    let mut table = Table::new([
        Column::text(W::Run),
        Column::new(W::Cards, Kind::Count),
        Column::new(W::GlobalBatchSize, Kind::Count),
        Column::text(W::ImagesASecond),
        Column::new(W::PerCard, Kind::Number),
        Column::text(W::Efficiency),
    ]);
    for scale in &scales {
        let percent = format!("{:.1} %", 100.0 * scale.efficiency(base));
        let known = scale.speed.low != scale.speed.high;
        let fps = if known { Compared::Interval(scale.speed) } else { plain(format!("{:.1}", scale.fps())) };
        table.push([
            scale.run.as_name().map_or_else(|| Cell::Says(scale.run.clone()), |name| Cell::Name(name.to_owned())),
            Cell::Count(scale.cards),
            scale.batch.map_or(Cell::Absent, Cell::Count),
            Cell::Says(fps.into()),
            Cell::number(Some(scale.fps() / scale.cards as f64)),
            Cell::Says(plain(percent).into()),
        ]);
    }
    let title = title.into();
    let plot = drawn(title.clone(), &scales, base);
    Some(Section { text: Some(text.into()), table: Some(table), plot: Some(plot), ..Section::new(title) })
}

fn plain(text: String) -> Compared {
    Compared::Plain { text }
}

/// What was measured, and what as many times the fewest cards would be.
fn drawn(title: Message, scales: &[Scale], base: &Scale) -> Plot {
    let measured = scales.iter().map(|scale| (scale.cards as f64, scale.fps()));
    let ideal = scales.iter().map(|scale| (scale.cards as f64, base.fps() * scale.cards as f64 / base.cards as f64));
    Plot {
        title,
        x_label: W::Cards.into(),
        y_label: W::FpsMedian.into(),
        log_y: false,
        x_ticks: Vec::new(),
        series: vec![Series::new(W::MeasuredSpeed, measured), Series::new(W::IdealSpeed, ideal)],
        band: None,
        file_stem: "scaling".to_owned(),
    }
}

/// A section for each kind of card of which a comparison has several numbers. What was only published is left out, and so is a run that failed.
pub(crate) fn sections(sides: &[Side]) -> Vec<Section> {
    let mut kinds: Vec<(Kindred, Vec<Scale>)> = Vec::new();
    for side in sides.iter().filter(|side| side.origin != Origin::Published && !side.failed) {
        let (Some(cards), Some(speed)) = (side.cards, speed(side)) else { continue };
        let kindred = Kindred::of(side);
        let at = kinds.iter().position(|(known, _)| *known == kindred).unwrap_or_else(|| {
            kinds.push((kindred, Vec::new()));
            kinds.len() - 1
        });
        let alone = side.alone.map(|fps| Scale::alone(fps, side.batch.map(|batch| batch / cards.max(1))));
        let whole = Scale { run: Message::name(&side.name), cards, batch: side.batch, speed };
        kinds[at].1.extend(alone.into_iter().chain([whole]));
    }
    let several = kinds.len() > 1;
    let titled = |(kindred, scales): (Kindred, Vec<Scale>)| {
        let text = if kindred.device.is_some() { W::AboutScaling } else { W::AboutScalingOfLogs };
        let name = kindred.name();
        let title = match several && !name.is_empty() {
            true => Compared::Both { first: W::Scaling, second: name }.into(),
            false => Message::from(W::Scaling),
        };
        section(title, text, scales)
    };
    kinds.into_iter().filter_map(titled).collect()
}

/// What makes two runs those of one kind of card: the device of their reports; of logs, which name none, the label that both were given.
#[derive(Clone, PartialEq)]
struct Kindred {
    device: Option<String>,
    label: Option<Message>,
}

impl Kindred {
    fn of(side: &Side) -> Self {
        let label = side.chip.clone().filter(|_| side.device.is_none());
        Self { device: side.device.clone(), label }
    }

    fn name(&self) -> String {
        let label = self.label.as_ref().and_then(Message::as_name).map(str::to_owned);
        self.device.clone().or(label).unwrap_or_default()
    }
}

/// The median; else the published scripts' figure.
fn speed(side: &Side) -> Option<Between> {
    let script = || side.fps.as_ref()?.parse::<f64>().ok().filter(|fps| fps.is_finite() && *fps > 0.0);
    side.speed.or_else(|| script().map(|fps| Between { value: fps.into(), low: fps.into(), high: fps.into() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dinov3_reports::Lang;
    use dinov3_reports::message::Pen;
    use dinov3_reports::published;

    fn side(name: &str, device: Option<&str>, cards: u64, fps: f64) -> Side {
        Side {
            device: device.map(str::to_owned),
            cards: Some(cards),
            batch: Some(64 * cards),
            speed: Some(Between { value: fps.into(), low: (0.99 * fps).into(), high: (1.01 * fps).into() }),
            ..Side::of_file(name.to_owned(), name.to_owned())
        }
    }

    fn shown(sections: &[Section]) -> String {
        let mut text = String::new();
        for section in sections {
            text += &format!("# {}\n", section.title);
            let table = section.table.as_ref().unwrap().text(Lang::En, Pen::Plain, false);
            text += &table.rows.iter().map(|row| row.join(" | ") + "\n").collect::<String>();
        }
        text
    }

    #[test]
    fn efficiency_is_that_of_the_fewest_cards() {
        let sides = [
            side("b", Some("npu"), 8, 394.0),
            side("a", Some("npu"), 1, 55.0),
            side("c", Some("npu"), 2, 108.0),
            Side::published(&published::ROWS[0]),
        ];
        insta::assert_snapshot!(shown(&sections(&sides)), @"
        # Scaling over cards
        a | 1 | 64 | 55.0 (54.5 to 55.5) | 55 | 100.0 %
        c | 2 | 128 | 108.0 (106.9 to 109.1) | 54 | 98.2 %
        b | 8 | 512 | 394.0 (390.1 to 397.9) | 49.25 | 89.5 %
        ");
        assert!(sections(&sides[..1]).is_empty(), "one number of cards scales nothing");
        let plot = sections(&sides)[0].plot.clone().unwrap();
        assert_eq!(plot.series[1].points.last().map(|point| point.1.0), Some(440.0));
    }

    /// Eight cards of one maker are no eight times one card of another.
    #[test]
    fn cards_of_two_kinds_do_not_scale_each_other() {
        let apart = [side("a", Some("npu"), 1, 55.0), side("b", Some("cuda:0"), 8, 600.0)];
        assert!(sections(&apart).is_empty());
        let labelled =
            |label: &str, cards, fps| Side { chip: Some(Message::name(label)), ..side(label, None, cards, fps) };
        assert!(sections(&[labelled("GPU", 1, 80.0), labelled("NPU", 8, 400.0)]).is_empty());
        let two = [labelled("GPU", 1, 80.0), labelled("GPU", 8, 600.0), side("x", Some("npu"), 1, 50.0)];
        insta::assert_snapshot!(shown(&sections(&two)), @"
        # Scaling over cards: GPU
        GPU | 1 | 64 | 80.0 (79.2 to 80.8) | 80 | 100.0 %
        GPU | 8 | 512 | 600.0 (594.0 to 606.0) | 75 | 93.8 %
        ");
    }

    /// A run of several ranks brings its own run of one.
    #[test]
    fn a_run_that_measured_one_rank_alone_scales_by_itself() {
        let mut run = side("run", Some("cpu"), 2, 180.0);
        run.alone = Some(100.0);
        insta::assert_snapshot!(shown(&sections(&[run])), @"
        # Scaling over cards
        one rank alone, before, in the same run | 1 | 64 | 100.0 | 100 | 100.0 %
        run | 2 | 128 | 180.0 (178.2 to 181.8) | 90 | 90.0 %
        ");
    }
}
