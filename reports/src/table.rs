//! Tables: cells that are data, and the same as text.

use crate::message::{Message, Pen, Say, Unit};
use crate::number::{self, Float};
use crate::{Lang, tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A table of data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Table {
    /// The columns, left to right.
    pub columns: Vec<Column>,
    /// The rows, a line each in JSON.
    #[serde(with = "tensor::lines")]
    #[schemars(with = "Vec<Row>")]
    pub rows: Vec<Row>,
}

/// A row of a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// Its cells; fewer than there are columns if the last ones are empty.
    pub cells: Vec<Cell>,
    /// There is nothing in it to look at: a format for people may leave it out and say so.
    pub quiet: bool,
}

/// The head of a column, and what stands below it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Column {
    /// Heading.
    pub title: Message,
    /// What the cells are, which decides how they are set and rounded.
    pub kind: Kind,
}

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Names and words.
    Text,
    /// Numbers of things.
    Count,
    /// Errors: three significant digits and an exponent.
    Error,
    /// Ratios of errors: three decimals.
    Ratio,
    /// Numbers with a unit: two decimals.
    Measure,
    /// Numbers or words of a report of schema 1.
    Number,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// Not measured, or there is no such thing.
    Absent,
    /// A name.
    Name(String),
    /// Several names.
    Names(Vec<String>),
    /// Words.
    Says(Message),
    /// A number of things.
    Count(u64),
    /// A number.
    Number(Float),
    /// A number and its unit.
    Measure(Float, Unit),
}

impl Table {
    /// A table without rows.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds one row below the others.
    pub fn push(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(Row { cells: cells.into_iter().collect(), quiet: false });
    }

    /// Adds one row below the others; there is nothing in it to look at if `quiet`.
    pub fn push_quiet(&mut self, cells: impl IntoIterator<Item = Cell>, quiet: bool) {
        self.rows.push(Row { cells: cells.into_iter().collect(), quiet });
    }

    /// The same as text. Where `loud`, without the quiet rows.
    pub fn text(&self, lang: Lang, pen: Pen, loud: bool) -> TextTable {
        let column = |column: &Column| TextColumn { title: column.title.say(lang, pen), align: column.kind.align() };
        let kind = |index: usize| self.columns.get(index).map_or(Kind::Text, |column| column.kind);
        let row = |row: &Row| row.cells.iter().enumerate().map(|(i, it)| it.text(kind(i), lang, pen)).collect();
        let rows = self.rows.iter().filter(|row| !(loud && row.quiet));
        TextTable { columns: self.columns.iter().map(column).collect(), rows: rows.map(row).collect() }
    }

    /// How many rows have nothing to look at.
    pub fn quiet_rows(&self) -> usize {
        self.rows.iter().filter(|row| row.quiet).count()
    }
}

impl Column {
    /// A column of this kind.
    pub fn new(title: impl Into<Message>, kind: Kind) -> Self {
        Self { title: title.into(), kind }
    }

    /// A column of names and words.
    pub fn text(title: impl Into<Message>) -> Self {
        Self::new(title, Kind::Text)
    }
}

impl Kind {
    pub(crate) fn align(self) -> Align {
        match self {
            Self::Text => Align::Left,
            Self::Count | Self::Error | Self::Ratio | Self::Measure | Self::Number => Align::Right,
        }
    }

    fn rounded(self, value: f64) -> String {
        match self {
            Self::Error => number::error(value),
            Self::Ratio => number::ratio(value),
            Self::Measure => format!("{value:.2}"),
            Self::Text | Self::Count | Self::Number => number::figure(value),
        }
    }
}

impl Cell {
    /// A number, or none.
    pub fn number(value: Option<f64>) -> Self {
        value.map_or(Self::Absent, |value| Self::Number(value.into()))
    }

    /// How many.
    pub fn count(count: usize) -> Self {
        Self::Count(count as u64)
    }

    pub(crate) fn text(&self, kind: Kind, lang: Lang, pen: Pen) -> String {
        match self {
            Self::Absent => "-".to_owned(),
            Self::Name(name) => pen.name(name),
            Self::Names(names) => pen.names(names, lang.of(", ", "、")),
            Self::Says(message) => message.say(lang, pen),
            Self::Count(count) => count.to_string(),
            Self::Number(value) => kind.rounded(value.0),
            Self::Measure(value, unit) => format!("{} {}", kind.rounded(value.0), unit.say(lang, pen)),
        }
    }
}

/// A table of text, for one reader in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextTable {
    /// The columns, left to right.
    pub columns: Vec<TextColumn>,
    /// The rows; a row shorter than the columns is filled with empty cells.
    pub rows: Vec<Vec<String>>,
}

impl TextTable {
    /// A table without rows.
    pub fn new(columns: impl IntoIterator<Item = TextColumn>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds one row below the others.
    pub fn push(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}

/// The head of a column of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextColumn {
    /// Heading.
    pub title: String,
    /// How the cells are set.
    pub align: Align,
}

impl TextColumn {
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Heading, Outcome};

    #[test]
    fn rounding_and_language_belong_to_the_reader() {
        let mut table = Table::new([
            Column::text(Heading::Tensor),
            Column::text(Heading::Outcome),
            Column::new(Heading::Error, Kind::Error),
            Column::new(Heading::OverLimit, Kind::Ratio),
            Column::new(Heading::LargestError, Kind::Measure),
        ]);
        let number = |value: f64| Cell::Number(value.into());
        let measure = Cell::Measure(1.0.into(), Unit::Rounding);
        table.push([
            Cell::Name("a.b".to_owned()),
            Cell::Says(Outcome::WithinTheLimit.into()),
            number(3.2109e-7),
            number(0.79643),
            measure,
        ]);
        table.push_quiet(
            [Cell::Names(vec!["a".to_owned(), "b".to_owned()]), Cell::Absent, number(0.0), number(56.4e5)],
            true,
        );
        let shown = |lang, pen, loud| {
            let TextTable { columns, rows } = table.text(lang, pen, loud);
            let head: Vec<String> = columns.into_iter().map(|column| column.title).collect();
            [head].into_iter().chain(rows).map(|row| row.join(" | ")).collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(shown(Lang::En, Pen::Plain, false), @"
        tensor | outcome | error | error / limit | largest error
        a.b | within the limit | 3.21e-7 | 0.796 | 1.00 u
        a, b | - | 0 | 5.6e6
        ");
        insta::assert_snapshot!(shown(Lang::Zh, Pen::Markdown, true), @"
        张量 | 判定结果 | 误差 | 误差 / 阈值 | 最大误差
        `a.b` | 误差在阈值内 | 3.21e-7 | 0.796 | 1.00 u
        ");
    }
}
