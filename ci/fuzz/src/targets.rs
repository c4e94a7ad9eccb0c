//! The readers, each with its corpus and its bounds.

use std::fs;
use std::path::{Path, PathBuf};

use dinov3_config::{SslConfig, merge, yaml};
use dinov3_data::tables::{Entries, Texts};
use dinov3_data::{decode, npy};
use dinov3_golden::{EntryName, GoldenSet, sha256_hex, verify};

use crate::weights;

/// A reader.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// The inputs to begin with.
    pub corpus: fn() -> Vec<Vec<u8>>,
    /// The longest input.
    pub longest: usize,
    /// Reads an input. The result is a short text of what came of it: inputs with a new one are kept.
    pub read: fn(&[u8], &Path) -> String,
    /// The most bytes that it may hold for an input of so many bytes.
    pub most_held: fn(usize) -> usize,
}

/// All readers.
pub const TARGETS: [Target; 14] = [
    Target { name: "images", corpus: images, longest: 1 << 17, read: image, most_held: |_| 256 << 20 },
    Target { name: "tables", corpus: tables, longest: 1 << 14, read: table, most_held: |bytes| (1 << 20) + 64 * bytes },
    Target { name: "yaml", corpus: configs, longest: 1 << 13, read: text, most_held: |bytes| (64 << 20) + 64 * bytes },
    Target { name: "configs", corpus: configs, longest: 1 << 13, read: config, most_held: |_| 64 << 20 },
    Target { name: "overrides", corpus: overrides, longest: 1 << 10, read: an_override, most_held: |_| 64 << 20 },
    Target {
        name: "golden",
        corpus: goldens,
        longest: 1 << 20,
        read: golden,
        most_held: |bytes| (8 << 20) + 64 * bytes,
    },
    Target { name: "text-logs", corpus: text_logs, longest: 1 << 14, read: log, most_held: log_held },
    Target { name: "figures", corpus: figures, longest: 1 << 13, read: log, most_held: log_held },
    Target { name: "events", corpus: events, longest: 1 << 12, read: event, most_held: log_held },
    Target { name: "pth", corpus: weights::files, longest: 1 << 15, read: weights::file, most_held: weights::held },
    Target {
        name: "pickles",
        corpus: weights::pickles,
        longest: 1 << 14,
        read: weights::pickle,
        most_held: weights::held,
    },
    Target {
        name: "dcp-index",
        corpus: weights::indices,
        longest: 1 << 14,
        read: weights::index,
        most_held: weights::held,
    },
    Target {
        name: "dcp-data",
        corpus: weights::data,
        longest: 1 << 15,
        read: weights::datum,
        most_held: weights::held,
    },
    Target { name: "names", corpus: names, longest: 1 << 10, read: name, most_held: |bytes| (1 << 20) + 64 * bytes },
];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The contents of the files in a folder of the repository, in the order of their names.
pub(crate) fn folder(path: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.retain(|file| file.is_file());
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))).collect()
}

/// An error in a few words: without numbers and names, which would make each new.
pub(crate) fn kind(error: impl ToString) -> String {
    let text = error.to_string();
    text.chars().filter(|char| !char.is_ascii_digit()).take(60).collect()
}

fn images() -> Vec<Vec<u8>> {
    [folder("model/data/corpus/images"), folder("model/data/tests/images")].concat()
}

fn image(bytes: &[u8], _: &Path) -> String {
    /// Larger claims are bounded by Pillow's limit, and would take the time of many inputs.
    const MOST: usize = 1 << 20;
    match decode::dimensions(bytes) {
        Ok((width, height)) if width * height > MOST => "large".to_owned(),
        Ok((width, height)) => match decode::decode(bytes) {
            Ok(image) => {
                assert_eq!((image.width(), image.height()), (width, height));
                assert_eq!(image.pixels().len(), 3 * width * height);
                format!("{} pixels", (width * height).ilog2())
            }
            Err(error) => kind(error),
        },
        Err(error) => {
            assert!(decode::decode(bytes).is_err());
            kind(error)
        }
    }
}

