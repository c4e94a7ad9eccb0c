//! Atomic writes of a folder.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use tempfile::TempDir;

use super::{PARTIAL, RANDOM, folder_of, prefix, sync_folder};

/// The treatment of an existing file or folder at the final path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Keep the existing one and fail.
    Refuse,
    /// Replace the existing one as soon as the new one is complete.
    Replace,
}

/// A folder under a temporary name. Dropping the value deletes the folder.
#[derive(Debug)]
pub struct StagedFolder {
    path: PathBuf,
    folder: TempDir,
}

impl StagedFolder {
    /// Creates an empty folder beside `path` that [`Self::publish`] renames to `path`. The parent folder must exist.
    ///
    /// # Errors
    /// If no folder can be created there.
    pub fn create(path: &Path) -> io::Result<Self> {
        let prefix = prefix(path)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(PARTIAL).rand_bytes(RANDOM);
        // The permissions of any new folder; a temporary folder is open to its owner only.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        Ok(Self { path: path.to_owned(), folder: builder.tempdir_in(folder_of(path))? })
    }

    /// The temporary path of the folder.
    pub fn temporary_path(&self) -> &Path {
        self.folder.path()
    }

    /// Syncs every file and folder in the folder and renames the folder to its final name; see [`put_folder`].
    ///
    /// # Errors
    /// As [`put_folder`], and if a file or folder in it cannot be synced.
    pub fn publish(self, existing: Existing) -> io::Result<()> {
        sync_tree(self.folder.path())?;
        put_folder(self.folder.path(), &self.path, existing)?;
        // The replaced folder has the temporary name now.
        match self.folder.path().is_dir() {
            true => drop(self.folder),
            // A file, or nothing. A failure to remove it is ignored: it takes up room, but the new folder is in place.
            false => drop(fs::remove_file(self.folder.keep())),
        }
        Ok(())
    }
}

/// Renames the folder `ready` to `path` and syncs the parent folder. Both paths must be on one file system. A file or
/// folder that was at `path` is at `ready` afterwards. The caller must have synced the content of `ready`.
///
/// Linux and macOS exchange the two in one step. If the file system cannot exchange, the old folder is moved away
/// first, and moved back if the new folder cannot be renamed.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if `path` exists and must not be replaced, and any error of the system. The old
/// folder stays in place, unless the failed step is the last one, the sync of the parent folder.
pub fn put_folder(ready: &Path, path: &Path, existing: Existing) -> io::Result<()> {
    match rename(ready, path, RenameFlags::NOREPLACE) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && existing == Existing::Replace => {
            rename(ready, path, RenameFlags::EXCHANGE)?;
        }
        result => result?,
    }
    sync_folder(folder_of(path))
}

/// Syncs every file and folder below `folder`, and `folder`.
fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            sync_tree(&entry.path())?;
        } else if kind.is_file() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_folder(folder)
}

/// Renames `from` to `to`, refusing or exchanging an existing `to`; in one step if the file system can.
fn rename(from: &Path, to: &Path, how: RenameFlags) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, how) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => rename_in_steps(from, to, how),
        result => Ok(result?),
    }
}

fn rename_in_steps(from: &Path, to: &Path, how: RenameFlags) -> io::Result<()> {
    if how == RenameFlags::NOREPLACE {
        return match fs::symlink_metadata(to) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(from, to),
        };
    }
    let aside = from.with_extension("replaced");
    fs::rename(to, &aside)?;
    if let Err(error) = fs::rename(from, to) {
        return Err(match fs::rename(&aside, to) {
            Ok(()) => error,
            Err(back) => {
                io::Error::new(back.kind(), format!("{error}; what was there is now {}: {back}", aside.display()))
            }
        });
    }
    fs::rename(&aside, from)
}

#[cfg(test)]
mod tests;
