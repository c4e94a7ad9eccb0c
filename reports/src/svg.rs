//! Plots as SVG.
//!
//! The same plot gives the same text, whatever fonts the machine has. No point vanishes: on a logarithmic axis zero and
//! negative values stand at the bottom edge as open circles, and what is not finite stands there as a cross; a line below
//! the plot counts them.

pub(crate) mod axis;
mod band;
mod draw;

use crate::growth::{self, Growth};
use crate::write::OUR_FAULT;
use crate::{Lang, Plot, RunReport};
pub(crate) use band::Band;
use dinov3_ground::{Hint, Hints};
use std::collections::HashSet;

/// A plot could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw the plot `{title}`: {cause}")]
pub struct SvgError {
    title: String,
    cause: String,
}

impl Hint for SvgError {
    fn hints(&self) -> Hints {
        OUR_FAULT.into()
    }
}

/// A plot in one language.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Picture {
    pub(crate) lang: Lang,
    pub(crate) title: String,
    pub(crate) x_label: String,
    pub(crate) y_label: String,
    pub(crate) log_y: bool,
    pub(crate) x_ticks: Vec<String>,
    pub(crate) lines: Vec<Line>,
    pub(crate) band: Option<Band>,
    /// Limits, and places that matter.
    pub(crate) rules: Vec<Rule>,
}

/// A line of a plot, and its name in the legend.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) stroke: Stroke,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stroke {
    /// Joined.
    #[default]
    Joined,
    /// A mark a point.
    Dots,
    /// A mark a point, which stands out. An infinite value stands at the top edge.
    Wrong,
    /// A tick at the bottom edge a point, whatever its value.
    Ticks,
}

/// A straight line across a plot: a limit, or a place that matters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    /// Its name.
    pub(crate) name: String,
    /// Where.
    pub(crate) at: At,
}

/// Where a rule is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum At {
    /// At this value of the vertical axis.
    Height(f64),
    /// At this value of the horizontal axis.
    Place(f64),
}

impl Rule {
    /// A rule from left to right.
    pub(crate) fn across(name: String, height: f64) -> Self {
        Self { name, at: At::Height(height) }
    }

    /// A rule from the bottom to the top.
    pub(crate) fn upright(name: String, place: f64) -> Self {
        Self { name, at: At::Place(place) }
    }
}

impl Picture {
    pub(crate) fn of(plot: &Plot, lang: Lang) -> Self {
        let line = |series: &crate::Series| Line {
            name: series.name.plain(lang),
            points: series.points.iter().map(|(x, y)| (x.0, y.0)).collect(),
            stroke: Stroke::Joined,
        };
        let band = |band: &crate::Band| Band {
            name: band.name.plain(lang),
            points: band.points.iter().map(|(x, low, high)| (x.0, low.0, high.0)).collect(),
        };
        Self {
            lang,
            title: plot.title.plain(lang),
            x_label: plot.x_label.plain(lang),
            y_label: plot.y_label.plain(lang),
            log_y: plot.log_y,
            x_ticks: plot.x_ticks.clone(),
            lines: plot.series.iter().map(line).collect(),
            band: plot.band.as_ref().map(band),
            rules: Vec::new(),
        }
    }

    pub(crate) fn draw(&self) -> Result<String, SvgError> {
        draw::draw(self).map_err(|cause| SvgError { title: self.title.clone(), cause: cause.to_string() })
    }
}

/// What stands at the bottom edge, and what is missing; empty where there is nothing to say.
pub(crate) fn strays(y_axis: &axis::YAxis, x_axis: &axis::XAxis, lang: Lang) -> String {
    draw::caption(&y_axis.strays, x_axis, lang)
}

/// The plot as a standalone SVG document on white, 960 pixels wide.
///
/// # Errors
/// None that a plot can cause; the drawing library's are passed on.
pub fn svg(plot: &Plot, lang: Lang) -> Result<String, SvgError> {
    Picture::of(plot, lang).draw()
}

