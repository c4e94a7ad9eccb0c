//! Where values and labels stand on an axis.

use super::band::Band;
use super::{At, Picture, Stroke};

/// Labels of an axis without names, about so many.
const LABELS: f64 = 7.0;
/// A logarithmic axis labels no more decades than this.
const DECADES_LABELLED: i32 = 12;

/// A label, or a bare grid line, on an axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    /// Where, from 0 (left or bottom) to 1.
    pub(crate) at: f64,
    /// The label; empty for a bare line.
    pub(crate) label: String,
}

/// Where a point stands on the vertical axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    /// On the axis, from 0 (bottom) to 1.
    At(f64),
    /// At the bottom edge, for it has no place on this axis.
    Zero,
    /// The same.
    Negative,
    /// The same.
    NotFinite,
}

/// How many points have no place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Strays {
    pub zero: usize,
    pub negative: usize,
    pub not_finite: usize,
}

/// An interval of finite numbers of some length.
#[derive(Clone, Copy, Debug)]
struct Range {
    low: f64,
    high: f64,
}

impl Range {
    /// What holds all finite values, widened where they are one; 0 to 1 where there are none.
    fn of(values: impl Iterator<Item = f64>) -> Self {
        // Ends beyond this would make the length overflow.
        const LARGEST: f64 = f64::MAX / 4.0;
        let ends = values.filter(|value| value.is_finite()).fold(None, |ends: Option<(f64, f64)>, value| {
            let value = value.clamp(-LARGEST, LARGEST);
            Some(ends.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
        });
        match ends {
            None => Self { low: 0.0, high: 1.0 },
            Some((low, high)) if high - low <= high.abs() * 1e-12 => {
                let margin = if high == 0.0 { 1.0 } else { high.abs() * 0.1 };
                // Below the smallest normal number a tenth is nothing.
                let margin = margin.max(f64::MIN_POSITIVE);
                Self { low: low - margin, high: high + margin }
            }
            Some((low, high)) => Self { low, high },
        }
    }

    fn fraction(self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// Round numbers: 1, 2 or 5 times a power of ten apart.
    fn step(self) -> f64 {
        let raw = (self.high - self.low) / LABELS;
        let power = 10f64.powf(raw.log10().floor()).max(f64::MIN_POSITIVE);
        [1.0, 2.0, 5.0].map(|factor| factor * power).into_iter().find(|step| *step >= raw).unwrap_or(10.0 * power)
    }

    /// The same range with its ends moved out to round numbers.
    fn rounded(self, step: f64) -> Self {
        Self { low: (self.low / step).floor() * step, high: (self.high / step).ceil() * step }
    }

    fn ticks(self, step: f64) -> Vec<Tick> {
        let first = (self.low / step).ceil();
        // Counted, not added up: a step below the resolution of `low` would never arrive.
        let count = ((self.high - self.low) / step + 1.5).floor().min(3.0 * LABELS) as u32;
        (0..count)
            .map(|number| (first + f64::from(number)) * step)
            .filter(|value| *value <= self.high + step * 1e-9)
            .map(|value| Tick { at: self.fraction(value), label: label(value, step) })
            .collect()
    }
}

/// A number with as many decimals as tell it from its neighbour a `step` away.
fn label(value: f64, step: f64) -> String {
    let largest = value.abs().max(step);
    if (1e-5..1e9).contains(&largest) && step >= 1e-7 {
        let decimals = (-(step.log10() + 1e-9).floor()).max(0.0) as usize;
        // Not `-0`.
        format!("{:.decimals$}", if value.abs() < step * 1e-6 { 0.0 } else { value })
    } else if value == 0.0 {
        "0".to_owned()
    } else {
        format!("{value:.2e}")
    }
}

/// The vertical axis.
#[derive(Debug)]
pub(crate) struct YAxis {
    /// In the logarithm where `log`.
    range: Range,
    log: bool,
    pub ticks: Vec<Tick>,
    pub strays: Strays,
}

impl YAxis {
    /// Holds every point of the plot.
    pub(crate) fn of(plot: &Picture) -> Self {
        // Ticks have a place of their own, and so has a mark beyond every limit.
        let placed = |stroke: Stroke, y: f64| match stroke {
            Stroke::Joined | Stroke::Dots => true,
            Stroke::Wrong => y != f64::INFINITY,
            Stroke::Ticks => false,
        };
        let points = || plot.lines.iter().flat_map(|line| line.points.iter().map(|point| (line.stroke, point.1)));
        let of_lines = move || points().filter(move |(stroke, y)| placed(*stroke, *y)).map(|(_, y)| y);
        let rules = || plot.rules.iter().filter_map(|it| if let At::Height(y) = it.at { Some(y) } else { None });
        let values = || of_lines().chain(plot.band.iter().flat_map(Band::heights)).chain(rules());
        let mut strays = Strays::default();
        for value in values() {
            match value {
                _ if !value.is_finite() => strays.not_finite += 1,
                0.0 if plot.log_y => strays.zero += 1,
                _ if plot.log_y && value < 0.0 => strays.negative += 1,
                _ => {}
            }
        }
        if plot.log_y {
            Self::log(values(), strays)
        } else {
            let range = Range::of(values());
            // Of the range before its ends move, lest the longer range ask for a wider step.
            let step = range.step();
            let range = range.rounded(step);
            Self { range, log: false, ticks: range.ticks(step), strays }
        }
    }

    fn log(values: impl Iterator<Item = f64>, strays: Strays) -> Self {
        let placed: Vec<f64> = values.filter(|value| value.is_finite() && *value > 0.0).map(f64::log10).collect();
        let low = placed.iter().copied().fold(f64::INFINITY, f64::min);
        let high = placed.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = if placed.is_empty() { (-1.0, 0.0) } else { (low.floor(), high.ceil()) };
        let high = if high > low { high } else { low + 1.0 };
        // A decade of its own for the strays, so that the bottom edge is not taken for the lowest decade.
        let any = strays != Strays::default();
        let range = Range { low: if any { low - 1.0 } else { low }, high };
        let mut ticks = decades(range, low as i32, high as i32);
        if any {
            let zeros_only = strays.negative + strays.not_finite == 0;
            ticks.push(Tick { at: 0.0, label: if zeros_only { "0" } else { "" }.to_owned() });
        }
        Self { range, log: true, ticks, strays }
    }

    /// Where `value` stands.
    pub(crate) fn place(&self, value: f64) -> Place {
        match (self.log, value) {
            _ if !value.is_finite() => Place::NotFinite,
            (true, 0.0) => Place::Zero,
            (true, _) if value < 0.0 => Place::Negative,
            (true, _) => Place::At(self.range.fraction(value.log10())),
            (false, _) => Place::At(self.range.fraction(value)),
        }
    }
}

/// Powers of ten from `low` to `high`; where they are few, lines between them, and where they are very few, labels there.
fn decades(range: Range, low: i32, high: i32) -> Vec<Tick> {
    let count = high - low;
    let every = count / (DECADES_LABELLED + 1) + 1;
    // Near one, `0.1` and `50` read better than `1e-1` and `5e1`.
    let plain = low >= -2 && high <= 4;
    let text = |digit: u32, decade: i32| match plain {
        true => {
            let decimals = usize::try_from(-decade).unwrap_or(0);
            format!("{:.decimals$}", f64::from(digit) * 10f64.powi(decade))
        }
        false => format!("{digit}e{decade}"),
    };
    let mut ticks = Vec::new();
    for decade in low..=high {
        let last = if count <= 3 && decade < high { 9 } else { 1 };
        for digit in 1..=last {
            let labelled = match digit {
                1 => (decade - low) % every == 0,
                2 | 5 => count <= 2,
                _ => false,
            };
            let label = if labelled { text(digit, decade) } else { String::new() };
            ticks.push(Tick { at: range.fraction(f64::from(decade) + f64::from(digit).log10()), label });
        }
    }
    ticks
}

/// The horizontal axis.
#[derive(Debug)]
pub(crate) struct XAxis {
    range: Range,
    /// All labels; the drawing leaves out what would overlap.
    pub ticks: Vec<Tick>,
    /// Points whose x is not finite: they are left out.
    pub lost: usize,
    /// What all names begin with, up to a dot: left out of the labels.
    pub prefix: String,
}

impl XAxis {
    /// Holds every point and every name.
    pub(crate) fn of(plot: &Picture) -> Self {
        let of_lines = || plot.lines.iter().flat_map(|series| &series.points).map(|point| point.0);
        let values = || of_lines().chain(plot.band.iter().flat_map(Band::places));
        let lost = values().filter(|x| !x.is_finite()).count();
        let names = plot.x_ticks.len();
        if names == 0 {
            let range = Range::of(values());
            return Self { range, ticks: range.ticks(range.step()), lost, prefix: String::new() };
        }
        let last = (names - 1) as f64;
        let mut range = Range::of(values().chain([0.0, last]));
        // Half a place of air, so that the first and the last mark do not sit on the frame.
        range = Range { low: range.low.min(0.0) - 0.5, high: range.high.max(last) + 0.5 };
        let prefix = common_prefix(&plot.x_ticks);
        let label = |name: &String| name.strip_prefix(prefix).unwrap_or(name).to_owned();
        let ticks = plot.x_ticks.iter().enumerate();
        let ticks = ticks.map(|(x, name)| Tick { at: range.fraction(x as f64), label: label(name) }).collect();
        Self { range, ticks, lost, prefix: prefix.to_owned() }
    }

    /// Where `x` stands, from 0 to 1; `None` if it is not finite.
    pub(crate) fn place(&self, x: f64) -> Option<f64> {
        x.is_finite().then(|| self.range.fraction(x))
    }
}

/// What all names that are not empty begin with, up to and with a dot. Paths of modules mostly differ in their tails, and a
/// label has little room.
fn common_prefix(names: &[String]) -> &str {
    let mut names = names.iter().map(String::as_str).filter(|name| !name.is_empty());
    let (Some(first), Some(second)) = (names.next(), names.next()) else { return "" };
    let common = |prefix: &str, name: &str| {
        prefix
            .char_indices()
            .zip(name.chars())
            .take_while(|((_, a), b)| a == b)
            .map(|((at, a), _)| at + a.len_utf8())
            .last()
    };
    let shared = names.chain([second]).fold(first, |prefix, name| &prefix[..common(prefix, name).unwrap_or(0)]);
    shared.rfind('.').map_or("", |dot| &shared[..=dot])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svg::Line;

    fn axis(values: &[f64], log_y: bool) -> YAxis {
        let points = values.iter().map(|y| (0.0, *y)).collect();
        let lines = vec![Line { points, ..Line::default() }];
        YAxis::of(&Picture { log_y, lines, ..Picture::default() })
    }

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).filter(|label| !label.is_empty()).collect()
    }

