//! Tables mapped into memory.

use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use super::error::TableError;
use super::layout::{CHARACTER, COLUMNS, NUMBER, NUMBERS};
use crate::npy::{Descr, parse_header};

/// The most rows of no bytes in a table: texts of which each is empty. ImageNet has 1000 classes.
const MOST_EMPTY_ROWS: u64 = 1 << 20;

/// The rows of a file. All rows have the same number of bytes.
#[derive(Debug)]
struct Rows {
    path: PathBuf,
    map: Mmap,
    offset: usize,
    len: usize,
    row_bytes: usize,
}

impl Rows {
    /// Maps a file. `row_bytes` returns the size of an element, or `None` for an unexpected type.
    fn open(
        path: &Path,
        expected: &'static str,
        row_bytes: impl FnOnce(&Descr) -> Option<usize>,
    ) -> Result<Self, TableError> {
        let io = |error| TableError::Open { path: path.to_owned(), error };
        let file = File::open(path).map_err(io)?;
        // SAFETY: the map is read-only, and this crate never writes to a table in place: it renames a new table over
        // the old one and leaves the mapped file unchanged. If another program truncates the file meanwhile, the
        // operating system kills this process. This risk avoids reading a quarter of a gigabyte in each process.
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        let header = parse_header(&map).map_err(|error| TableError::Format { path: path.to_owned(), error })?;
        let row_bytes = row_bytes(&header.descr).ok_or_else(|| TableError::Type {
            path: path.to_owned(),
            found: header.descr.to_string(),
            expected,
        })?;
        let bytes = header.offset as u128 + u128::from(header.len) * row_bytes as u128;
        // Rows of no bytes fit a file of any size.
        let claimed = row_bytes == 0 && header.len > MOST_EMPTY_ROWS;
        match usize::try_from(header.len) {
            Ok(len) if bytes == map.len() as u128 && !claimed => {
                Ok(Self { path: path.to_owned(), map, offset: header.offset, len, row_bytes })
            }
            _ if claimed => Err(TableError::EmptyRows { path: path.to_owned(), len: header.len }),
            _ => Err(TableError::Size {
                path: path.to_owned(),
                len: header.len,
                expected: bytes,
                found: map.len() as u64,
            }),
        }
    }

    fn row(&self, index: usize) -> Result<&[u8], TableError> {
        if index >= self.len {
            return Err(TableError::Row { path: self.path.clone(), index, len: self.len });
        }
        let start = self.offset + index * self.row_bytes;
        Ok(&self.map[start..start + self.row_bytes])
    }

    /// Decodes `bytes`, a text of row `index`.
    fn text(&self, index: usize, bytes: &[u8]) -> Result<String, TableError> {
        let number = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let text: Option<String> = bytes.chunks_exact(CHARACTER).map(|bytes| char::from_u32(number(bytes))).collect();
        let text = text.ok_or_else(|| TableError::Text { path: self.path.clone(), index })?;
        Ok(text.trim_end_matches('\0').to_owned())
    }
}

/// The width of a text of this type, in characters.
fn width(dtype: &str) -> Option<usize> {
    dtype.strip_prefix("<U")?.parse().ok().filter(|width| *width <= u32::MAX as usize)
}

/// The row of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The number in the file name.
    pub actual_index: u32,
    /// The class, from 0; `u32::MAX` if there are no classes.
    pub class_index: u32,
    /// The id of the class, such as `n01440764`; empty if there are no classes.
    pub class_id: String,
    /// The name of the class, such as `tench`; empty if there are no classes.
    pub class_name: String,
}

/// A table with one row per image, such as `entries-TRAIN.npy`. Rows are read on access.
#[derive(Debug)]
pub struct Entries {
    rows: Rows,
    id_width: usize,
    name_width: usize,
}

impl Entries {
    /// Maps a table and checks its length.
    ///
    /// # Errors
    /// See [`TableError`].
    pub fn open(path: &Path) -> Result<Self, TableError> {
        let mut widths = (0, 0);
        let rows = Rows::open(path, "entries of two numbers and two texts", |descr| {
            widths = entry_widths(descr)?;
            Some(NUMBERS + CHARACTER * (widths.0 + widths.1))
        })?;
        Ok(Self { rows, id_width: widths.0, name_width: widths.1 })
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len
    }