/// A plot of a report and the name of its file.
#[derive(Clone, Debug)]
pub struct PlotFile<'a> {
    /// File name with extension: ASCII letters, digits, `-`, `_` and `.`; unique in the report, also where upper and lower
    /// case are the same.
    pub name: String,
    /// The plot.
    pub plot: &'a Plot,
}

/// Every plot of the report, in order, each under a name of its own.
pub fn plot_files(report: &RunReport) -> Vec<PlotFile<'_>> {
    let mut taken = HashSet::new();
    let sections = report.suites.iter().flat_map(|suite| &suite.sections);
    sections
        .filter_map(|section| section.plot.as_ref())
        .map(|plot| {
            let stem = file_stem(&plot.file_stem);
            let names = std::iter::once(stem.clone()).chain((2..).map(|number: usize| format!("{stem}-{number}")));
            // The chain does not end, so there always is a free name.
            let free = names.into_iter().find(|name| taken.insert(name.to_lowercase())).unwrap_or(stem);
            PlotFile { name: free + ".svg", plot }
        })
        .collect()
}

/// Failing checks whose errors are drawn into files of their own.
const GROWTHS: usize = 12;

/// The errors of failing checks, each with the name of its file, which no plot has.
pub(crate) fn growth_files(report: &RunReport) -> Vec<(String, Growth<'_>)> {
    let mut taken: HashSet<String> = plot_files(report).into_iter().map(|file| file.name.to_lowercase()).collect();
    let failing = report.checks().filter(|check| report.gates_as_failure(check));
    let name = |growth: Growth<'_>| -> String {
        let stem = file_stem(&growth.file_stem());
        let names = std::iter::once(stem.clone()).chain((2..).map(|number: usize| format!("{stem}-{number}")));
        let mut files = names.map(|name| name + ".svg");
        // The chain does not end, so there always is a free name.
        files.find(|name| taken.insert(name.to_lowercase())).unwrap_or(stem)
    };
    let growths: Vec<Growth<'_>> = growth::of_failing(failing).into_iter().take(GROWTHS).collect();
    let names: Vec<String> = growths.iter().copied().map(name).collect();
    names.into_iter().zip(growths).collect()
}

