//! The check of every byte of a set.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;

use dinov3_ground::{Hint, Hints};
use memmap2::Mmap;

use crate::digest::{Stats, digest, sha256_hex, stats};
use crate::manifest::{Record, Storage};
use crate::names::{Keep, Precision};
use crate::set::{GoldenSet, Recorded, SetError};
use crate::sums::{self, SUMS};
use crate::tolerance::STATISTICS_AGREEMENT;

/// The counts of a successful check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Number of hashed files, without `SHA256SUMS`.
    pub files: usize,
    /// Number of hashed bytes.
    pub bytes: u64,
    /// Number of records checked against their tensors.
    pub records: usize,
}

/// All problems of a set; never empty.
#[derive(Debug)]
pub struct Problems(Vec<SetError>);

impl Problems {
    /// The problems in the order of the checks.
    pub fn iter(&self) -> impl Iterator<Item = &SetError> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl Hint for Problems {
    fn hints(&self) -> Hints {
        self.0.iter().fold(Hints::none(), |hints, problem| hints.and(problem.hints()))
    }
}

/// Checks every byte of the set in `dir`: that `SHA256SUMS` lists each file and nothing else, that each has the hash
/// listed, and that manifest and tensors agree (shapes, dtypes, keys; hash and statistics where a tensor is stored in
/// full, extremes where a sample is).
///
/// # Errors
/// All problems of the set. Contents are checked only if every hash is right, since a wrong hash explains the other
/// problems.
pub fn verify(dir: &Path) -> Result<Verified, Problems> {
    let mut problems = Vec::new();
    let (files, bytes) = check_files(dir, &mut problems);
    let mut records = 0;
    if problems.is_empty() {
        match GoldenSet::open(dir) {
            Ok(set) => records = check_contents(&set, &mut problems),
            Err(error) => problems.push(error),
        }
    }
    if problems.is_empty() { Ok(Verified { files, bytes, records }) } else { Err(Problems(problems)) }
}

/// Checks the folder against `SHA256SUMS`; returns the number of files and of bytes hashed.
fn check_files(dir: &Path, problems: &mut Vec<SetError>) -> (usize, u64) {
    let (listed, mut present) = match read_sums(dir).and_then(|listed| Ok((listed, list(dir, problems)?))) {
        Ok(both) => both,
        Err(error) => {
            problems.push(error);
            return (0, 0);
        }
    };
    present.remove(SUMS);
    let (mut files, mut bytes) = (0, 0);
    for (name, hash) in listed {
        let path = dir.join(&name);
        if !present.remove(&name) {
            problems.push(SetError::MissingFile { path });
            continue;
        }
        match hash_file(&path) {
            Ok((found, length)) => {
                files += 1;
                bytes += length;
                if found != hash {
                    problems.push(SetError::HashMismatch { path, listed: hash, found });
                }
            }
            Err(source) => problems.push(SetError::Io { path, source }),
        }
    }
    problems.extend(present.into_iter().map(|name| SetError::UnknownFile { path: dir.join(name) }));
    (files, bytes)
}

fn read_sums(dir: &Path) -> Result<BTreeMap<String, String>, SetError> {
    if !dir.is_dir() {
        return Err(SetError::MissingFolder { path: dir.to_owned() });
    }
    let path = dir.join(SUMS);
    match std::fs::read(&path) {
        Ok(text) => sums::parse(&text).map_err(|source| SetError::SumsMalformed { path, source }),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Err(SetError::MissingFile { path }),
        Err(source) => Err(SetError::Io { path, source }),
    }
}

/// Names of all plain files in the folder; anything else in it (a folder, a link) is a problem.
fn list(dir: &Path, problems: &mut Vec<SetError>) -> Result<BTreeSet<String>, SetError> {
    let io = |source| SetError::Io { path: dir.to_owned(), source };
    let mut names = BTreeSet::new();
    for item in std::fs::read_dir(dir).map_err(io)? {
        let item = item.map_err(io)?;
        let plain = item.file_type().map_err(io)?.is_file();
        match item.file_name().into_string() {
            Ok(name) if plain => drop(names.insert(name)),
            _ => problems.push(SetError::UnknownFile { path: item.path() }),
        }
    }
    Ok(names)
}

/// Hash and length of a file, through a map so that a large one is not read into memory.
pub(crate) fn hash_file(path: &Path) -> io::Result<(String, u64)> {
    let file = File::open(path)?;
    // SAFETY: read-only, dropped before this function returns; see `TensorFile::open`.
    let map = unsafe { Mmap::map(&file) }?;
    Ok((sha256_hex(&map), map.len() as u64))
}

/// Checks that manifest and tensors agree; returns the number of records checked.
fn check_contents(set: &GoldenSet, problems: &mut Vec<SetError>) -> usize {
    for file in [set.inputs(), set.state()] {
        problems.extend(file.err());
    }
    let mut records = 0;
    for (precision, _) in set.manifest().precisions.iter() {
        let file = match set.file(precision) {
            Ok(file) => file,
            Err(error) => {
                problems.push(error);
                continue;
            }
        };
        let mut unused: BTreeSet<&str> = file.names().collect();
        for entry in &set.manifest().entries {
            let Some(record) = entry.records.get(precision) else { continue };
            records += 1;
            unused.remove(record.tensor.as_deref().unwrap_or_default());
            match set.recorded(entry, precision).and_then(|it| check_record(set, it, precision)) {
                Ok(()) => {}
                Err(error) => problems.push(error),
            }
        }
        problems.extend(
            unused
                .into_iter()
                .map(|tensor| SetError::TensorUnused { file: file.path().to_owned(), tensor: tensor.to_owned() }),
        );
    }
    records
}

fn check_record(set: &GoldenSet, recorded: Recorded<'_>, precision: Precision) -> Result<(), SetError> {
    let Recorded { entry, record, stored, .. } = recorded;
    let wrong = |problem: String| SetError::RecordWrong { entry: entry.name.to_string(), precision, problem };
    if let Some((other, _)) = entry.records.iter().find(|(_, other)| other.shape != record.shape) {
        return Err(wrong(format!("its shape differs from the shape at {other}")));
    }
    let Some(stored) = stored else { return Ok(()) };
    if record.storage == Storage::Sample {
        return beyond_extremes(&stats(stored), &record.stats).map_or(Ok(()), |problem| Err(wrong(problem)));
    }
    let limited =
        entry.name.kind().keep(entry.stage) == Some(Keep::Limited) && !set.manifest().keeps_in_full(entry.stage);
    if limited && set.manifest().sample_limit.is_some_and(|limit| stored.numel() > limit) {
        return Err(wrong("it has more elements than the sample limit and is stored in full".into()));
    }
    let digest = digest(stored);
    if digest.sha256 != record.sha256 {
        return Err(wrong(format!("its SHA-256 is {}, the record says {}", digest.sha256, record.sha256)));
    }
    if let Some(listed) = record.crc32.as_ref().filter(|listed| **listed != digest.crc32) {
        return Err(wrong(format!("its CRC-32 is {}, the record says {listed}", digest.crc32)));
    }
    match statistic_off(&digest.stats, record, stored.numel()) {
        Some(name) => Err(wrong(format!("`{name}` in the record differs from the tensor's"))),
        None => Ok(()),
    }
}

/// The first contradiction between a sample and the recorded statistics of the whole tensor: the extremes and the
/// non-finite count of a sample lie within those of the tensor. Both are exact, so no rounding is allowed for.
fn beyond_extremes(sample: &Stats, record: &Stats) -> Option<String> {
    if sample.non_finite > record.non_finite {
        let (ours, theirs) = (sample.non_finite, record.non_finite);
        return Some(format!(
            "{ours} of its stored elements are NaN or infinite, `non_finite` in the record is {theirs}"
        ));
    }
    let theirs = |value: Option<f64>| value.map_or("null".to_owned(), |value| format!("{value:?}"));
    let told =
        |name, ours: f64, limit| format!("a stored element is {ours:?}, `{name}` in the record is {}", theirs(limit));
    let (smallest, largest) = (sample.min?, sample.max?);
    match (record.min, record.max) {
        (Some(min), _) if smallest < min => Some(told("min", smallest, record.min)),
        (_, Some(max)) if largest > max => Some(told("max", largest, record.max)),
        (None, _) => Some(told("min", smallest, record.min)),
        (_, None) => Some(told("max", largest, record.max)),
        _ => None,
    }
}

/// The first statistic that disagrees. Count and extremes must be equal; the sums may have been taken in another order.
fn statistic_off(ours: &Stats, record: &Record, numel: usize) -> Option<&'static str> {
    let theirs = &record.stats;
    let slack = STATISTICS_AGREEMENT * ours.l2.unwrap_or(0.0);
    let near = |a: Option<f64>, b: Option<f64>, slack: f64| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= slack,
        (a, b) => a == b,
    };
    let checks = [
        ("non_finite", ours.non_finite == theirs.non_finite),
        ("min", ours.min == theirs.min),
        ("max", ours.max == theirs.max),
        ("l2", near(ours.l2, theirs.l2, slack)),
        // |mean| <= l2 / sqrt(n), so this is the same relative slack.
        ("mean", near(ours.mean, theirs.mean, slack / (numel.max(1) as f64).sqrt())),
    ];
    checks.into_iter().find(|(_, agrees)| !agrees).map(|(name, _)| name)
}

#[cfg(test)]
mod tests;
