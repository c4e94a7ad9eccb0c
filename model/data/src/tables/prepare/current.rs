//! The check whether existing tables are current.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use rayon::prelude::*;

use super::{Options, Prepared, Remarks};
use crate::imagenet::Split;
use crate::tables::error::PrepareError;
use crate::tables::folder;
use crate::tables::labels::{LABELS, Labels};
use crate::tables::layout;
use crate::tables::mapped::{Entries, Texts};
use crate::tables::{class_ids_file, class_names_file, entries_file};

/// The contents of a split's tables, if they are current: they are complete, have the present classes and names, and
/// are not older than the labels and any folder of a class, or in one. Adding, removing or renaming a file changes the time of its
/// folder.
///
/// # Errors
/// If a folder cannot be read.
pub fn with_classes(
    split: Split,
    options: &Options,
    labels: &Labels,
    names: &[OsString],
) -> Result<Option<Prepared>, PrepareError> {
    let files = [entries_file(split), class_ids_file(split), class_names_file(split)];
    let files = files.map(|file| options.extra.join(file));
    // A table that cannot be read is made again, whatever the problem.
    let texts = |path: &Path| texts(path, names.len());
    let tables = (|| Some((Entries::open(&files[0]).ok()?, texts(&files[1])?, texts(&files[2])?)))();
    let Some((entries, ids, class_names)) = tables else { return Ok(None) };
    let same_ids = ids.iter().map(OsString::from).eq(names.iter().cloned());
    let same_names = ids.iter().zip(&class_names).all(|(id, name)| {
        let row = labels.row_of(id).map(|row| labels.row(row).1);
        row.is_some_and(|row| layout::stored(row, entries.name_width()) == *name)
    });
    let widths = layout::Widths { id: entries.id_width(), name: entries.name_width() };
    let same_widths = labels.len() >= names.len() && layout::Widths::by_place(labels, names.len()) == widths;
    if !same_ids || !same_names || !same_widths || ids.len() != class_names.len() {
        return Ok(None);
    }
    let Some(made) = files.iter().map(|file| modified(file)).min().flatten() else { return Ok(None) };
    let folder = options.root.join(split.folder());
    let sources = [options.root.join(LABELS), folder.clone()];
    let is_old = |source: &Path| Ok::<_, PrepareError>(changed(source).map_err(PrepareError::read(source))? < made);
    for source in &sources {
        if !is_old(source)? {
            return Ok(None);
        }
    }
    // The folders in a class hold images too.
    let all_old = names.par_iter().map(|name| -> Result<bool, PrepareError> {
        let class = folder.join(name);
        if !is_old(&class)? {
            return Ok(false);
        }
        folder::below(&class)?.iter().try_fold(true, |old, source| Ok(old && is_old(source)?))
    });
    if !all_old.try_reduce(|| true, |a, b| Ok(a && b))? {
        return Ok(None);
    }
    Ok(Some(Prepared { images: entries.len(), classes: ids.len(), remarks: Remarks::default() }))
}

/// Whether the table of a split without classes equals the table that would be written.
pub fn without_classes(split: Split, extra: &Path) -> bool {
    let mut table = Vec::new();
    let written = layout::write_unlabelled(&mut table, split.official_len()).is_ok();
    written && fs::read(extra.join(entries_file(split))).is_ok_and(|found| found == table)
}

/// The texts of a table, if there is one for each class.
fn texts(path: &Path, classes: usize) -> Option<Vec<String>> {
    Texts::open(path).ok().filter(|texts| texts.len() == classes)?.all().ok()
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// The time of the last change. An archive program can set back the time of modification, but not the time of change.
fn changed(path: &Path) -> std::io::Result<SystemTime> {
    let metadata = fs::metadata(path)?;
    let modified = metadata.modified()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        use std::time::Duration;
        let seconds = Duration::from_secs(u64::try_from(metadata.ctime()).unwrap_or(0));
        let nanoseconds = Duration::from_nanos(u64::try_from(metadata.ctime_nsec()).unwrap_or(0));
        Ok(modified.max(SystemTime::UNIX_EPOCH + seconds + nanoseconds))
    }
    #[cfg(not(unix))]
    Ok(modified)
}
