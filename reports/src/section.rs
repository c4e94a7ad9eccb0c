//! The free part of a suite's result: tables and plots that belong to no single check.

use crate::message::Message;
use crate::{Table, number, tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A titled part of a suite's report: some text, a table, a plot, or several of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Section {
    /// Heading, unique in the suite.
    pub title: Message,
    /// What stands below it.
    pub text: Option<Message>,
    /// A table.
    pub table: Option<Table>,
    /// A plot.
    pub plot: Option<Plot>,
    /// The table is long: fold it away where the format can.
    pub collapsed: bool,
    /// There is nothing in it to look at, such as where every tensor is identical: a format for people may show less of it.
    pub quiet: bool,
}

impl Section {
    /// A section with a heading and nothing below it yet.
    pub fn new(title: impl Into<Message>) -> Self {
        Self { title: title.into(), text: None, table: None, plot: None, collapsed: false, quiet: false }
    }
}

/// A line plot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plot {
    /// Heading of the picture.
    pub title: Message,
    /// What the horizontal axis is.
    pub x_label: Message,
    /// What the vertical axis is, with its unit.
    pub y_label: Message,
    /// The vertical axis is logarithmic (base ten).
    pub log_y: bool,
    /// Names for x = 0, 1, 2, …; empty where x is a number.
    pub x_ticks: Vec<String>,
    /// The lines.
    pub series: Vec<Series>,
    /// An area behind the lines, such as what the reference itself spreads over.
    #[serde(default)]
    pub band: Option<Band>,
    /// Name of the picture's file without extension; made unique in the report where two agree.
    pub file_stem: String,
}

/// The area between two curves of a plot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Band {
    /// Name in the legend.
    pub name: Message,
    /// `(x, low, high)`, by x.
    #[serde(with = "tensor::lines")]
    #[schemars(with = "Vec<(number::Float, number::Float, number::Float)>")]
    pub points: Vec<(number::Float, number::Float, number::Float)>,
}

impl Band {
    /// The area between `low` and `high` at each `(x, low, high)`.
    pub fn new(name: impl Into<Message>, points: impl IntoIterator<Item = (f64, f64, f64)>) -> Self {
        let points = points.into_iter().map(|(x, low, high)| (x.into(), low.into(), high.into()));
        Self { name: name.into(), points: points.collect() }
    }
}

/// One line of a plot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// Name in the legend.
    pub name: Message,
    /// `(x, y)` in drawing order; y need not be finite or positive: see [`crate::svg`].
    #[serde(with = "tensor::lines")]
    #[schemars(with = "Vec<(number::Float, number::Float)>")]
    pub points: Vec<(number::Float, number::Float)>,
}

impl Series {
    /// A line through `points`.
    pub fn new(name: impl Into<Message>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let points = points.into_iter().map(|(x, y)| (x.into(), y.into()));
        Self { name: name.into(), points: points.collect() }
    }
}
