//! One file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::{PARTIAL, RANDOM, folder_of, prefix, sync_folder};

/// Bytes that are written at once.
const BUFFER: usize = 1 << 20;

/// A file that is not yet under its name. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct StagedFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl StagedFile {
    /// An empty file that shall become `path`, in the folder of `path`, which must exist.
    ///
    /// # Errors
    /// When no file can be made there.
    pub fn create(path: &Path) -> io::Result<Self> {
        let (folder, prefix) = (folder_of(path), prefix(path)?);
        remove_leftovers(folder, &prefix);
        loop {
            let file = new_file(folder, &prefix)?;
            lock(file.as_file())?;
            // Another process may have taken it for a leftover before it was locked.
            if has_name(file.as_file())? {
                return Ok(Self { path: path.to_owned(), file });
            }
        }
    }

    /// A file that shall become `path`, with what `fill` writes, synced: a disk that is full has said so.
    ///
    /// # Errors
    /// As [`Self::create`], and what `fill` or the disk refuses; nothing is left behind then.
    pub fn filled(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<Self> {
        let staged = Self::create(path)?;
        let mut out = BufWriter::with_capacity(BUFFER, staged.file());
        fill(&mut out)?;
        out.flush()?;
        drop(out);
        staged.file().sync_all()?;
        Ok(staged)
    }

    /// The file.
    pub fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Where the file is for now, for what writes to a path alone.
    pub fn temporary_path(&self) -> &Path {
        self.file.path()
    }

    /// Syncs the file, gives it its name, in place of what had the name before, and syncs the folder.
    ///
    /// # Errors
    /// When one of the three is refused. Unless it is the last, what was there before still is.
    pub fn publish(self) -> io::Result<()> {
        self.file().sync_all()?;
        self.file.persist(&self.path).map_err(|error| error.error)?;
        sync_folder(folder_of(&self.path))
    }
}

/// Writes the file `path` with what `fill` writes.
///
/// # Errors
/// As [`StagedFile::filled`] and [`StagedFile::publish`].
pub fn write_file(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    StagedFile::filled(path, fill)?.publish()
}

fn new_file(folder: &Path, prefix: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(PARTIAL).rand_bytes(RANDOM);
    // Those of any new file, not the owner's alone as for temporary ones.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Where a file system knows no locks, nobody removes leftovers either.
fn lock(file: &File) -> io::Result<()> {
    match file.lock() {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        result => result,
    }
}

fn has_name(file: &File) -> io::Result<bool> {
    #[cfg(unix)]
    return Ok(std::os::unix::fs::MetadataExt::nlink(&file.metadata()?) > 0);
    #[cfg(not(unix))]
    return Ok(true);
}

/// Removes what killed processes have left of the file; what another process is writing just now is locked, and stays. What cannot
/// be removed takes up room, which is no reason not to write.
fn remove_leftovers(folder: &Path, prefix: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let random = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(PARTIAL));
        if random.is_some_and(|random| random.len() == RANDOM)
            && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok())
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests;
