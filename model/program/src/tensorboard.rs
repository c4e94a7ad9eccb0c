//! The figures of a run as TensorBoard's event files, one a process.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use dinov3_ground::scalars;

use crate::append::{append, open};

/// The event file of one process.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// A new one in `folder`, which is made if it is not there. Iteration `it` is the first one: where it is not 0, TensorBoard forgets what
    /// earlier files have from there on.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn create(folder: &Path, it: usize) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let name = format!("events.out.tfevents.{:010}.dinov3-harness.{}.0", now() as u64, std::process::id());
        let path = folder.join(name);
        let mut file = Self { file: open(&path)?, path };
        file.write(&scalars::version(now()))?;
        if it > 0 {
            file.write(&scalars::start(now(), it as u64))?;
        }
        Ok(file)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the scalars of iteration `it`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn scalars<'a>(&mut self, it: usize, scalars: impl Iterator<Item = (&'a str, f64)>) -> io::Result<()> {
        self.write(&scalars::scalars(now(), it as u64, scalars))
    }

    fn write(&mut self, record: &[u8]) -> io::Result<()> {
        append(&mut self.file, record)
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_has_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("a/b");
        let mut file = EventFile::create(&below, 40).unwrap();
        let before = fs::metadata(file.path()).unwrap().len();
        file.scalars(40, [("lr", 1.0)].into_iter()).unwrap();
        assert!(fs::metadata(file.path()).unwrap().len() > before);
        let name = file.path().file_name().unwrap().to_string_lossy().into_owned();
        assert!(
            name.starts_with("events.out.tfevents.") && name.contains(&format!(".{}.", std::process::id())),
            "{name}"
        );
    }
}
