//! Whether tables that are there need not be made again.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use super::{Options, Prepared, Remarks};
use crate::imagenet::Split;
use crate::tables::error::PrepareError;
use crate::tables::labels::{LABELS, Labels};
use crate::tables::layout;
use crate::tables::mapped::{Entries, Texts};
use crate::tables::{class_ids_file, class_names_file, entries_file};

/// What the tables of a split hold, if they are whole, of the classes and names that there are now, and older than none of
/// the folders and the labels that they are made of. A file that is added to a folder, taken away or renamed changes it.
///
/// # Errors
/// When a folder cannot be looked at.
pub fn with_classes(
    split: Split,
    options: &Options,
    labels: &Labels,
    names: &[OsString],
) -> Result<Option<Prepared>, PrepareError> {
    let files = [entries_file(split), class_ids_file(split), class_names_file(split)];
    let files = files.map(|file| options.extra.join(file));
    // What cannot be read is made again, whatever is wrong with it.
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
    for source in sources.into_iter().chain(names.iter().map(|name| folder.join(name))) {
        if changed(&source).map_err(PrepareError::read(&source))? >= made {
            return Ok(None);
        }
    }
    Ok(Some(Prepared { images: entries.len(), classes: ids.len(), remarks: Remarks::default() }))
}

/// Whether the table of a split without classes is the one that would be written.
pub fn without_classes(split: Split, extra: &Path) -> bool {
    let mut table = Vec::new();
    let written = layout::write_unlabelled(&mut table, split.official_len()).is_ok();
    written && fs::read(extra.join(entries_file(split))).is_ok_and(|found| found == table)
}

fn texts(path: &Path) -> Option<Vec<String>> {
    Texts::open(path).ok()?.all().ok()
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// When it was last changed. Archives set back when a folder was modified, and cannot set back when that was done.
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
