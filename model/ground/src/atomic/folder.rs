//! One folder.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use tempfile::TempDir;

use super::{PARTIAL, RANDOM, folder_of, prefix, sync_folder};

/// What to do where there is something already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Leave it and fail.
    Refuse,
    /// Put the new one in its place once that is complete.
    Replace,
}

/// A folder that is not yet under its name. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct StagedFolder {
    path: PathBuf,
    folder: TempDir,
}

impl StagedFolder {
    /// An empty folder that shall become `path`, beside it; the folder that both lie in must exist.
    ///
    /// # Errors
    /// When no folder can be made there.
    pub fn create(path: &Path) -> io::Result<Self> {
        let prefix = prefix(path)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(PARTIAL).rand_bytes(RANDOM);
        // Those of any new folder, not the owner's alone as for temporary ones.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        Ok(Self { path: path.to_owned(), folder: builder.tempdir_in(folder_of(path))? })
    }

    /// Where the folder is for now.
    pub fn temporary_path(&self) -> &Path {
        self.folder.path()
    }

    /// Syncs every file and folder in it and gives the folder its name, as [`put_folder`].
    ///
    /// # Errors
    /// As [`put_folder`], and where something in it cannot be synced.
    pub fn publish(self, existing: Existing) -> io::Result<()> {
        sync_tree(self.folder.path())?;
        put_folder(self.folder.path(), &self.path, existing)?;
        // What was replaced has the temporary name now.
        match self.folder.path().is_dir() {
            true => drop(self.folder),
            // A file, or nothing. Where it cannot be removed it takes up room; the new folder is in place all the same.
            false => drop(fs::remove_file(self.folder.keep())),
        }
        Ok(())
    }
}

/// Gives the folder `ready`, which lies on the file system of `path`, the name `path`, and syncs the folder that it is in. What was at
/// `path` before is at `ready` then. What is in `ready` the caller has synced.
///
/// Linux and macOS exchange the two in one step. Where a file system cannot do that, what was there gets out of the way first, and
/// comes back if the new folder cannot follow.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] where there is something that must not be replaced, and what the system refuses. What was there
/// before still is, unless the last step fails, the sync of the folder above.
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

/// In one step where the file system can do that.
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