    #[test]
    fn labels_are_round_numbers_that_differ() {
        let cases: [(&[f64], &[&str]); 5] = [
            (&[0.0, 1.0], &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
            (&[-3.0, 11.0], &["-4", "-2", "0", "2", "4", "6", "8", "10", "12"]),
            (&[0.0, 125_000.0], &["0", "20000", "40000", "60000", "80000", "100000", "120000", "140000"]),
            (&[100.01, 100.02], &["100.010", "100.012", "100.014", "100.016", "100.018", "100.020"]),
            (&[0.0, 3e-9], &["0", "5.00e-10", "1.00e-9", "1.50e-9", "2.00e-9", "2.50e-9", "3.00e-9"]),
        ];
        for (values, expected) in cases {
            assert_eq!(labels(&axis(values, false).ticks), expected, "{values:?}");
        }
    }

    #[test]
    fn decades_are_labelled_as_space_allows() {
        assert_eq!(labels(&axis(&[3e-8, 2e-4], true).ticks), ["1e-8", "1e-7", "1e-6", "1e-5", "1e-4", "1e-3"]);
        assert_eq!(labels(&axis(&[0.2, 0.9], true).ticks), ["0.1", "0.2", "0.5", "1"]);
        let many = axis(&[1e-300, 1e300], true).ticks;
        assert!(labels(&many).len() <= DECADES_LABELLED as usize + 2, "{many:?}");
    }

    #[test]
    fn strays_have_the_bottom_to_themselves() {
        let axis = axis(&[1e-3, 0.0], true);
        assert_eq!(axis.place(0.0), Place::Zero);
        assert_eq!(axis.place(1e-3), Place::At(0.5));
        assert_eq!(axis.ticks.last(), Some(&Tick { at: 0.0, label: "0".to_owned() }));
        assert_eq!(axis.place(-1.0), Place::Negative);
        assert_eq!(axis.place(f64::INFINITY), Place::NotFinite);
    }

    #[test]
    fn names_and_numbers_on_the_horizontal_axis() {
        let points = vec![(0.0, 1.0), (4.0, 1.0), (f64::NAN, 1.0)];
        let lines = vec![Line { points, ..Line::default() }];
        let numbers = XAxis::of(&Picture { lines: lines.clone(), ..Picture::default() });
        assert_eq!((numbers.place(1.0), numbers.place(f64::NAN), numbers.lost), (Some(0.25), None, 1));
        let names = XAxis::of(&Picture { lines, x_ticks: vec!["a".to_owned(), "b".to_owned()], ..Picture::default() });
        assert_eq!(names.ticks[1], Tick { at: 0.3, label: "b".to_owned() });
        assert_eq!(names.place(4.0), Some(0.9), "a point beyond the names is still on the axis");
    }

    #[test]
    fn what_all_names_begin_with_is_left_out() {
        let prefix =
            |names: &[&str]| common_prefix(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).to_owned();
        assert_eq!(
            prefix(&["student.backbone.a", "", "student.backbone.ab", "student.backbone.é"]),
            "student.backbone."
        );
        assert_eq!(prefix(&["student.a", "teacher.a"]), "");
        assert_eq!(prefix(&["a.é", "a.è"]), "a.");
        assert_eq!(prefix(&["a.b"]), "");
        assert_eq!(prefix(&[]), "");
    }
}
