//! Files of weights: whole ones, and the pickles in them, which a checksum would otherwise keep from being reached.

use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::Path;

use dinov3_weights::{Checkpoint, FileError};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::targets::{folder, kind, root};

const FIXTURES: &str = "model/weights/tests/fixtures";

/// The bytes of each of the storages that every pickle is given.
const STORAGE: usize = 256;

fn fixture(name: &str) -> Vec<u8> {
    let path = root().join(FIXTURES).join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A reader holds what it is given, what it makes of that, and the tensors, which have no more bytes than files have.
pub(crate) fn held(bytes: usize) -> usize {
    (4 << 20) + 192 * bytes
}

/// What came of a checkpoint of so many bytes.
fn judged(path: &Path, held: usize) -> String {
    let read = || {
        let checkpoint = Checkpoint::open(path)?;
        let all: Vec<_> = checkpoint.entries.iter().filter_map(|entry| Some((entry.name(), entry.tensor()?))).collect();
        let bytes: u64 = all.iter().map(|(_, stored)| stored.bytes()).sum();
        assert!(bytes <= 4 * held as u64, "{bytes} bytes of tensors in {held} bytes of files");
        let network = checkpoint.network().map_or(0, |network| network.len());
        let make = |_: &str, stored: &dinov3_weights::Stored, bytes: Vec<u8>| {
            assert_eq!(bytes.len() as u64, stored.bytes());
            Ok::<_, FileError>(())
        };
        let tensors = Checkpoint::read_all(&all, make)?.len();
        let values = checkpoint.entries.len() - tensors;
        Ok::<_, FileError>(format!("{} tensors, {} values, {}", tensors.min(9), values.min(9), network.min(9)))
    };
    read().unwrap_or_else(|error| kind(error.to_string().replace(&path.display().to_string(), "")))
}

pub(crate) fn files() -> Vec<Vec<u8>> {
    let own = folder("model/weights/corpus/files");
    [vec![fixture("state.pth"), fixture("teacher_checkpoint.pth")], own].concat()
}

pub(crate) fn file(bytes: &[u8], scratch: &Path) -> String {
    let path = scratch.join("t.pth");
    fs::write(&path, bytes).expect("a writable folder");
    judged(&path, bytes.len())
}

/// The pickle of each file.
pub(crate) fn pickles() -> Vec<Vec<u8>> {
    let pickle = |bytes: Vec<u8>| {
        let mut zip = ZipArchive::new(Cursor::new(bytes)).expect("a committed file");
        let at = (0..zip.len())
            .find(|at| zip.by_index(*at).is_ok_and(|it| it.name().is_ok_and(|it| it.ends_with("data.pkl"))));
        let mut pickle = Vec::new();
        zip.by_index(at.expect("its pickle")).expect("its pickle").read_to_end(&mut pickle).expect("its pickle");
        pickle
    };
    let whole = ["state.pth", "teacher_checkpoint.pth", "consolidated.pth"].map(|name| pickle(fixture(name)));
    [Vec::from(whole), folder("model/weights/corpus/pickles")].concat()
}

/// An input as the pickle of a sound zip with some storages.
pub(crate) fn pickle(bytes: &[u8], scratch: &Path) -> String {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut put = |name: &str, bytes: &[u8]| {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        zip.start_file(format!("t/{name}"), options).expect("memory");
        zip.write_all(bytes).expect("memory");
    };
    put("data.pkl", bytes);
    for storage in 0..4 {
        put(&format!("data/{storage}"), &[7; STORAGE]);
    }
    let whole = zip.finish().expect("memory").into_inner();
    file(&whole, scratch)
}

pub(crate) fn indices() -> Vec<Vec<u8>> {
    [vec![fixture("mixed/.metadata"), fixture("two_ranks/.metadata")], folder("model/weights/corpus/indices")].concat()
}

/// An input as the index of a folder.
pub(crate) fn index(bytes: &[u8], scratch: &Path) -> String {
    distributed(scratch, ".metadata", bytes)
}

pub(crate) fn data() -> Vec<Vec<u8>> {
    vec![fixture("mixed/__1_0.distcp")]
}

/// An input as the data of one rank.
pub(crate) fn datum(bytes: &[u8], scratch: &Path) -> String {
    distributed(scratch, "__1_0.distcp", bytes)
}

/// A folder in which one file is another one.
fn distributed(scratch: &Path, changed: &str, bytes: &[u8]) -> String {
    let folder = scratch.join("dcp");
    fs::create_dir_all(&folder).expect("a writable folder");
    let mut held = 0;
    for name in [".metadata", "__0_0.distcp", "__1_0.distcp"] {
        let content = if name == changed { bytes.to_vec() } else { fixture(&format!("mixed/{name}")) };
        held += content.len();
        fs::write(folder.join(name), content).expect("a writable folder");
    }
    judged(&folder, held)
}
