//! The free part of a suite's result: tables and plots that belong to no single check.

use crate::number;
use serde::{Deserialize, Serialize};

/// A titled part of a suite's report: some text, a table, a plot, or several of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Heading, unique in the suite.
    pub title: String,
    /// Plain text; an empty line separates paragraphs.
    pub text: Option<String>,
    /// A table.
    pub table: Option<Table>,
    /// A plot.
    pub plot: Option<Plot>,
    /// The table is long: fold it away where the format can.
    pub collapsed: bool,
}

impl Section {
    /// A section with a heading and nothing below it yet.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }
}

/// A table of text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The columns, left to right.
    pub columns: Vec<Column>,
    /// The rows; a row shorter than the columns is filled with empty cells.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds one row below the others.
    pub fn push(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}

/// The head of a table's column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Heading.
    pub title: String,
    /// How the cells are set.
    pub align: Align,
}

impl Column {
    /// A column of text.
    pub fn left(title: impl Into<String>) -> Self {
        Self { title: title.into(), align: Align::Left }
    }

    /// A column of numbers.
    pub fn right(title: impl Into<String>) -> Self {
        Self { title: title.into(), align: Align::Right }
    }
}

/// How the cells of a column are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A line plot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plot {
    /// Heading of the picture.
    pub title: String,
    /// What the horizontal axis is.
    pub x_label: String,
    /// What the vertical axis is, with its unit.
    pub y_label: String,
    /// The vertical axis is logarithmic (base ten).
    pub log_y: bool,
    /// Names for x = 0, 1, 2, …; empty where x is a number.
    pub x_ticks: Vec<String>,
    /// The lines.
    pub series: Vec<Series>,
    /// Name of the picture's file without extension; made unique in the report where two agree.
    pub file_stem: String,
}

/// One line of a plot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// `(x, y)` in drawing order; y need not be finite or positive: see [`crate::svg`].
    #[serde(with = "number::points")]
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// A line through `points`.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self { name: name.into(), points: points.into_iter().collect() }
    }
}