/// What is no plain file name character becomes `-`; no name is empty or hidden.
fn file_stem(raw: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let stem: String = raw.chars().map(plain).collect();
    match stem.trim_matches(['-', '.']) {
        "" => "plot".to_owned(),
        stem => stem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn plot(points: &[f64], log_y: bool) -> Picture {
        let points = points.iter().enumerate().map(|(x, y)| (x as f64, *y)).collect();
        let lines = vec![Line { name: "s".to_owned(), points, ..Line::default() }];
        Picture { title: "a plot".to_owned(), log_y, lines, ..Picture::default() }
    }

    #[test]
    fn an_error_growth() {
        insta::assert_snapshot!(svg(&fixture::plot(), Lang::En).unwrap());
    }

    #[test]
    fn a_plot_in_chinese_has_no_english() {
        let text = svg(&fixture::plot(), Lang::Zh).unwrap();
        for words in ["相对 float64 真值的误差", "底边上的圆圈：1 个零，1 个负数", "待测", "欧氏相对距离"]
        {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(!text.contains("Circles") && !text.contains("error"), "{text}");
    }

    #[test]
    fn a_linear_plot() {
        let mut plot = plot(&[2.31, 2.0, f64::NAN, 1.62, 1.55, 1.57, 1.2], false);
        plot.x_label = "step".to_owned();
        plot.y_label = "loss".to_owned();
        insta::assert_snapshot!(plot.draw().unwrap());
    }

    /// A line that leaves the band is seen to leave it; the band has a place in the legend, and the axis has room for it.
    #[test]
    fn a_band_behind_a_line() {
        let mut plot = plot(&[2.3, 2.1, 1.9, 1.6, 1.5], false);
        let around = |x: f64| (x, 2.2 - 0.2 * x, 2.4 - 0.2 * x);
        let points = (0..5).map(|x| around(f64::from(x))).collect();
        plot.band = Some(Band { name: "the reference's own spread".to_owned(), points });
        let text = plot.draw().unwrap();
        assert_eq!(text.matches("<polygon").count(), 1);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_band_breaks_where_it_has_no_height() {
        let mut plot = plot(&[2.0; 7], false);
        let mut points: Vec<(f64, f64, f64)> = (0..7).map(|x| (f64::from(x), 1.0, 3.0)).collect();
        points[3].1 = f64::NAN;
        plot.band = Some(Band { name: String::new(), points });
        let text = plot.draw().unwrap();
        assert_eq!(text.matches("<polygon").count(), 2);
        assert!(!text.contains("NaN"), "{text}");
    }

    #[test]
    fn the_same_plot_gives_the_same_text() {
        assert_eq!(svg(&fixture::plot(), Lang::En).unwrap(), svg(&fixture::plot(), Lang::En).unwrap());
    }

    /// Every point is a mark; a line alone would hide one between two breaks.
    #[test]
    fn no_point_vanishes() {
        let text = plot(&[1e-7, 0.0, -1.0, f64::NAN, 1e-3, f64::INFINITY, 1e-5], true).draw().unwrap();
        assert_eq!(
            text.matches("<circle").count(),
            3 + 2 * 2 + 1,
            "three on the axis, two rings on white below it, one in the legend"
        );
        assert!(text.contains("1 zero"), "{text}");
        assert!(text.contains("1 negative"), "{text}");
        assert!(text.contains("2 not finite"), "{text}");
    }

    #[test]
    fn odd_data_is_no_panic() {
        let extremes = [f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, 0.0, f64::NAN, f64::NEG_INFINITY];
        let mut cases = vec![vec![], vec![0.0], vec![f64::NAN; 3], vec![7.0], vec![0.0, 1e-300], extremes.to_vec()];
        cases.extend(extremes.map(|value| vec![value]));
        cases.push(vec![1e16, 1e16 + 2.0]);
        for points in cases {
            for log_y in [false, true] {
                let text = plot(&points, log_y).draw().unwrap();
                assert!(text.ends_with("</svg>\n"), "{points:?}");
                assert!(!text.contains("NaN") && !text.contains("-2147483648"), "{points:?}: {text}");
            }
        }
        assert!(Picture::default().draw().unwrap().contains("no data"));
    }

    #[test]
    fn an_x_that_is_not_finite_is_counted() {
        let mut plot = plot(&[1.0, 2.0], false);
        plot.lines[0].points.push((f64::NAN, 1.0));
        assert!(plot.draw().unwrap().contains("1 without a place on the horizontal axis"));
    }

    #[test]
    fn text_is_escaped() {
        let mut plot = plot(&[1.0], false);
        plot.title = "a < b & c \u{7}".to_owned();
        let text = plot.draw().unwrap();
        assert!(text.contains("a &lt; b &amp; c"), "{text}");
        assert!(!text.contains('\u{7}'));
    }

    #[test]
    fn names_of_files_are_plain_and_unique() {
        let mut report = fixture::report();
        let section = report.suites[0].sections[0].clone();
        for stem in ["error-growth-vit_small", "Error-Growth-vit_small", "../../etc", "日本"] {
            let mut section = section.clone();
            section.plot = section.plot.map(|plot| Plot { file_stem: stem.to_owned(), ..plot });
            report.suites[0].sections.push(section);
        }
        let names: Vec<_> = plot_files(&report).into_iter().map(|file| file.name).collect();
        assert_eq!(
            names,
            [
                "error-growth-vit_small.svg",
                "error-growth-vit_small-2.svg",
                "Error-Growth-vit_small-3.svg",
                "etc.svg",
                "plot.svg"
            ]
        );
    }
}
