//! A table on the terminal.

use crate::{Align, TextTable};
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, presets};

/// The table as text with a final newline, with ANSI attributes: print it through an [`anstream`] stream. Cells are wrapped
/// so that it fits `width` columns; `None`, as for a pipe, keeps each row on one line.
pub fn table(table: &TextTable, width: Option<u16>) -> String {
    let mut drawn = comfy_table::Table::new();
    drawn
        .load_style(presets::NOTHING)
        .set_header(table.columns.iter().map(|column| Cell::new(&column.title).add_attribute(Attribute::Bold)));
    for row in &table.rows {
        drawn.add_row(row);
    }
    for (drawn, column) in drawn.column_iter_mut().zip(&table.columns) {
        drawn.set_padding((0, 2));
        drawn.set_cell_alignment(match column.align {
            Align::Left => CellAlignment::Left,
            Align::Right => CellAlignment::Right,
        });
    }
    match width {
        Some(width) => drawn.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => drawn.set_content_arrangement(ContentArrangement::Disabled),
    };
    // Whether attributes are wanted is the stream's business, not a guess of this crate.
    drawn.enforce_styling().style_text_only();
    drawn.trim_fmt() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Lang, fixture, message::Pen};

    fn plain(shown: &TextTable, width: Option<u16>) -> String {
        anstream::adapter::strip_str(&table(shown, width)).to_string()
    }

    #[test]
    fn a_table_in_a_pipe_keeps_its_rows_whole() {
        insta::assert_snapshot!(plain(&fixture::table().text(Lang::En, Pen::Plain, false), None));
    }

    #[test]
    fn a_table_fits_a_narrow_terminal() {
        let text = plain(&fixture::table().text(Lang::En, Pen::Plain, false), Some(48));
        assert!(text.lines().all(|line| line.chars().count() <= 48), "{text}");
        insta::assert_snapshot!(text);
    }
}
