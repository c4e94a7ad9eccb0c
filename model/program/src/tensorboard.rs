//! The figures of a run as TensorBoard's event files: scalars, in records of TFRecord.
//!
//! A record is its length, a checksum of that, an `Event` as a message of Protocol Buffers, and a checksum of it. Five kinds of fields are all
//! that scalars need, so they are written here; the crates that write event files are not kept up and bring an old `protobuf` along.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::append::{append, open};

/// Event files say so first.
const VERSION: &str = "brain.Event:2";

/// What is added to a checksum, so that one of data with checksums in it is a good one too.
const MASK: u32 = 0xa282_ead8;

/// `SessionLog.START`.
const START: u64 = 1;

/// Types of fields.
const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;
const FIXED32: u8 = 5;

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
        file.write(&message(now(), 0, &version()))?;
        if it > 0 {
            file.write(&message(now(), it, &session()))?;
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
        self.write(&message(now(), it, &summary(scalars)))
    }

    fn write(&mut self, event: &[u8]) -> io::Result<()> {
        append(&mut self.file, &record(event))
    }
}

/// `Event(wall_time=time, step=it, …)`, with one more field. As in Protocol Buffers a step of 0 is left out.
fn message(time: f64, it: usize, more: &[u8]) -> Vec<u8> {
    let mut event = Vec::new();
    key(&mut event, 1, FIXED64);
    event.extend(time.to_le_bytes());
    if it > 0 {
        varint_field(&mut event, 2, it as u64);
    }
    event.extend(more);
    event
}

/// `file_version="brain.Event:2"`.
fn version() -> Vec<u8> {
    let mut field = Vec::new();
    bytes(&mut field, 3, VERSION.as_bytes());
    field
}

/// `session_log=SessionLog(status=START)`.
fn session() -> Vec<u8> {
    let (mut log, mut field) = (Vec::new(), Vec::new());
    varint_field(&mut log, 1, START);
    bytes(&mut field, 7, &log);
    field
}

/// `summary=Summary(value=[Summary.Value(tag=…, simple_value=…), …])`.
fn summary<'a>(scalars: impl Iterator<Item = (&'a str, f64)>) -> Vec<u8> {
    let (mut summary, mut field) = (Vec::new(), Vec::new());
    for (tag, value) in scalars {
        let mut one = Vec::new();
        bytes(&mut one, 1, tag.as_bytes());
        key(&mut one, 2, FIXED32);
        one.extend((value as f32).to_le_bytes());
        bytes(&mut summary, 1, &one);
    }
    bytes(&mut field, 5, &summary);
    field
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn record(data: &[u8]) -> Vec<u8> {
    let masked = |data: &[u8]| crc32c::crc32c(data).rotate_right(15).wrapping_add(MASK).to_le_bytes();
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked(&length), data, &masked(data)].concat()
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn key(out: &mut Vec<u8>, field: u8, kind: u8) {
    out.push(field << 3 | kind);
}

fn varint_field(out: &mut Vec<u8>, field: u8, value: u64) {
    key(out, field, VARINT);
    varint(out, value);
}

fn bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    key(out, field, BYTES);
    varint(out, value.len() as u64);
    out.extend(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `RecordWriter` of `tensorboard` 2.21 wrote these records of the same events in Python.
    #[test]
    fn records_are_tensorboard_s() {
        let scalars = [("total_loss", 10.25), ("lr", 4e-5), ("koleo_loss", f64::NAN)];
        for (it, more, expected) in [
            (0, version(), "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c"),
            (300, session(), "100000000000000095fbfe1809000000000000f83f10ac023a020801713b788a"),
            (
                300,
                summary(scalars.into_iter()),
                "3f000000000000005165766109000000000000f83f10ac022a310a110a0a746f74616c5f6c6f737315000024410a090a026c7215acc527380a110a0a6b6f6c656f5f6c6f7373150000c07f69c80864",
            ),
        ] {
            let record = record(&message(1.5, it, &more));
            assert_eq!(record.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), expected);
        }
    }

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
