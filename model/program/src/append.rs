//! Files that grow record by record: a record is there whole or not at all, whatever the disk has room for.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Opens a file for appending; it is made if it is not there.
///
/// # Errors
/// Those of the file system.
pub fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Appends `record`. Where the disk takes a part of it alone, that part is cut off again.
///
/// # Errors
/// Those of the file system.
pub fn append(file: &mut File, record: &[u8]) -> io::Result<()> {
    let length = file.metadata()?.len();
    file.write_all(record).inspect_err(|_| {
        // The error of the write is the one to be told.
        let _ = file.set_len(length);
    })
}

/// Cuts off what a killed process has left of its last line, in a file of lines that need not be there.
///
/// # Errors
/// Those of the file system.
pub fn cut_torn_line(path: &Path) -> io::Result<()> {
    const BLOCK: u64 = 64 * 1024;
    let mut file = match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    let length = file.metadata()?.len();
    let mut end = length;
    while end > 0 {
        let begin = end.saturating_sub(BLOCK);
        let mut block = vec![0; (end - begin) as usize];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(&mut block)?;
        if let Some(last) = block.iter().rposition(|byte| *byte == b'\n') {
            end = begin + last as u64 + 1;
            break;
        }
        end = begin;
    }
    if end < length { file.set_len(end) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_torn_line_goes_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        cut_torn_line(&path).unwrap();
        assert!(!path.exists());
        let long = "x".repeat(200_000);
        for (before, after) in [
            ("", ""),
            ("one\n", "one\n"),
            ("one\ntw", "one\n"),
            ("tor", ""),
            (&format!("one\n{long}"), "one\n"),
            (&format!("{long}\ntw"), &format!("{long}\n")),
        ] {
            fs::write(&path, before).unwrap();
            cut_torn_line(&path).unwrap();
            assert!(fs::read_to_string(&path).unwrap() == after, "{} bytes", before.len());
        }
    }
}
