//! Files and folders that appear whole or not at all.
//!
//! Both are written under a temporary name beside their own, synced, renamed, and the folder that they lie in is synced. A write
//! that fails leaves what was there. So does one that is interrupted, by a signal or a loss of power. What others may do with a file
//! or folder, the umask says, as for any new one.
//!
//! A temporary name is `.NAME.xxxxxx.partial`. A file's is locked as long as somebody writes it; the next write of `NAME` removes
//! those that nobody has locked: what killed processes have left.

mod file;
mod folder;

use std::fs::File;
use std::io;
use std::path::Path;

pub use file::{StagedFile, write_file};
pub use folder::{Existing, StagedFolder, put_folder};

/// The end of every temporary name.
const PARTIAL: &str = ".partial";
/// How many random characters a temporary name has.
const RANDOM: usize = 6;
/// How much of a name goes into the temporary one: with it, four bytes a character stay below the 255 that file systems allow.
const LONGEST: usize = 50;

/// The folder that `path` lies in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What a temporary name of `path` begins with.
///
/// # Errors
/// When `path` ends in no name (`/`, `..`).
fn prefix(path: &Path) -> io::Result<String> {
    let name = path.file_name().ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("`{}` does not end in a name", path.display()))
    })?;
    Ok(format!(".{}.", name.to_string_lossy().chars().take(LONGEST).collect::<String>()))
}

/// Makes the names in a folder durable.
///
/// Some systems do not open a folder, and some file systems do not sync one: there a name cannot be made more durable than it is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if cannot_sync(error.kind()) => Ok(()),
        result => result,
    }
}

fn cannot_sync(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied)
}
