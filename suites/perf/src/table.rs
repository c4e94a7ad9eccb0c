//! What a person reads.

use std::fmt;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::rounds::Spread;

/// A dash where there is no text.
pub fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

/// A spread with so many decimals; a dash where there is none.
pub fn spread_or_dash(spread: Option<Spread>, decimals: usize) -> String {
    or_dash(spread.map(|spread| spread.show(decimals)))
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
    fn figures_stand_on_the_right() {
        let mut table = Columns::new(["", "images/s"]);
        table.add_row(["ours".to_owned(), "7".to_owned()]);
        table.align_right(1..2);
        let lines: Vec<String> = table.to_string().lines().map(str::to_owned).collect();
        assert_eq!(lines, ["|      | images/s |", "|------|----------|", "| ours |        7 |"]);
    }
}
