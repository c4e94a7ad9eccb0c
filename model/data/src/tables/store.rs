//! The atomic write of tables.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use dinov3_ground::atomic::StagedFile;

use super::error::PrepareError;

/// A table under a temporary name. Dropping the value deletes the file.
pub struct Staged {
    path: PathBuf,
    file: StagedFile,
}

/// Writes the table `name` under a temporary name. `time` becomes its time of modification, because the table does not
/// contain later changes.
///
/// # Errors
/// [`PrepareError::Write`]; the temporary file is deleted then.
pub fn stage(
    folder: &Path,
    name: &str,
    time: SystemTime,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Staged, PrepareError> {
    let path = folder.join(name);
    let staged = fs::create_dir_all(folder).and_then(|()| {
        let file = StagedFile::filled(&path, fill)?;
        file.file().set_modified(time)?;
        Ok(file)
    });
    match staged {
        Ok(file) => Ok(Staged { path, file }),
        Err(error) => Err(PrepareError::Write { path, error }),
    }
}

/// Renames the tables to their final names, one after the other.
///
/// # Errors
/// [`PrepareError::Write`].
pub fn publish(tables: Vec<Staged>) -> Result<(), PrepareError> {
    tables.into_iter().try_for_each(|Staged { path, file }| file.publish().map_err(PrepareError::write(&path)))
}

#[cfg(test)]
mod tests {
    use dinov3_ground::Hint;

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
            out.write_all(b"half of it")?;
            Err(io::ErrorKind::StorageFull.into())
        };
        let error = stage(folder.path(), "t.npy", SystemTime::now(), half).err().unwrap();
        assert!(error.to_string().ends_with("t.npy cannot be written: no storage space"), "{error}");
        assert!(error.hints().to_string().starts_with("free some space"), "{}", error.hints().to_string());
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
}
