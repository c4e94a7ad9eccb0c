//! The rows of the tables as bytes, and the widths of their texts in the reference.

use std::io::{self, Write};

use super::labels::Labels;
use super::scan::Class;
use crate::npy::{Descr, header};

/// The names of an entry's columns, in order: two numbers, two texts.
pub const COLUMNS: [&str; 4] = ["actual_index", "class_index", "class_id", "class_name"];
/// The type of the two numbers.
pub const NUMBER: &str = "<u4";
/// Number of bytes of a character.
pub const CHARACTER: usize = 4;
/// Number of bytes of an entry before its texts.
pub const NUMBERS: usize = 8;

/// The widths of an entry's two texts, in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Widths {
    /// Width of `class_id`.
    pub id: usize,
    /// Width of `class_name`.
    pub name: usize,
}

impl Widths {
    /// The reference's widths. The reference measures the row of the labels at each class's *place*, but writes the row
    /// with the class's *id* into an entry. If the labels and the folders are in different orders, texts are cut short.
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
    // A row usually equals the row before it except for its number, since many images share few texts.
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

/// The table of entries of a split without classes. It has the official number of rows, regardless of the files on the
/// disk. NumPy 2 refuses the reference's `np.uint32(-1)`; the table holds the number that NumPy 1 writes.
pub fn write_unlabelled(out: &mut dyn Write, len: usize) -> io::Result<()> {
    out.write_all(&header(&Widths::default().descr(), len))?;
    for number in (1_u32..).take(len) {
        out.write_all(&number.to_le_bytes())?;
        out.write_all(&u32::MAX.to_le_bytes())?;
    }
    Ok(())
}

/// The texts of the classes, taken from the entries. A class has the texts of its last image; the width is the widest
/// of all images.
pub struct ClassTexts {
    ids: Vec<String>,
    names: Vec<String>,
    widths: Widths,
}

impl ClassTexts {
    /// The texts as in the entries.
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

/// The rows of the labels that belong to an image.
pub fn used(classes: &[Class]) -> impl Iterator<Item = usize> {
    let mut rows: Vec<usize> = classes.iter().flat_map(|class| class.labels.iter().copied()).collect();
    rows.sort_unstable();
    rows.dedup();
    rows.into_iter()
}

/// A text as read back from an entry: cut to the width, without its trailing zeros.
pub fn stored(text: &str, width: usize) -> String {
    let cut: String = text.chars().take(width).collect();
    cut.trim_end_matches('\0').to_owned()
}

fn write_texts(out: &mut dyn Write, texts: &[String], width: usize) -> io::Result<()> {
    // NumPy makes no array of width 0; it uses one character.
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
