//! Pipe tables whose columns also line up in the raw text.

use crate::width::{left, right, width};
use crate::{Align, TextTable};

/// No column is padded beyond this, so that one long cell does not blow up every row.
const WIDEST: usize = 60;

/// The table, whose cells are markdown; rows of uneven length are filled up or, should they be longer than the head, cut by no reader: the head
/// grows with empty titles.
pub(super) fn table(table: &TextTable) -> String {
    let columns = table.rows.iter().map(Vec::len).chain([table.columns.len()]).max().unwrap_or(0);
    let filled = |cells: &mut dyn Iterator<Item = &str>| -> Vec<String> {
        let mut cells: Vec<String> = cells.map(cell).collect();
        cells.resize(columns, String::new());
        cells
    };
    let head = filled(&mut table.columns.iter().map(|column| column.title.as_str()));
    let rows: Vec<_> = table.rows.iter().map(|row| filled(&mut row.iter().map(String::as_str))).collect();
    let align = |index: usize| table.columns.get(index).map_or(Align::Left, |column| column.align);
    let widths: Vec<usize> = (0..columns)
        .map(|index| {
            let longest = rows.iter().chain([&head]).map(|row| width(&row[index])).max();
            longest.unwrap_or(0).clamp(3, WIDEST)
        })
        .collect();

    let mut out = line(&head, &widths, align);
    let rule: Vec<String> = widths
        .iter()
        .enumerate()
        .map(|(index, width)| match align(index) {
            Align::Left => "-".repeat(*width),
            Align::Right => "-".repeat(width - 1) + ":",
        })
        .collect();
    out.push_str(&line(&rule, &widths, align));
    for row in &rows {
        out.push_str(&line(row, &widths, align));
    }
    out
}

fn line(cells: &[String], widths: &[usize], align: impl Fn(usize) -> Align) -> String {
    let mut out = String::from("|");
    for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
        out.push_str(&match align(index) {
            Align::Left => format!(" {} |", left(cell, *width)),
            Align::Right => format!(" {} |", right(cell, *width)),
        });
    }
    out.push('\n');
    out
}

/// A cell stays in its cell: pipes are escaped (also inside code, where the rule is the same), line breaks become `<br>`.
fn cell(raw: &str) -> String {
    raw.replace('|', "\\|").replace("\r\n", "<br>").replace('\n', "<br>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TextColumn;

    #[test]
    fn cells_stay_in_their_cells() {
        let mut shown = TextTable::new([TextColumn::left("name"), TextColumn::right("n")]);
        shown.push(["a|b `c|d`\ne", "1"]);
        shown.push(["通过"]);
        shown.push(["i", "22", "extra"]);
        insta::assert_snapshot!(table(&shown), @r"
        | name             |   n |       |
        | ---------------- | --: | ----- |
        | a\|b `c\|d`<br>e |   1 |       |
        | 通过             |     |       |
        | i                |  22 | extra |
        ");
    }

    #[test]
    fn a_long_cell_does_not_widen_the_others() {
        let mut shown = TextTable::new([TextColumn::left("name")]);
        shown.push(["x".repeat(500)]);
        shown.push(["short"]);
        let text = table(&shown);
        assert_eq!(text.lines().last().map(str::len), Some(WIDEST + 4));
    }

    #[test]
    fn a_table_without_columns_is_no_panic() {
        assert_eq!(table(&TextTable::default()), "|\n|\n");
    }
}
