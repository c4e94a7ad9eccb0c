//! What the tables of a split hold: the JSON of `data inspect`.

use std::path::Path;

use dinov3_data::imagenet::Split;
use dinov3_data::tables::{Entries, TableError, Texts, class_ids_file, class_names_file, entries_file};
use dinov3_golden::sha256_hex;
use serde::Serialize;

/// So many images are looked for, spread evenly over the table.
const SAMPLE: usize = 100;

/// The tables of a split.
#[derive(Debug, Serialize)]
pub struct SplitFacts {
    /// `TRAIN`, `VAL` or `TEST`.
    pub split: &'static str,
    /// Rows of the entries.
    pub images: usize,
    /// How many images the official ImageNet has.
    pub official_images: usize,
    /// Rows of the tables of classes; absent for a split without classes.
    pub classes: Option<usize>,
    /// Characters of `class_id` and `class_name` in an entry.
    pub widths: [usize; 2],
    /// The files: entries, ids, names.
    pub tables: Vec<TableFacts>,
    /// The first row, if there is one.
    pub first: Option<EntryFacts>,
    /// The last row, if there is one.
    pub last: Option<EntryFacts>,
    /// What of the images was looked for; absent where nothing was.
    pub sample: Option<SampleFacts>,
}

/// A file.
#[derive(Debug, Serialize)]
pub struct TableFacts {
    /// Its name.
    pub file: String,
    /// Its size.
    pub bytes: usize,
    /// Its hash, in hex.
    pub sha256: String,
}

/// A row.
#[derive(Debug, Serialize)]
pub struct EntryFacts {
    /// The number in the file's name.
    pub actual_index: u32,
    /// The class, from 0.
    pub class_index: u32,
    /// Its id.
    pub class_id: String,
    /// Its name.
    pub class_name: String,
    /// The image, below the root.
    pub path: String,
}

/// Images looked for.
#[derive(Debug, Serialize)]
pub struct SampleFacts {
    /// How many.
    pub looked_for: usize,
    /// How many of these are no files.
    pub missing: usize,
    /// The first of these.
    pub first_missing: Option<String>,
}

/// Reads the tables of a split; of the images of `root`, a sample is looked for.
///
/// # Errors
/// When a table is missing or damaged.
pub fn read(split: Split, extra: &Path, root: Option<&Path>) -> Result<SplitFacts, TableError> {
    let file = entries_file(split);
    let entries = Entries::open(&extra.join(&file))?;
    let mut tables = vec![table(file, entries.file())];
    let mut classes = None;
    if split.has_classes() {
        for file in [class_ids_file(split), class_names_file(split)] {
            let path = extra.join(&file);
            let texts = Texts::open(&path)?;
            let ids = *classes.get_or_insert(texts.len());
            if texts.len() != ids {
                return Err(TableError::Names { path, names: texts.len(), ids });
            }
            tables.push(table(file, texts.file()));
        }
    }
    let at = |index: usize| if entries.is_empty() { Ok(None) } else { entry(split, &entries, index).map(Some) };
    Ok(SplitFacts {
        split: split.name(),
        images: entries.len(),
        official_images: split.official_len(),
        classes,
        widths: [entries.id_width(), entries.name_width()],
        tables,
        first: at(0)?,
        last: at(entries.len().saturating_sub(1))?,
        sample: root.map(|root| sample(split, &entries, root)).transpose()?,
    })
}

fn table(file: String, bytes: &[u8]) -> TableFacts {
    TableFacts { file, bytes: bytes.len(), sha256: sha256_hex(bytes) }
}

fn entry(split: Split, entries: &Entries, index: usize) -> Result<EntryFacts, TableError> {
    let entry = entries.entry(index)?;
    Ok(EntryFacts {
        path: split.image_path(entry.actual_index, &entry.class_id).display().to_string(),
        actual_index: entry.actual_index,
        class_index: entry.class_index,
        class_id: entry.class_id,
        class_name: entry.class_name,
    })
}

fn sample(split: Split, entries: &Entries, root: &Path) -> Result<SampleFacts, TableError> {
    let looked_for = SAMPLE.min(entries.len());
    let mut missing = Vec::new();
    for place in 0..looked_for {
        // The first and the last are among them.
        let index = place * (entries.len() - 1) / (looked_for - 1).max(1);
        let path = split.image_path(entries.actual_index(index)?, &entries.class_id(index)?);
        if !root.join(&path).is_file() {
            missing.push(path.display().to_string());
        }
    }
    Ok(SampleFacts { looked_for, missing: missing.len(), first_missing: missing.into_iter().next() })
}
