//! Reading a golden set.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

use crate::manifest::{Entry, INPUTS, MANIFEST, Manifest, PerPrecision, Record, SCHEMA_VERSION, STATE, Storage};
use crate::names::Precision;
use crate::sample::{sample_len, stride};
use crate::sums::{SUMS, is_file_name, is_hash, is_hex};
use crate::tensor::TensorView;
use crate::tensor_file::TensorFile;
use crate::verify::{Problems, Verified};

mod error;

pub use error::SetError;

/// A golden set on disk. Opening reads the manifest; tensors are mapped when first asked for, and never collected.
///
/// ```
/// use dinov3_golden::{GoldenSet, Kind, Precision, Stage};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let set = GoldenSet::open("sets/train_micro".as_ref())?;
/// set.verify()?;
///
/// let gradients = set.manifest().entries.iter().filter(|entry| entry.stage == Stage::Backward);
/// let first = gradients.clone().next().expect("a step has gradients");
/// assert_eq!(first.name.path_of(Kind::Grad), Some("student.dino_head.last_layer.weight"));
///
/// let recorded = set.recorded(first, Precision::Fp32)?;
/// let stored = recorded.stored.expect("gradients are stored, large ones as a sample");
/// assert!(stored.numel() <= 96 && recorded.record.stats.non_finite == 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct GoldenSet {
    dir: PathBuf,
    manifest: Manifest,
    files: PerPrecision<OnceLock<TensorFile>>,
    inputs: OnceLock<TensorFile>,
    state: OnceLock<TensorFile>,
}

/// The record of one entry at one precision, with the stored part of its tensor.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a> {
    /// Name and stage.
    pub entry: &'a Entry,
    /// Shape, dtype, statistics and hash of the whole tensor.
    pub record: &'a Record,
    /// The stored part: the whole tensor, or its sample as a one-dimensional tensor; `None` for a digest.
    pub stored: Option<TensorView<'a>>,
    /// The set's sample limit. It determines the elements of a sample.
    pub sample_limit: Option<usize>,
}

impl Recorded<'_> {
    /// The distance between the stored elements of the tensor; 1 if all are stored.
    pub fn stride(&self) -> usize {
        match (self.record.storage, self.sample_limit) {
            (Storage::Sample, Some(limit)) => stride(self.record.numel().unwrap_or(usize::MAX), limit),
            _ => 1,
        }
    }
}

