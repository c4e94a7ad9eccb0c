//! The preparation of the tables of a split.

mod current;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use rayon::prelude::*;

use super::error::PrepareError;
use super::labels::{LABELS, Labels};
use super::layout::{self, ClassTexts, Widths};
use super::scan::{Class, scan};
use super::store::{publish, stage};
use super::{class_ids_file, class_names_file, entries_file, folder};
use crate::imagenet::Split;

/// The least number of folders scanned at a time: the disk limits the speed.
const THREADS: usize = 8;

/// The progress, in folders of classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// Number of scanned folders.
    pub done: usize,
    /// Number of all folders.
    pub total: usize,
}

/// The options of the preparation.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The folder of ImageNet, with `labels.txt` and one folder per split.
    pub root: &'a Path,
    /// The folder for the tables. It is created if it does not exist.
    pub extra: &'a Path,
    /// Whether tables are made even if complete and current tables exist.
    pub force: bool,
    /// The callback for progress. Any thread calls it, in any order.
    pub progress: &'a (dyn Fn(Steps) + Sync),
}

/// Remarks about unusual tables that the reference accepts too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// Number of images that a dataset will not find, because the path composed from the entry differs from their path.
    pub lost: usize,
    /// The path of one of these images.
    pub lost_example: Option<PathBuf>,
    /// Number of classes whose id or name is cut short, because labels and folders are in different orders.
    pub cut: usize,
}

/// The tables of a split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// Number of rows of the entries.
    pub images: usize,
    /// Number of rows of the tables of classes; 0 for a split without classes.
    pub classes: usize,
    /// Remarks about new tables; empty for tables that were kept.
    pub remarks: Remarks,
}

/// The result of the preparation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// The tables were made.
    Written(Prepared),
    /// Complete tables existed and were newer than their sources.
    Kept(Prepared),
}

/// Makes the tables of a split: `ImageNet.dump_extra`, byte for byte.
///
/// All tables are written before the first is renamed to its final name, and the entries are renamed last. An error, or
/// the end of the process, therefore leaves the old tables in place. Complete tables are kept, unless a folder of a
/// class or the labels have changed since.
///
/// # Errors
/// See [`PrepareError`]. If several images cannot be in a table, the error names the first.
pub fn prepare(split: Split, options: &Options) -> Result<Done, PrepareError> {
    let begun = SystemTime::now();
    if !split.has_classes() {
        return unlabelled(split, options, begun);
    }
    let labels = Labels::read(options.root)?;
    let folder = options.root.join(split.folder());
    let names = folder::classes(&folder)?;
    if !options.force
        && let Some(prepared) = current::with_classes(split, options, &labels, &names)?
    {
        return Ok(Done::Kept(prepared));
    }
    let classes = scanned(split, &folder, &names, &labels, options.progress)?;
    if labels.len() < classes.len() {
        let path = options.root.join(LABELS);
        return Err(PrepareError::TooFewLabels { path, labels: labels.len(), classes: classes.len() });
    }
    let classes: Vec<Class> = classes.into_iter().map(accepted).collect::<Result<_, _>>()?;
    write(split, options, &classes, &labels, begun)?;
    Ok(Done::Written(Prepared {
        images: classes.iter().map(|class| class.images.len()).sum(),
        classes: classes.len(),
        remarks: remarks(&classes, &labels),
    }))
}

/// Makes the table of a split without classes, which does not depend on the files on the disk.
fn unlabelled(split: Split, options: &Options, begun: SystemTime) -> Result<Done, PrepareError> {
    let images = split.official_len();
    let prepared = Prepared { images, classes: 0, remarks: Remarks::default() };
    if !options.force && current::without_classes(split, options.extra) {
        return Ok(Done::Kept(prepared));
    }
    let table = stage(options.extra, &entries_file(split), begun, |out| layout::write_unlabelled(out, images))?;
    publish(vec![table])?;
    Ok(Done::Written(prepared))
}

/// Scans all classes with many threads.
fn scanned(
    split: Split,
    folder: &Path,
    names: &[OsString],
    labels: &Labels,
    progress: &(dyn Fn(Steps) + Sync),
) -> Result<Vec<Class>, PrepareError> {
    let (done, total) = (AtomicUsize::new(0), names.len());
    progress(Steps { done: 0, total });
    let one = |name: &OsString| {
        let class = scan(split, &folder.join(name), labels);
        progress(Steps { done: 1 + done.fetch_add(1, Ordering::Relaxed), total });
        class
    };
    let threads = std::thread::available_parallelism().map_or(THREADS, |cores| THREADS.max(cores.get()));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.min(total)).build();
    let classes: Vec<Result<Class, PrepareError>> = match pool {
        Ok(pool) => pool.install(|| names.par_iter().map(one).collect()),
        // The system cannot start threads: this thread does the work.
        Err(_) => names.iter().map(one).collect(),
    };
    let classes: Vec<Class> = classes.into_iter().collect::<Result<_, _>>()?;
    let empty = names.iter().zip(&classes).filter(|(_, class)| class.is_empty());
    let empty: Vec<_> = empty.map(|(name, _)| folder.join(name)).collect();
    if empty.is_empty() { Ok(classes) } else { Err(PrepareError::Empty(empty)) }
}

fn accepted(mut class: Class) -> Result<Class, PrepareError> {
    class.refused.take().map_or(Ok(class), Err)
}

fn write(
    split: Split,
    options: &Options,
    classes: &[Class],
    labels: &Labels,
    begun: SystemTime,
) -> Result<(), PrepareError> {
    let widths = Widths::by_place(labels, classes.len());
    let texts = ClassTexts::new(classes, labels, widths);
    let extra = options.extra;
    publish(vec![
        stage(extra, &class_ids_file(split), begun, |out| texts.write_ids(out))?,
        stage(extra, &class_names_file(split), begun, |out| texts.write_names(out))?,
        stage(extra, &entries_file(split), begun, |out| layout::write_entries(out, classes, labels, widths))?,
    ])
}

fn remarks(classes: &[Class], labels: &Labels) -> Remarks {
    let widths = Widths::by_place(labels, classes.len());
    let cut = |row: &usize| {
        let (id, name) = labels.row(*row);
        id.chars().count() > widths.id || name.chars().count() > widths.name
    };
    Remarks {
        lost: classes.iter().map(|class| class.lost).sum(),
        lost_example: classes.iter().find_map(|class| class.lost_example.clone()),
        cut: layout::used(classes).filter(cut).count(),
    }
}
