//! What a person reads.

use std::fmt;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

/// The middle of some figures, and the outermost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Of an even number of figures: the mean of the two in the middle.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// `None` where there are none.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Some(Self { median: (low + high) / 2.0, min, max })
    }

    /// The median with so many decimals, and the range.
    pub fn show(self, decimals: usize) -> String {
        let Self { median, min, max } = self;
        format!("{median:.decimals$} ({min:.decimals$}..{max:.decimals$})")
    }
}

/// A dash where there is no text.
pub fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

/// A table of so many columns, in Markdown.
#[derive(Debug)]
pub struct Columns<const N: usize>(Table);

impl<const N: usize> Columns<N> {
    /// Without rows.
    pub fn new(header: [&str; N]) -> Self {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(header);
        Self(table)
    }

    /// One row more.
    pub fn add_row(&mut self, cells: [String; N]) {
        self.0.add_row(cells);
    }

    /// Figures stand on the right.
    pub fn align_right(&mut self, columns: std::ops::Range<usize>) {
        for column in columns {
            if let Some(column) = self.0.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
}

impl<const N: usize> fmt::Display for Columns<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_two() {
        let spread = |figures: &[f64]| Spread::of(figures.iter().copied()).map(|spread| spread.show(1));
        assert_eq!(spread(&[3.0, 1.0, 2.0]).unwrap(), "2.0 (1.0..3.0)");
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]).unwrap(), "2.5 (1.0..4.0)");
        assert_eq!(or_dash(spread(&[])), "-");
    }

    #[test]
    fn figures_stand_on_the_right() {
        let mut table = Columns::new(["", "images/s"]);
        table.add_row(["ours".to_owned(), "7".to_owned()]);
        table.align_right(1..2);
        let lines: Vec<String> = table.to_string().lines().map(str::to_owned).collect();
        assert_eq!(lines, ["|      | images/s |", "|------|----------|", "| ours |        7 |"]);
    }
}
