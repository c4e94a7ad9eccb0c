//! Atomic writes of a file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::{PARTIAL, RANDOM, folder_of, prefix, sync_folder};

/// The size of the write buffer in bytes.
const BUFFER: usize = 1 << 20;

/// A file under a temporary name. Dropping the value deletes the file.
#[derive(Debug)]
pub struct StagedFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl StagedFile {
    /// Creates an empty file that [`Self::publish`] renames to `path`. The parent folder of `path` must exist.
    ///
    /// # Errors
    /// If no file can be created in that folder.
    pub fn create(path: &Path) -> io::Result<Self> {
        let (folder, prefix) = (folder_of(path), prefix(path)?);
        remove_leftovers(folder, &prefix);
        loop {
            let file = new_file(folder, &prefix)?;
            lock(file.as_file())?;
            // Another process may have removed it as a leftover before it was locked.
            if has_name(file.as_file())? {
                return Ok(Self { path: path.to_owned(), file });
            }
        }
    }

    /// Creates a file for `path`, lets `fill` write its content, and syncs it, so that a full disk is reported here.
    ///
    /// # Errors
    /// As [`Self::create`], and any error of `fill` or the disk; the file is deleted then.
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

    /// The temporary path of the file, for writers that need a path.
    pub fn temporary_path(&self) -> &Path {
        self.file.path()
    }

    /// Syncs the file, renames it to its final name, replacing any file of that name, and syncs the folder.
    ///
    /// # Errors
    /// If one of the three steps fails. The old file stays unless the last step is the failed one.
    pub fn publish(self) -> io::Result<()> {
        self.file().sync_all()?;
        self.file.persist(&self.path).map_err(|error| error.error)?;
        sync_folder(folder_of(&self.path))
    }
}

/// Writes the file `path` atomically; `fill` writes its content.
///
/// # Errors
/// As [`StagedFile::filled`] and [`StagedFile::publish`].
pub fn write_file(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    StagedFile::filled(path, fill)?.publish()
}

fn new_file(folder: &Path, prefix: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(PARTIAL).rand_bytes(RANDOM);
    // The permissions of any new file; a temporary file is open to its owner only.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// On a file system without locks, leftovers are not removed either.
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

/// Removes the temporary files that killed processes have left. A file that another process is writing is locked and
/// stays. A failure to remove is ignored: a leftover takes up room but does not prevent the write.
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