    /// Whether the table has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The path of the table.
    pub fn path(&self) -> &Path {
        &self.rows.path
    }

    /// The whole file, including its header.
    pub fn file(&self) -> &[u8] {
        &self.rows.map
    }

    /// The width of `class_id` in characters.
    pub fn id_width(&self) -> usize {
        self.id_width
    }

    /// The width of `class_name` in characters.
    pub fn name_width(&self) -> usize {
        self.name_width
    }

    /// Row `index`.
    ///
    /// # Errors
    /// If there is no such row, or its texts are invalid.
    pub fn entry(&self, index: usize) -> Result<Entry, TableError> {
        Ok(Entry {
            actual_index: self.actual_index(index)?,
            class_index: self.class_index(index)?,
            class_id: self.class_id(index)?,
            class_name: self.class_name(index)?,
        })
    }

    /// The number in the file name of image `index`.
    ///
    /// # Errors
    /// If there is no such row.
    pub fn actual_index(&self, index: usize) -> Result<u32, TableError> {
        self.number(index, 0)
    }

    /// The class of image `index`, from 0.
    ///
    /// # Errors
    /// If there is no such row.
    pub fn class_index(&self, index: usize) -> Result<u32, TableError> {
        self.number(index, 4)
    }

    /// The id of the class of image `index`.
    ///
    /// # Errors
    /// If there is no such row, or its text is invalid.
    pub fn class_id(&self, index: usize) -> Result<String, TableError> {
        let row = self.rows.row(index)?;
        self.rows.text(index, &row[NUMBERS..NUMBERS + CHARACTER * self.id_width])
    }

    /// The name of the class of image `index`.
    ///
    /// # Errors
    /// If there is no such row, or its text is invalid.
    pub fn class_name(&self, index: usize) -> Result<String, TableError> {
        let row = self.rows.row(index)?;
        self.rows.text(index, &row[NUMBERS + CHARACTER * self.id_width..])
    }

    fn number(&self, index: usize, at: usize) -> Result<u32, TableError> {
        let row = self.rows.row(index)?;
        Ok(u32::from_le_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]))
    }
}

/// The widths of an entry's texts.
fn entry_widths(descr: &Descr) -> Option<(usize, usize)> {
    let Descr::Columns(columns) = descr else { return None };
    if !columns.iter().map(|(name, _)| name.as_str()).eq(COLUMNS) {
        return None;
    }
    let types: Vec<&str> = columns.iter().map(|(_, dtype)| dtype.as_str()).collect();
    match types[..] {
        [NUMBER, NUMBER, id, name] => Some((width(id)?, width(name)?)),
        _ => None,
    }
}

/// A table with one text per class, such as `class-ids-TRAIN.npy` and `class-names-TRAIN.npy`.
#[derive(Debug)]
pub struct Texts {
    rows: Rows,
}

impl Texts {
    /// Maps a table and checks its length.
    ///
    /// # Errors
    /// See [`TableError`].
    pub fn open(path: &Path) -> Result<Self, TableError> {
        let row_bytes = |descr: &Descr| match descr {
            Descr::Plain(dtype) => width(dtype).map(|width| CHARACTER * width),
            Descr::Columns(_) => None,
        };
        Ok(Self { rows: Rows::open(path, "texts", row_bytes)? })
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len
    }

    /// Whether the table has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The whole file, including its header.
    pub fn file(&self) -> &[u8] {
        &self.rows.map
    }

    /// The width of a row in characters.
    pub fn width(&self) -> usize {
        self.rows.row_bytes / CHARACTER
    }

    /// Row `index`.
    ///
    /// # Errors
    /// If there is no such row, or its text is invalid.
    pub fn get(&self, index: usize) -> Result<String, TableError> {
        self.rows.text(index, self.rows.row(index)?)
    }

    /// All rows.
    ///
    /// # Errors
    /// If the text of a row is invalid.
    pub fn all(&self) -> Result<Vec<String>, TableError> {
        (0..self.len()).map(|index| self.get(index)).collect()
    }
}
