//! Tables, which the script sorts and filters.

use super::text::both;
use crate::message::{Pen, Say};
use crate::{Align, Cell, Lang, Table};
use maud::{Markup, html};

/// How a table behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// As it is.
    Plain,
    /// A click on a heading sorts it.
    Sorted,
    /// It has a field to filter it by, and is sorted too.
    Filtered,
}

/// A table of at most `most` rows, the quiet ones left out.
pub(super) fn table(rows: &Table, name: &dyn Say, kind: Kind, most: usize) -> Markup {
    let aligned = |index: usize| rows.columns.get(index).is_some_and(|it| it.kind.align() == Align::Right);
    let loud = rows.rows.iter().filter(|row| !row.quiet).take(most);
    let head = html! {
        tr { @for (index, column) in rows.columns.iter().enumerate() {
            th scope="col" class=[aligned(index).then_some("n")] { (both(&column.title)) }
        } }
    };
    let body = html! {
        @for row in loud {
            tr { @for (index, cell) in row.cells.iter().enumerate() {
                td class=[aligned(index).then_some("n")] { (self::cell(cell, rows, index)) }
            } }
        }
    };
    framed(name, kind, head, body)
}

/// One cell in both languages.
fn cell(cell: &Cell, rows: &Table, index: usize) -> Markup {
    let kind = rows.columns.get(index).map_or(crate::Kind::Text, |column| column.kind);
    super::text::pair(&cell.text(kind, Lang::En, Pen::Html), &cell.text(kind, Lang::Zh, Pen::Html))
}

/// A table with this head and these rows, in a frame that scrolls by itself where it is too wide.
pub(super) fn framed(name: &dyn Say, kind: Kind, head: Markup, body: Markup) -> Markup {
    let (en, zh) = (name.en(Pen::Plain), name.zh(Pen::Plain));
    html! {
        div.scroll tabindex="0" role="group" aria-label=(en) data-zh=(zh) {
            table data-sort[kind != Kind::Plain] data-filter[kind == Kind::Filtered] {
                thead { (head) }
                tbody { (body) }
            }
        }
    }
}
