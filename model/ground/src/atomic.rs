//! Atomic writes of files and folders: a new file or folder appears complete or not at all.
//!
//! A write goes to a temporary name beside the final one, is synced and renamed, and the parent folder is synced. A
//! failed write leaves the old file or folder unchanged, and so does a write interrupted by a signal or a loss of
//! power. The umask decides the permissions, as for any new file or folder.
//!
//! A temporary name is `.NAME.xxxxxx.partial`. A process locks its temporary file while it writes. The next write of
//! `NAME` removes the unlocked temporary files, the leftovers of killed processes.

mod file;
mod folder;

use std::fs::File;
use std::io;
use std::path::Path;

pub use file::{StagedFile, write_file};
pub use folder::{Existing, StagedFolder, put_folder};

/// The end of every temporary name.
const PARTIAL: &str = ".partial";
/// The number of random characters in a temporary name.
const RANDOM: usize = 6;
/// The number of a name's characters that go into the temporary name. With four bytes per character the temporary name
/// stays below the 255 bytes that file systems allow.
const LONGEST: usize = 50;

/// The parent folder of `path`.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The beginning of a temporary name of `path`.
///
/// # Errors
/// When `path` ends in no name (`/`, `..`).
fn prefix(path: &Path) -> io::Result<String> {
    let name = path.file_name().ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("`{}` does not end in a name", path.display()))
    })?;
    Ok(format!(".{}.", name.to_string_lossy().chars().take(LONGEST).collect::<String>()))
}

/// Syncs a folder, so that the names in it are durable.
///
/// Some systems cannot open a folder, and some file systems cannot sync one. The function ignores both: the names
/// cannot be made more durable there.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if cannot_sync(error.kind()) => Ok(()),
        result => result,
    }
}

fn cannot_sync(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied)
}
