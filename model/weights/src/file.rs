//! Files that several threads read at any place, and the zips in them.

mod archive;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::FileError;
pub(crate) use archive::{Archive, Place};

/// An open file.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    file: File,
    pub(crate) length: u64,
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Arc<Self>, FileError> {
        let open = || {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            Ok(Self { path: path.to_owned(), file, length })
        };
        open().map(Arc::new).map_err(FileError::io(path))
    }

    pub(crate) fn read_at(&self, start: u64, into: &mut [u8]) -> Result<(), FileError> {
        self.file.read_exact_at(into, start).map_err(FileError::io(&self.path))
    }
}

/// A part of a file, as a file.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) source: Arc<Source>,
    pub(crate) start: u64,
    pub(crate) length: u64,
    at: u64,
}

impl Window {
    /// The part from `start` on, if the file has so many bytes there.
    pub(crate) fn of(source: &Arc<Source>, start: u64, length: u64) -> Option<Self> {
        let end = start.checked_add(length)?;
        (end <= source.length).then(|| Self { source: Arc::clone(source), start, length, at: 0 })
    }

    pub(crate) fn whole(source: &Arc<Source>) -> Self {
        Self { source: Arc::clone(source), start: 0, length: source.length, at: 0 }
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, FileError> {
        let mut bytes = vec![0; self.length as usize];
        self.source.read_at(self.start, &mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn invalid(&self, reason: impl Into<String>) -> FileError {
        FileError::invalid(&self.source.path, reason)
    }
}

impl Read for Window {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.length.saturating_sub(self.at).min(into.len() as u64) as usize;
        let read = self.source.file.read_at(&mut into[..left], self.start + self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
