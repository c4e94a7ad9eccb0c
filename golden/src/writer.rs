//! The writer of golden sets. A run of our own that is written as a set can be a candidate elsewhere.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use dinov3_ground::atomic::Existing;
use dinov3_ground::atomic::StagedFolder;

use crate::digest::{digest, sha256_hex};
use crate::manifest::{Entry, INPUTS, MANIFEST, Manifest, PerPrecision, Record, SCHEMA_VERSION, STATE, Storage};
use crate::names::{EntryName, Keep, Precision, Stage};
use crate::sample::{sample, stride};
use crate::sums::{self, SUMS, is_file_name};
use crate::tensor::TensorView;
use crate::verify::hash_file;

mod error;
mod spool;

pub use error::WriteError;

use spool::Spool;

/// Writes a set. Each tensor goes to disk at once; only its record stays in memory. [`SetWriter::finish`] makes the
/// complete folder appear; a dropped writer leaves no files.
#[derive(Debug)]
pub struct SetWriter {
    target: PathBuf,
    existing: Existing,
    folder: StagedFolder,
    manifest: Manifest,
    index: HashMap<String, usize>,
    spools: PerPrecision<Spool>,
    /// Index of the last recorded entry of each precision.
    last: PerPrecision<usize>,
    inputs: Spool,
    state: Spool,
}

impl SetWriter {
    /// Begins the set for the folder `dir`. `header` is the manifest without entries; its `precisions` list the
    /// precisions to record.
    ///
    /// # Errors
    /// If `dir` exists and `existing` does not allow it, the header is unusable, or nothing can be written beside
    /// `dir`.
    pub fn create(dir: &Path, header: Manifest, existing: Existing) -> Result<Self, WriteError> {
        check_header(&header)?;
        refuse_existing(dir, existing)?;
        let parent = parent(dir);
        let io = |source| WriteError::Io { path: parent.clone(), source };
        fs::create_dir_all(&parent).map_err(io)?;
        let folder = StagedFolder::create(dir).map_err(io)?;
        let mut spools = PerPrecision::default();
        for (precision, _) in header.precisions.iter() {
            *spools.slot(precision) = Some(Spool::new(&parent).map_err(io)?);
        }
        let inputs = Spool::new(&parent).map_err(io)?;
        let state = Spool::new(&parent).map_err(io)?;
        Ok(Self {
            target: dir.to_owned(),
            existing,
            folder,
            manifest: header,
            index: HashMap::new(),
            spools,
            last: PerPrecision::default(),
            inputs,
            state,
        })
    }

    /// Adds a tensor to `inputs.safetensors`, in full.
    ///
    /// # Errors
    /// If the name was used before, or the disk is full.
    pub fn input(&mut self, name: &str, view: TensorView<'_>) -> Result<(), WriteError> {
        let duplicate = || WriteError::Duplicate { entry: name.to_owned() };
        let stored = self.inputs.store(name, view.dtype(), view.shape(), view.bytes());
        stored.map_err(|source| self.io(INPUTS, source))?.then_some(()).ok_or_else(duplicate)
    }

    /// Adds a tensor to `state.safetensors`, in full. The header's recipe says whether there is to be a state.
    ///
    /// # Errors
    /// If the name was used before, or the disk is full.
    pub fn state(&mut self, name: &str, view: TensorView<'_>) -> Result<(), WriteError> {
        let duplicate = || WriteError::Duplicate { entry: name.to_owned() };
        let stored = self.state.store(name, view.dtype(), view.shape(), view.bytes());
        stored.map_err(|source| self.io(STATE, source))?.then_some(()).ok_or_else(duplicate)
    }

    /// Records a value. The caller records the values of one precision in execution order; a name new to the set is
    /// placed after the previously recorded name. The table of kinds decides how much is stored
    /// ([`crate::Kind::keep`]).
    ///
    /// # Errors
    /// If the name is not an entry name, belongs to another stage, or was recorded before at this precision; or the
    /// disk is full.
    pub fn record(
        &mut self,
        precision: Precision,
        name: &str,
        stage: Stage,
        view: TensorView<'_>,
    ) -> Result<(), WriteError> {
        if self.spools.get(precision).is_none() {
            return Err(WriteError::NoPrecision { precision });
        }
        let entry: EntryName = name.parse()?;
        self.check(precision, &entry, stage)?;
        let kind = entry.kind();
        let not_of_stage = || WriteError::NotOfStage { entry: name.to_owned(), stage, kind };
        let keep = kind.keep(stage).ok_or_else(not_of_stage)?;
        let keep = if self.manifest.keeps_in_full(stage) { Keep::Full } else { keep };
        let place = self.place(precision, entry, stage);
        let digest = digest(view);
        let (storage, tensor) = match (keep, self.manifest.sample_limit) {
            (Keep::Digest, _) => (Storage::Digest, None),
            (Keep::Limited, Some(limit)) if view.numel() > limit => {
                let bytes = sample(view, limit);
                let shape = [bytes.len() / view.dtype().size()];
                let hash = sha256_hex(&bytes);
                (Storage::Sample, Some(self.store(precision, name, view, &shape, &bytes, hash)?))
            }
            _ => {
                let hash = digest.sha256.clone();
                (Storage::Full, Some(self.store(precision, name, view, view.shape(), view.bytes(), hash)?))
            }
        };
        debug_assert!(storage != Storage::Sample || stride(view.numel(), self.manifest.sample_limit.unwrap_or(0)) > 1);
        *self.manifest.entries[place].records.slot(precision) = Some(Record {
            dtype: view.dtype(),
            shape: view.shape().to_vec(),
            storage,
            tensor,
            stats: digest.stats,
            sha256: digest.sha256,
            crc32: Some(digest.crc32),
            spread: None,
        });
        Ok(())
    }

