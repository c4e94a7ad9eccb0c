//! Tables on disk: whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tempfile::NamedTempFile;

use super::error::PrepareError;

/// Written at once.
const BUFFER: usize = 1 << 20;

/// A table that is on disk, and not yet under its name. Dropped, it leaves nothing behind.
pub struct Staged {
    path: PathBuf,
    file: NamedTempFile,
}

/// Writes the table `name` beside where it belongs. `time` is how old it counts as: it knows nothing of what changed later.
///
/// # Errors
/// [`PrepareError::Write`]; then nothing is left behind.
pub fn stage(
    folder: &Path,
    name: &str,
    time: SystemTime,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Staged, PrepareError> {
    let path = folder.join(name);
    let staged = fs::create_dir_all(folder).and_then(|()| {
        remove_leftovers(folder, name)?;
        let mut builder = tempfile::Builder::new();
        let prefix = prefix(name);
        builder.prefix(&prefix);
        // Those of any new file, not the owner's alone.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder)?;
        // Held as long as somebody writes it: see `remove_leftovers`.
        file.as_file().lock()?;
        let mut out = BufWriter::with_capacity(BUFFER, file.as_file());
        fill(&mut out)?;
        out.flush()?;
        drop(out);
        file.as_file().set_modified(time)?;
        file.as_file().sync_all()?;
        Ok(file)
    });
    match staged {
        Ok(file) => Ok(Staged { path, file }),
        Err(error) => Err(PrepareError::Write { path, error }),
    }
}

/// Gives the tables their names, one after the other.
///
/// # Errors
/// [`PrepareError::Write`].
pub fn publish(tables: Vec<Staged>) -> Result<(), PrepareError> {
    for Staged { path, file } in tables {
        file.persist(&path).map_err(|error| PrepareError::Write { path: path.clone(), error: error.error })?;
        #[cfg(unix)]
        if let Some(folder) = path.parent() {
            // So that the names, too, outlive a loss of power.
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(PrepareError::write(folder))?;
        }
    }
    Ok(())
}

fn prefix(name: &str) -> String {
    format!(".{name}.")
}

/// Removes what a killed process has left of the table; what another process is writing just now is locked, and stays.
fn remove_leftovers(folder: &Path, name: &str) -> io::Result<()> {
    let prefix = prefix(name);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(prefix.as_bytes()) {
            continue;
        }
        let path = entry.path();
        if File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_full_disk_leaves_what_was_there_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("t.npy"), "old").unwrap();
        let half = |out: &mut dyn Write| {
            out.write_all(&vec![0; 3 * BUFFER])?;
            Err(io::ErrorKind::StorageFull.into())
        };
        let error = stage(folder.path(), "t.npy", SystemTime::now(), half).err().unwrap();
        assert!(error.to_string().ends_with("t.npy cannot be written: no storage space"), "{error}");
        assert!(error.hint().starts_with("free some space"), "{}", error.hint());
        assert_eq!(names(folder.path()), ["t.npy"]);
        assert_eq!(fs::read(folder.path().join("t.npy")).unwrap(), b"old");
    }

    #[test]
    fn tables_appear_when_all_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let extra = folder.path().join("new/folder");
        let table = |name: &str| stage(&extra, name, SystemTime::UNIX_EPOCH, |out| out.write_all(name.as_bytes()));
        let tables = vec![table("a.npy").unwrap(), table("b.npy").unwrap()];
        assert!(names(&extra).iter().all(|name| name.starts_with('.')));
        publish(tables).unwrap();
        assert_eq!(names(&extra), ["a.npy", "b.npy"]);
        assert_eq!(fs::read(extra.join("b.npy")).unwrap(), b"b.npy");
        let modified = fs::metadata(extra.join("a.npy")).unwrap().modified().unwrap();
        assert_eq!(modified, SystemTime::UNIX_EPOCH);
    }

    #[test]
    fn leftovers_go_and_what_is_being_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let write = || stage(folder.path(), "a.npy", SystemTime::now(), |out| out.write_all(b"new"));
        fs::write(folder.path().join(".a.npy.killed"), "half").unwrap();
        fs::write(folder.path().join(".b.npy.other"), "half").unwrap();
        let first = write().unwrap();
        let second = write().unwrap();
        assert_eq!(names(folder.path()).len(), 3, "{:?}", names(folder.path()));
        publish(vec![first, second]).unwrap();
        assert_eq!(names(folder.path()), [".b.npy.other", "a.npy"]);
    }
}