impl GoldenSet {
    /// Opens the set in the folder `dir`: reads the manifest and checks that the files it names exist.
    /// [`GoldenSet::verify`] checks tensors and hashes.
    ///
    /// # Errors
    /// The [`SetError`] that says what is missing or malformed.
    pub fn open(dir: &Path) -> Result<Self, SetError> {
        if !dir.is_dir() {
            return Err(SetError::MissingFolder { path: dir.to_owned() });
        }
        let manifest = read_manifest(&dir.join(MANIFEST))?;
        check_manifest(dir, &manifest)?;
        let mut files = PerPrecision::default();
        for (precision, named) in manifest.precisions.iter() {
            let path = dir.join(&named.file);
            if !path.is_file() {
                return Err(SetError::MissingFile { path });
            }
            *files.slot(precision) = Some(OnceLock::new());
        }
        if starts_from_state(&manifest) && !dir.join(STATE).is_file() {
            return Err(SetError::MissingFile { path: dir.join(STATE) });
        }
        Ok(Self { dir: dir.to_owned(), manifest, files, inputs: OnceLock::new(), state: OnceLock::new() })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The recorded inputs by name; `None` if the set has none.
    ///
    /// # Errors
    /// If their file is malformed.
    pub fn inputs(&self) -> Result<Option<&TensorFile>, SetError> {
        let path = self.dir.join(INPUTS);
        if !path.is_file() {
            return Ok(None);
        }
        opened(&self.inputs, &path).map(Some)
    }

    /// The state that the recorded steps start from, by name: parameters, moments, random stream. `None` if they start
    /// from the seed.
    ///
    /// # Errors
    /// If its file is malformed.
    pub fn state(&self) -> Result<Option<&TensorFile>, SetError> {
        if !starts_from_state(&self.manifest) {
            return Ok(None);
        }
        opened(&self.state, &self.dir.join(STATE)).map(Some)
    }

    /// The tensors stored for `precision`.
    ///
    /// # Errors
    /// If the precision is not recorded or its file is malformed.
    pub fn file(&self, precision: Precision) -> Result<&TensorFile, SetError> {
        match (self.files.get(precision), self.manifest.precisions.get(precision)) {
            (Some(cell), Some(named)) => opened(cell, &self.dir.join(&named.file)),
            _ => Err(SetError::NoPrecision { set: self.manifest.name.clone(), precision }),
        }
    }

    /// The record of this set's `entry` at `precision`, with the stored part of the tensor.
    ///
    /// # Errors
    /// If there is no such record, or the stored tensor is missing or does not fit the record.
    pub fn recorded<'a>(&'a self, entry: &'a Entry, precision: Precision) -> Result<Recorded<'a>, SetError> {
        let record = entry
            .records
            .get(precision)
            .ok_or_else(|| SetError::NoRecord { entry: entry.name.to_string(), precision })?;
        let sample_limit = self.manifest.sample_limit;
        let Some(expected) = self.stored_shape(entry, record)? else {
            return Ok(Recorded { entry, record, stored: None, sample_limit });
        };
        let file = self.file(precision)?;
        let key = record.tensor.as_deref().unwrap_or(entry.name.as_str());
        let stored = file.get(key).ok_or_else(|| SetError::TensorMissing {
            file: file.path().to_owned(),
            tensor: key.to_owned(),
            entry: entry.name.to_string(),
        })?;
        if stored.dtype() != record.dtype {
            return Err(SetError::DtypeDiffers {
                entry: entry.name.to_string(),
                recorded: record.dtype,
                stored: stored.dtype(),
            });
        }
        if stored.shape() != expected {
            return Err(SetError::ShapeDiffers {
                entry: entry.name.to_string(),
                recorded: expected,
                stored: stored.shape().to_vec(),
            });
        }
        Ok(Recorded { entry, record, stored: Some(stored), sample_limit })
    }

    /// The shape that the stored part must have; `None` if nothing is stored.
    fn stored_shape(&self, entry: &Entry, record: &Record) -> Result<Option<Vec<usize>>, SetError> {
        let invalid = |problem: &str| SetError::ManifestInvalid {
            path: self.dir.join(MANIFEST),
            field: format!("entries.{}", entry.name),
            problem: problem.to_owned(),
        };
        let numel = record.numel().ok_or_else(|| invalid("the shape has more elements than can be addressed"))?;
        match (record.storage, self.manifest.sample_limit) {
            (Storage::Digest, _) => Ok(None),
            (Storage::Full, _) => Ok(Some(record.shape.clone())),
            (Storage::Sample, Some(limit)) if stride(numel, limit) > 1 => Ok(Some(vec![sample_len(numel, limit)])),
            (Storage::Sample, _) => Err(invalid("is stored as a sample though the sample limit does not ask for it")),
        }
    }

    /// Checks every byte of the set; see [`fn@crate::verify`].
    ///
    /// # Errors
    /// All problems of the set.
    pub fn verify(&self) -> Result<Verified, Problems> {
        crate::verify::verify(&self.dir)
    }
}

fn opened<'a>(cell: &'a OnceLock<TensorFile>, path: &Path) -> Result<&'a TensorFile, SetError> {
    if let Some(file) = cell.get() {
        return Ok(file);
    }
    let file = TensorFile::open(path)?;
    // If two threads map the file at once, the map of the first thread is kept.
    Ok(cell.get_or_init(|| file))
}

/// Reads and parses a manifest, the version first.
fn read_manifest(path: &Path) -> Result<Manifest, SetError> {
    let text = std::fs::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => SetError::NoManifest { path: path.to_owned() },
        _ => SetError::Io { path: path.to_owned(), source },
    })?;
    let json: Value = serde_json::from_slice(&text)
        .map_err(|source| SetError::ManifestNotJson { path: path.to_owned(), problem: source.to_string() })?;
    match json.get("schema_version").and_then(Value::as_u64) {
        Some(SCHEMA_VERSION) => {}
        Some(found) => return Err(SetError::SchemaVersion { path: path.to_owned(), found }),
        None => {
            return Err(SetError::ManifestInvalid {
                path: path.to_owned(),
                field: "schema_version".into(),
                problem: "is missing or not a whole number".into(),
            });
        }
    }
    // From the text, not from `json`: duplicate fields are errors here, and silently merged there.
    let mut json = serde_json::Deserializer::from_slice(&text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| SetError::ManifestInvalid {
        path: path.to_owned(),
        field: match error.path().to_string().as_str() {
            "." => "top level".to_owned(),
            field => field.to_owned(),
        },
        problem: error.into_inner().to_string(),
    })
}

