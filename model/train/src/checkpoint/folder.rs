//! The checkpoints of a run: when one is due, which ones stay.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::CheckpointError;

/// Which checkpoints stay (`checkpointing.*` of the config).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// `max_to_keep`: so many of the last; with none, and with 0 as in the reference, all.
    pub last: Option<usize>,
    /// `keep_every`: those after every so many iterations stay for good.
    pub every: u64,
}

/// The folder that holds a run's checkpoints, each under the number of the iteration that it follows: `3749` after 3750 iterations.
///
/// As in the reference, but a checkpoint that stays for good keeps its name (the reference makes a copy, `3749_keep`), and no name but a
/// number without sign and leading zeros counts.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    period: u64,
    keep: Keep,
}

/// The end of the names of folders that are being removed, and of those that are being written.
const REMOVED: &str = ".removed";
const PARTIAL: &str = ".partial";

impl Folder {
    /// At `path`, with a checkpoint every `period` iterations; never with 0.
    pub fn new(path: impl Into<PathBuf>, period: u64, keep: Keep) -> Self {
        Self { path: path.into(), period, keep }
    }

    /// Whether a checkpoint follows iteration `it`.
    pub fn is_due(&self, it: u64) -> bool {
        self.period > 0 && (it + 1).is_multiple_of(self.period)
    }

    /// Where the checkpoint after iteration `it` lies.
    pub fn of(&self, it: u64) -> PathBuf {
        self.path.join(it.to_string())
    }

    /// The iterations that there are checkpoints of, in order; none where there is no folder.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn iterations(&self) -> Result<Vec<u64>, CheckpointError> {
        let mut found: Vec<u64> = self.entries()?.iter().filter_map(|path| iteration_of(path)).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// The last checkpoint.
    ///
    /// # Errors
    /// As [`Folder::iterations`].
    pub fn latest(&self) -> Result<Option<PathBuf>, CheckpointError> {
        Ok(self.iterations()?.last().map(|it| self.of(*it)))
    }

    /// Removes the checkpoints that do not stay, whose iterations it gives, and what killed saves have left. One rank calls it, while no
    /// checkpoint is written.
    ///
    /// # Errors
    /// When one cannot be removed. Under its name a checkpoint is whole all the same.
    pub fn tidy(&self) -> Result<BTreeSet<u64>, CheckpointError> {
        let surplus = surplus(&self.iterations()?, self.keep);
        for it in &surplus {
            // Half of a checkpoint must not have its name.
            let aside = self.path.join(format!(".{it}{REMOVED}"));
            fs::rename(self.of(*it), &aside).map_err(CheckpointError::io(&aside))?;
        }
        let ours = |path: &&PathBuf| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let inner = name.strip_prefix('.').and_then(|name| name.split_once('.'));
            inner.is_some_and(|(it, _)| is_iteration(it)) && (name.ends_with(REMOVED) || name.ends_with(PARTIAL))
        };
        for path in self.entries()?.iter().filter(ours) {
            fs::remove_dir_all(path).map_err(CheckpointError::io(path))?;
        }
        Ok(surplus)
    }

    /// The folders in it.
    fn entries(&self) -> Result<Vec<PathBuf>, CheckpointError> {
        let entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(CheckpointError::io(&self.path))?,
        };
        let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
        Ok(paths.map_err(CheckpointError::io(&self.path))?.into_iter().filter(|path| path.is_dir()).collect())
    }
}

fn iteration_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    is_iteration(name).then(|| name.parse().ok())?
}

fn is_iteration(name: &str) -> bool {
    name.parse::<u64>().is_ok_and(|it| it.to_string() == name)
}

/// Those of `iterations`, in order, that do not stay.
fn surplus(iterations: &[u64], keep: Keep) -> BTreeSet<u64> {
    let last = keep.last.filter(|last| *last > 0).unwrap_or(iterations.len());
    let old = &iterations[..iterations.len().saturating_sub(last)];
    let for_good = |it: u64| keep.every > 0 && (it + 1).is_multiple_of(keep.every);
    old.iter().copied().filter(|it| !for_good(*it)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_stay_and_some_for_good() {
        let of = |iterations: &[u64], last, every| -> Vec<u64> {
            surplus(iterations, Keep { last, every }).into_iter().collect()
        };
        let all = [9, 19, 29, 39];
        assert_eq!(of(&all, Some(3), u64::MAX), [9]);
        assert_eq!(of(&all, Some(1), 20), [9, 29]);
        assert_eq!(of(&all, Some(9), 20), [0; 0]);
        assert_eq!(of(&all, Some(0), 0), [0; 0], "none is all, as in the reference");
        assert_eq!(of(&all, None, 0), [0; 0]);
        assert_eq!(of(&[], Some(3), 0), [0; 0]);
    }

    #[test]
    fn names_that_are_numbers_count_and_what_killed_saves_left_goes() {
        let folder = tempfile::tempdir().unwrap();
        for name in
            ["9", "19", "029", "19_keep", "3_9", "+49", ".29.ab12cd.partial", ".9.removed", ".x.partial", "note"]
        {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("99"), "a file").unwrap();
        let checkpoints = Folder::new(folder.path(), 10, Keep { last: Some(1), every: 0 });
        assert_eq!(checkpoints.iterations().unwrap(), [9, 19]);
        assert_eq!(checkpoints.latest().unwrap(), Some(folder.path().join("19")));
        fs::remove_dir(folder.path().join(".9.removed")).unwrap();
        checkpoints.tidy().unwrap();
        let mut left: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["+49", ".x.partial", "029", "19", "19_keep", "3_9", "99", "note"]);
        assert_eq!([8, 9, 10, 19].map(|it| checkpoints.is_due(it)), [false, true, false, true]);
        assert!(!Folder::new("none", 0, Keep { last: None, every: 0 }).is_due(0));
        assert_eq!(Folder::new(folder.path().join("none"), 1, checkpoints.keep).latest().unwrap(), None);
    }
}