fn tables() -> Vec<Vec<u8>> {
    let mut corpus = folder("model/data/corpus/tables");
    let header = |descr: &str, shape: &str, data: &[u8]| {
        let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': ({shape},), }}");
        let text = format!("{text:<117}\n");
        [b"\x93NUMPY\x01\x00\x76\x00", text.as_bytes(), data].concat()
    };
    corpus.push(header("'<U2'", "2", b"n\0\0\0\x30\0\0\0n\0\0\0\x31\0\0\0"));
    let columns = "[('actual_index', '<u4'), ('class_index', '<u4'), ('class_id', '<U1'), ('class_name', '<U1')]";
    corpus.push(header(columns, "1", &[1, 0, 0, 0, 0, 0, 0, 0, 110, 0, 0, 0, 116, 0, 0, 0]));
    corpus
}

fn table(bytes: &[u8], scratch: &Path) -> String {
    let path = scratch.join("table.npy");
    fs::write(&path, bytes).expect("a writable folder");
    let _ = npy::parse_header(bytes);
    let texts = match Texts::open(&path) {
        Ok(texts) => format!("{} texts", texts.all().map_or(0, |all| all.len().min(3))),
        Err(error) => kind(error).replace(&path.display().to_string(), ""),
    };
    let entries = match Entries::open(&path) {
        Ok(entries) => format!("{:?}", (0..entries.len().min(100)).all(|i| entries.entry(i).is_ok())),
        Err(error) => kind(error).replace(&path.display().to_string(), ""),
    };
    format!("{texts}; {entries}")
}

fn configs() -> Vec<Vec<u8>> {
    let mut corpus = folder("model/config/corpus");
    corpus.push(yaml::to_yaml(&dinov3_config::micro::merged_config()).into_bytes());
    let cases = fs::read(root().join("model/config/tests/it/omegaconf.json")).expect("the recorded answers");
    let cases: serde_json::Value = serde_json::from_slice(&cases).expect("they are JSON");
    corpus.extend(
        cases.as_array().into_iter().flatten().filter_map(|case| case["yaml"].as_str()).map(|yaml| yaml.into()),
    );
    corpus
}

fn text(bytes: &[u8], _: &Path) -> String {
    let text = String::from_utf8_lossy(bytes);
    match yaml::parse("the input", &text) {
        Ok(value) => {
            let written = yaml::to_yaml(&value);
            let read = yaml::parse("what was written", &written).unwrap_or_else(|error| panic!("{error}\n{written}"));
            assert_eq!(read.to_string(), value.to_string(), "{written}");
            format!("{} bytes", written.len().ilog2())
        }
        Err(error) => kind(error),
    }
}

/// Merged into the defaults, as `config` does.
fn config(bytes: &[u8], scratch: &Path) -> String {
    let path = scratch.join("config.yaml");
    fs::write(&path, bytes).expect("a writable folder");
    judged(merge::merged(Some(&path), &[])).replace(&path.display().to_string(), "")
}

fn judged(merged: Result<merge::Merged, merge::MergeError>) -> String {
    match merged {
        Ok(merged) => match SslConfig::from_merged(&merged.config) {
            Ok(config) => {
                let _ = dinov3_config::check_ranks(&merged.config, 8);
                let notes = dinov3_config::notes(&merged.config, Some(8));
                format!("{} {}", notes.len(), config.without_effect.len())
            }
            Err(error) => kind(error.key()),
        },
        Err(error) => kind(error),
    }
}

fn overrides() -> Vec<Vec<u8>> {
    ["optim.lr=1e-3", "crops.rgb_mean=[0,0,0]", "gram.ckpt=null", "a.b[c].0={x: ${optim.lr}}", "student.patch_size=8"]
        .map(|text| text.as_bytes().to_vec())
        .into()
}

fn an_override(bytes: &[u8], _: &Path) -> String {
    let text = String::from_utf8_lossy(bytes).into_owned();
    judged(merge::merged(None, &[text]))
}

/// The files of a small golden set, each behind its name and a line end: an input replaces one file.
fn goldens() -> Vec<Vec<u8>> {
    let set = root().join("golden/sets/losses");
    let file = |name: &str| [name.as_bytes(), b"\n", &fs::read(set.join(name)).expect("a committed set")].concat();
    ["manifest.json", "fp32.safetensors", "SHA256SUMS"].map(file).into()
}