    /// Refuses a name that was already recorded at this precision, or in another stage.
    fn check(&self, precision: Precision, name: &EntryName, stage: Stage) -> Result<(), WriteError> {
        let Some(&place) = self.index.get(name.as_str()) else { return Ok(()) };
        let entry = &self.manifest.entries[place];
        if entry.records.get(precision).is_some() {
            return Err(WriteError::Duplicate { entry: name.to_string() });
        }
        if entry.stage != stage {
            return Err(WriteError::StageDiffers { entry: name.to_string(), first: entry.stage, second: stage });
        }
        Ok(())
    }

    /// Index of the entry `name`; adds the entry if it is new.
    fn place(&mut self, precision: Precision, name: EntryName, stage: Stage) -> usize {
        let known = self.index.get(name.as_str()).copied();
        let place = known.unwrap_or_else(|| {
            let place = self.last.get(precision).map_or(0, |last| last + 1);
            for later in &self.manifest.entries[place..] {
                *self.index.entry(later.name.to_string()).or_default() += 1;
            }
            for &precision in Precision::ALL {
                if let Some(last) = self.last.slot(precision).as_mut().filter(|last| **last >= place) {
                    *last += 1;
                }
            }
            self.index.insert(name.to_string(), place);
            self.manifest.entries.insert(place, Entry { name, stage, records: PerPrecision::default() });
            place
        });
        *self.last.slot(precision) = Some(place);
        place
    }

    /// Stores bytes unless an earlier entry stored the same bytes; returns the key of the stored bytes.
    fn store(
        &mut self,
        precision: Precision,
        name: &str,
        view: TensorView<'_>,
        shape: &[usize],
        bytes: &[u8],
        hash: String,
    ) -> Result<String, WriteError> {
        let Some(spool) = self.spools.slot(precision) else {
            return Err(WriteError::NoPrecision { precision });
        };
        let stored = spool.store_once(name, view.dtype(), shape, bytes, hash);
        stored.map_err(|source| WriteError::Io { path: self.target.clone(), source })
    }

    /// Writes all files and gives the folder its name. Returns the written manifest.
    ///
    /// # Errors
    /// If a set appeared at `dir` meanwhile and must not be replaced, or the disk is full.
    pub fn finish(mut self) -> Result<Manifest, WriteError> {
        for (precision, named) in self.manifest.precisions.iter() {
            if let Some(spool) = self.spools.slot(precision) {
                let written = spool.write_safetensors(&self.folder.temporary_path().join(&named.file));
                written.map_err(|source| WriteError::Io { path: self.target.join(&named.file), source })?;
            }
        }
        for (name, spool) in [(INPUTS, &mut self.inputs), (STATE, &mut self.state)] {
            if !spool.is_empty() {
                let written = spool.write_safetensors(&self.folder.temporary_path().join(name));
                written.map_err(|source| WriteError::Io { path: self.target.join(name), source })?;
            }
        }
        let json = self.manifest.to_json().map_err(|error| self.io(MANIFEST, error.into()))?;
        self.write_file(MANIFEST, &json)?;
        self.write_sums()?;
        self.put_in_place()
    }

    fn write_file(&self, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
        let written = fs::write(self.folder.temporary_path().join(name), bytes);
        written.map_err(|source| self.io(name, source))
    }

    fn write_sums(&self) -> Result<(), WriteError> {
        let hashes = || -> io::Result<BTreeMap<String, String>> {
            let mut hashes = BTreeMap::new();
            for item in fs::read_dir(self.folder.temporary_path())? {
                let item = item?;
                hashes.insert(item.file_name().to_string_lossy().into_owned(), hash_file(&item.path())?.0);
            }
            Ok(hashes)
        };
        let hashes = hashes().map_err(|source| self.io(SUMS, source))?;
        self.write_file(SUMS, sums::format(&hashes).as_bytes())
    }

    fn put_in_place(self) -> Result<Manifest, WriteError> {
        match self.folder.publish(self.existing) {
            Ok(()) => Ok(self.manifest),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(WriteError::Exists { path: self.target }),
            Err(source) => Err(WriteError::Io { path: self.target, source }),
        }
    }

    fn io(&self, name: &str, source: io::Error) -> WriteError {
        WriteError::Io { path: self.target.join(name), source }
    }
}

fn check_header(header: &Manifest) -> Result<(), WriteError> {
    let fail = |problem: String| Err(WriteError::Header { problem });
    if header.schema_version != SCHEMA_VERSION {
        return fail(format!("its schema version is {}, not {SCHEMA_VERSION}", header.schema_version));
    }
    if !header.entries.is_empty() {
        return fail("it has entries already".into());
    }
    if header.sample_limit == Some(0) {
        return fail("the sample limit is 0".into());
    }
    let mut taken = vec![MANIFEST, INPUTS, STATE, SUMS];
    for (precision, named) in header.precisions.iter() {
        if !is_file_name(&named.file) || taken.contains(&named.file.as_str()) {
            return fail(format!("`{}` cannot be the file of {precision}", named.file));
        }
        taken.push(&named.file);
    }
    Ok(())
}

fn refuse_existing(dir: &Path, existing: Existing) -> Result<(), WriteError> {
    if existing == Existing::Refuse && dir.exists() {
        return Err(WriteError::Exists { path: dir.to_owned() });
    }
    Ok(())
}

/// The folder that `dir` is in.
fn parent(dir: &Path) -> PathBuf {
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests;
