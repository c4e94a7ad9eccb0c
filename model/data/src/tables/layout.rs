//! The rows of the tables as bytes, and how wide the reference makes their texts.

use std::io::{self, Write};

use super::labels::Labels;
use super::scan::Class;
use crate::npy::{Descr, header};

/// The names of an entry's columns, in order: two numbers, two texts.
pub const COLUMNS: [&str; 4] = ["actual_index", "class_index", "class_id", "class_name"];
/// The type of the first two.
pub const NUMBER: &str = "<u4";
/// Bytes of a character.
pub const CHARACTER: usize = 4;
/// Bytes of an entry before its texts.
pub const NUMBERS: usize = 8;

/// How many characters the two texts of an entry have room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Widths {
    /// Of `class_id`.
    pub id: usize,
    /// Of `class_name`.
    pub name: usize,
}

impl Widths {
    /// Those that the reference chooses: it takes the row of the labels at each class's *place*, while an entry gets the
    /// row of its class's *id*. Where the labels are in another order than the folders, texts are cut short.
    pub fn by_place(labels: &Labels, classes: usize) -> Self {
        let mut widths = Self::default();
        for (id, name) in (0..classes).map(|place| labels.row(place)) {
            widths.id = widths.id.max(id.chars().count());
            widths.name = widths.name.max(name.chars().count());
        }
        widths
    }

    fn descr(self) -> Descr {
        let types = [NUMBER.to_owned(), NUMBER.to_owned(), text_type(self.id), text_type(self.name)];
        Descr::Columns(COLUMNS.map(str::to_owned).into_iter().zip(types).collect())
    }
}

fn text_type(width: usize) -> String {
    format!("<U{width}")
}

/// Characters in UTF-32, and zeros up to the width.
fn push(row: &mut Vec<u8>, text: &str, width: usize) {
    let end = row.len() + CHARACTER * width;
    row.extend(text.chars().take(width).flat_map(|c| u32::from(c).to_le_bytes()));
    row.resize(end, 0);
}

/// The table of entries.
pub fn write_entries(out: &mut dyn Write, classes: &[Class], labels: &Labels, widths: Widths) -> io::Result<()> {
    let len = classes.iter().map(|class| class.images.len()).sum();
    out.write_all(&header(&widths.descr(), len))?;
    // A row is the one before it but for its number: so few texts, so many images.
    let (mut row, mut row_of) = (Vec::new(), None);
    for (class_index, class) in (0_u32..).zip(classes) {
        for image in &class.images {
            if row_of != Some((class_index, image.label)) {
                row_of = Some((class_index, image.label));
                let (id, name) = labels.row(image.label);
                row.clear();
                row.resize(NUMBERS, 0);
                push(&mut row, id, widths.id);
                push(&mut row, name, widths.name);
                row[4..8].copy_from_slice(&class_index.to_le_bytes());
            }
            row[..4].copy_from_slice(&image.actual_index.to_le_bytes());
            out.write_all(&row)?;
        }
    }
    Ok(())
}

/// The table of entries of a split without classes: as many rows as it officially has, whatever is on the disk. NumPy 2
/// refuses the reference's `np.uint32(-1)`; this is what it means, and what NumPy 1 writes.
pub fn write_unlabelled(out: &mut dyn Write, len: usize) -> io::Result<()> {
    out.write_all(&header(&Widths::default().descr(), len))?;
    for number in (1_u32..).take(len) {
        out.write_all(&number.to_le_bytes())?;
        out.write_all(&u32::MAX.to_le_bytes())?;
    }
    Ok(())
}

/// The texts of the classes, from the entries: a class has those of its last image, as wide as any image's.
pub struct ClassTexts {
    ids: Vec<String>,
    names: Vec<String>,
    widths: Widths,
}

impl ClassTexts {
    /// As they stand in the entries.
    pub fn new(classes: &[Class], labels: &Labels, entries: Widths) -> Self {
        let mut widths = Widths::default();
        let texts = |row: usize| {
            let (id, name) = labels.row(row);
            [stored(id, entries.id), stored(name, entries.name)]
        };
        for row in used(classes) {
            let [id, name] = texts(row);
            widths.id = widths.id.max(id.chars().count());
            widths.name = widths.name.max(name.chars().count());
        }
        let last = classes.iter().filter_map(|class| class.images.last());
        let (ids, names) = last.map(|image| texts(image.label).into()).unzip();
        Self { ids, names, widths }
    }

    /// The table of ids.
    pub fn write_ids(&self, out: &mut dyn Write) -> io::Result<()> {
        write_texts(out, &self.ids, self.widths.id)
    }

    /// The table of names.
    pub fn write_names(&self, out: &mut dyn Write) -> io::Result<()> {
        write_texts(out, &self.names, self.widths.name)
    }
}

/// The rows of the labels that any image has.
pub fn used(classes: &[Class]) -> impl Iterator<Item = usize> {
    let mut rows: Vec<usize> = classes.iter().flat_map(|class| class.labels.iter().copied()).collect();
    rows.sort_unstable();
    rows.dedup();
    rows.into_iter()
}

/// A text as it is read from an entry again: cut short, and without the zeros that it ends in.
pub fn stored(text: &str, width: usize) -> String {
    let cut: String = text.chars().take(width).collect();
    cut.trim_end_matches('\0').to_owned()
}

fn write_texts(out: &mut dyn Write, texts: &[String], width: usize) -> io::Result<()> {
    // NumPy makes no array of empty texts: it takes one character.
    let width = width.max(1);
    out.write_all(&header(&Descr::Plain(text_type(width)), texts.len()))?;
    let mut row = Vec::new();
    for text in texts {
        row.clear();
        push(&mut row, text, width);
        out.write_all(&row)?;
    }
    Ok(())
}