fn golden(bytes: &[u8], scratch: &Path) -> String {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return "no name".to_owned() };
    let (name, content) = (&bytes[..end], &bytes[end + 1..]);
    let names = ["manifest.json", "fp32.safetensors", "SHA256SUMS"];
    let Some(name) = names.into_iter().find(|known| known.as_bytes() == name) else { return "no such name".to_owned() };
    let (from, set) = (root().join("golden/sets/losses"), scratch.join("set"));
    fs::create_dir_all(&set).expect("a writable folder");
    let mut sums = String::new();
    for entry in fs::read_dir(&from).expect("a committed set") {
        let entry = entry.expect("a readable folder");
        let file = entry.file_name().to_string_lossy().into_owned();
        let original;
        let data = if file == name {
            content
        } else {
            original = fs::read(entry.path()).expect("a committed file");
            &original
        };
        fs::write(set.join(&file), data).expect("a writable folder");
        if file != "SHA256SUMS" {
            sums += &format!("{}  {file}\n", sha256_hex(data));
        }
    }
    if name != "SHA256SUMS" {
        fs::write(set.join("SHA256SUMS"), sums).expect("a writable folder");
    }
    let opened = match GoldenSet::open(&set) {
        Ok(_) => "opened".to_owned(),
        Err(error) => kind(error).replace(&set.display().to_string(), ""),
    };
    let verified = match verify(&set) {
        Ok(_) => "sound".to_owned(),
        Err(problems) => kind(problems).replace(&set.display().to_string(), ""),
    };
    format!("{opened}; {verified}")
}

fn text_logs() -> Vec<Vec<u8>> {
    folder("golden/trajectory/corpus/text")
}

/// JSON lines and tables.
fn figures() -> Vec<Vec<u8>> {
    [folder("golden/trajectory/corpus/json"), folder("golden/trajectory/corpus/csv")].concat()
}

fn log_held(bytes: usize) -> usize {
    (8 << 20) + 128 * bytes
}

fn log(bytes: &[u8], _: &Path) -> String {
    match dinov3_trajectory::read_bytes("the input", bytes) {
        Ok(run) => {
            for series in &run.series {
                assert!(series.iterations.is_sorted_by(|a, b| a < b), "{}", series.meter);
                assert_eq!(series.iterations.len(), series.values.len());
            }
            // A run is judged against itself, whatever it holds.
            let verdict = dinov3_trajectory::judge_pair(&run, &run, &[], &Default::default());
            format!("{} {} {:?}", run.format, run.notes.len().min(3), verdict.outcome)
        }
        Err(error) => kind(error),
    }
}

/// The data of the records of an event file: checksums stop whatever is changed in a record itself.
fn events() -> Vec<Vec<u8>> {
    let mut data = Vec::new();
    for file in folder("golden/trajectory/corpus/events") {
        let mut rest = &file[..];
        while let Some((length, behind)) = rest.split_first_chunk::<8>() {
            let length = u64::from_le_bytes(*length) as usize;
            data.push(behind[4..4 + length].to_vec());
            rest = &behind[4 + length + 4..];
        }
    }
    data
}

/// An input as the data of a record with the right checksums.
fn event(bytes: &[u8], scratch: &Path) -> String {
    let checksum = |bytes: &[u8]| crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes();
    let length = (bytes.len() as u64).to_le_bytes();
    log(&[&length[..], &checksum(&length), bytes, &checksum(bytes)].concat(), scratch)
}

fn names() -> Vec<Vec<u8>> {
    ["student.backbone.blocks.3.attn.qkv", "grad:student.backbone.norm.weight", "schedule:lr", "rng:mask.0"]
        .map(|text| text.as_bytes().to_vec())
        .into()
}

fn name(bytes: &[u8], _: &Path) -> String {
    let text = String::from_utf8_lossy(bytes);
    match text.parse::<EntryName>() {
        Ok(name) => {
            assert_eq!(name.to_string(), text, "a name is written as it is read");
            format!("{:?}", name.kind())
        }
        Err(error) => kind(error),
    }
}