fn starts_from_state(manifest: &Manifest) -> bool {
    manifest.recipe.training.as_ref().is_some_and(|training| training.state)
}

/// Checks of a manifest beyond serde's.
fn check_manifest(dir: &Path, manifest: &Manifest) -> Result<(), SetError> {
    let invalid = |field: String, problem: &str| SetError::ManifestInvalid {
        path: dir.join(MANIFEST),
        field,
        problem: problem.to_owned(),
    };
    let mut files = HashSet::from([MANIFEST, INPUTS, STATE, crate::sums::SUMS]);
    for (precision, named) in manifest.precisions.iter() {
        if !is_file_name(&named.file) || !files.insert(&named.file) {
            return Err(invalid(format!("precisions.{precision}.file"), "does not name a file of its own in the set"));
        }
    }
    if let Some(training) = &manifest.recipe.training {
        let field = |name: &str| format!("recipe.training.{name}");
        for (name, count) in [("steps", training.steps), ("batches", training.batches)] {
            if count == 0 {
                return Err(invalid(field(name), "must be at least 1"));
            }
        }
        if training.updates > 0 && !training.state {
            return Err(invalid(field("updates"), "must be 0 where the steps start from the seed"));
        }
    }
    if dir.join(STATE).is_file() && !starts_from_state(manifest) {
        return Err(invalid("recipe.training.state".into(), "is not true, yet the set holds a state"));
    }
    let mut names = HashSet::new();
    for entry in &manifest.entries {
        if !names.insert(entry.name.as_str()) {
            return Err(SetError::DuplicateEntry { entry: entry.name.to_string() });
        }
        let (kind, stage) = (entry.name.kind(), entry.stage);
        if kind.keep(stage).is_none() {
            let problem = format!("`{stage}` has no entries of kind `{kind}`");
            return Err(invalid(format!("entries.{}.stage", entry.name), &problem));
        }
        for (precision, record) in entry.records.iter() {
            let field = || format!("entries.{}.records.{precision}", entry.name);
            if manifest.precisions.get(precision).is_none() {
                return Err(invalid(field(), "belongs to a precision that `precisions` does not list"));
            }
            if !is_hash(&record.sha256) {
                return Err(invalid(field() + ".sha256", "is not 64 lower-case hexadecimal digits"));
            }
            if record.crc32.as_deref().is_some_and(|crc| !is_hex(crc, 8)) {
                return Err(invalid(field() + ".crc32", "is not 8 lower-case hexadecimal digits"));
            }
            if record.tensor.is_some() == (record.storage == Storage::Digest) {
                return Err(invalid(field() + ".tensor", "must be there, except where the storage is `digest`"));
            }
        }
    }
    Ok(())
}

/// The folders of all sets at or below `root`, sorted, without hidden folders.
///
/// # Errors
/// [`SetError::MissingFolder`] or [`SetError::NotAFolder`] if `root` is not a folder, [`SetError::Io`] if a folder cannot be listed.
pub fn find_sets(root: &Path) -> Result<Vec<PathBuf>, SetError> {
    if !root.is_dir() {
        let path = root.to_owned();
        return Err(if root.is_file() { SetError::NotAFolder { path } } else { SetError::MissingFolder { path } });
    }
    let mut found = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(dir) = pending.pop() {
        if is_marked(&dir) {
            found.push(dir);
            continue;
        }
        let io = |source| SetError::Io { path: dir.clone(), source };
        for item in std::fs::read_dir(&dir).map_err(io)? {
            let item = item.map_err(io)?;
            let hidden = item.file_name().to_string_lossy().starts_with('.');
            // A link is followed to a set and no further, so there are no cycles.
            let kind = item.file_type().map_err(io)?;
            if !hidden && (kind.is_dir() || kind.is_symlink() && is_marked(&item.path())) {
                pending.push(item.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a folder is a set. Either file marks one: a set that lost its manifest is damaged and must be reported.
fn is_marked(dir: &Path) -> bool {
    dir.join(MANIFEST).is_file() || dir.join(SUMS).is_file()
}

#[cfg(test)]
mod tests;
