//! The zip that `torch.save` writes: a folder of entries that are stored as they are.

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::Window;
use crate::error::FileError;

/// The most bytes of a pickle: that of ten thousand tensors has two million.
pub(crate) const LONGEST: u64 = 1 << 28;

/// Where an entry's bytes lie in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) start: u64,
    pub(crate) length: u64,
    /// The checksum of all of it, where the format has one.
    pub(crate) crc32: Option<u32>,
}

/// An open zip.
pub(crate) struct Archive {
    zip: ZipArchive<Window>,
    window: Window,
    folder: String,
}

impl Archive {
    pub(crate) fn open(window: &Window) -> Result<Self, FileError> {
        let none = || window.invalid("it is no file that `torch.save` of torch 1.6 or later writes");
        let zip = ZipArchive::new(window.clone()).map_err(|_| none())?;
        let folder = zip.file_names().find_map(|name| name.ok()?.strip_suffix("/data.pkl").map(str::to_owned));
        let folder = folder.ok_or_else(|| window.invalid("it has no pickle"))?;
        let mut archive = Self { zip, window: window.clone(), folder };
        if let Some(order) = archive.small("byteorder", 16)?
            && order != b"little"
        {
            return Err(window.invalid(format!("its bytes are in the order {:?}", String::from_utf8_lossy(&order))));
        }
        Ok(archive)
    }

    /// The pickle.
    pub(crate) fn pickle(&mut self) -> Result<Vec<u8>, FileError> {
        self.small("data.pkl", LONGEST)?.ok_or_else(|| self.window.invalid("it has no pickle"))
    }

    /// The bytes of an entry, checked; `None` if there is none.
    fn small(&mut self, name: &str, most: u64) -> Result<Option<Vec<u8>>, FileError> {
        let Some(Place { start, length, crc32 }) = self.place(name)? else { return Ok(None) };
        if length > most {
            return Err(self.window.invalid(format!("its {name} has {length} bytes")));
        }
        let mut bytes = vec![0; length as usize];
        self.window.source.read_at(start, &mut bytes)?;
        if crc32.is_some_and(|crc32| crc32fast::hash(&bytes) != crc32) {
            return Err(self.window.invalid(format!("its {name} is damaged: it has another checksum")));
        }
        Ok(Some(bytes))
    }

    /// Where an entry is; `None` if there is none.
    pub(crate) fn place(&mut self, name: &str) -> Result<Option<Place>, FileError> {
        let window = &self.window;
        let entry = match self.zip.by_name(&format!("{}/{name}", self.folder)) {
            Ok(entry) => entry,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(window.invalid(format!("{name}: {error}"))),
        };
        if entry.compression() != CompressionMethod::Stored || entry.encrypted() {
            return Err(window.invalid(format!("its {name} is compressed, which torch never does")));
        }
        let (start, length) = (entry.data_start(), entry.size());
        let inside = start.and_then(|start| Window::of(&window.source, window.start.checked_add(start)?, length));
        let inside = inside.filter(|it| it.start + it.length <= window.start + window.length);
        let inside = inside.ok_or_else(|| window.invalid(format!("the file ends within its {name}")))?;
        Ok(Some(Place { start: inside.start, length, crc32: Some(entry.crc32()) }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::super::Source;
    use super::*;

    /// An entry that unpacks to a thousand times its size is none of torch's.
    #[test]
    fn what_is_compressed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.pth");
        let mut zip = ZipWriter::new(std::fs::File::create(&path).unwrap());
        zip.start_file("t/data.pkl", SimpleFileOptions::default().compression_method(CompressionMethod::Deflated))
            .unwrap();
        zip.write_all(&vec![0; 1 << 20]).unwrap();
        zip.finish().unwrap();
        let window = Window::whole(&Source::open(&path).unwrap());
        let error = Archive::open(&window).unwrap().pickle().unwrap_err().to_string();
        assert!(error.ends_with("its data.pkl is compressed, which torch never does"), "{error}");
    }
}
