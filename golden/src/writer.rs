//! Writing a golden set, so that a run of our own can be a candidate elsewhere.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

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

/// What to do where a set exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Leave it and fail.
    Refuse,
    /// Put the new set in its place once that is complete.
    Replace,
}

/// Writes a set. Tensors go to disk as they come; nothing is kept of them but their records. The folder appears, complete, in
/// [`SetWriter::finish`]; a writer that is dropped leaves nothing behind.
#[derive(Debug)]
pub struct SetWriter {
    target: PathBuf,
    existing: Existing,
    temporary: TempDir,
    manifest: Manifest,
    index: HashMap<String, usize>,
    spools: PerPrecision<Spool>,
    /// Where the entry last recorded at each precision stands.
    last: PerPrecision<usize>,
    inputs: Spool,
    state: Spool,
}

impl SetWriter {
    /// Begins the set that shall become the folder `dir`. `header` is its manifest without entries; its `precisions` list what
    /// will be recorded.
    ///
    /// # Errors
    /// If `dir` exists and `existing` does not allow it, the header is unusable, or nothing can be written beside `dir`.
    pub fn create(dir: &Path, header: Manifest, existing: Existing) -> Result<Self, WriteError> {
        check_header(&header)?;
        refuse_existing(dir, existing)?;
        let parent = parent(dir);
        let io = |source| WriteError::Io { path: parent.clone(), source };
        fs::create_dir_all(&parent).map_err(io)?;
        let temporary = temporary_folder(dir, &parent).map_err(io)?;
        let mut spools = PerPrecision::default();
        for (precision, _) in header.precisions.iter() {
            *spools.slot(precision) = Some(Spool::new(&parent).map_err(io)?);
        }
        let inputs = Spool::new(&parent).map_err(io)?;
        let state = Spool::new(&parent).map_err(io)?;
        Ok(Self {
            target: dir.to_owned(),
            existing,
            temporary,
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

    /// Records a value. Values of one precision come in execution order; names new to the set are placed after the one
    /// recorded before them. How much is stored is for the table of kinds to say ([`crate::Kind::keep`]).
    ///
    /// # Errors
    /// If the name is no entry name, belongs to another stage, or was recorded before at this precision; or the disk is full.
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
            spread: None,
        });
        Ok(())
    }

    /// Refuses a name that was recorded before at this precision, or in another stage.
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

    /// Index of the entry `name`, made if it is new.
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

    /// Stores bytes unless an earlier entry's are the same; returns the key under which they lie.
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

    /// Writes everything out, syncs it, and renames the folder into place. Returns the manifest written.
    ///
    /// # Errors
    /// If a set has appeared there meanwhile and must not be replaced, or the disk is full.
    pub fn finish(mut self) -> Result<Manifest, WriteError> {
        for (precision, named) in self.manifest.precisions.iter() {
            if let Some(spool) = self.spools.slot(precision) {
                let written = spool.write_safetensors(&self.temporary.path().join(&named.file));
                written.map_err(|source| WriteError::Io { path: self.target.join(&named.file), source })?;
            }
        }
        for (name, spool) in [(INPUTS, &mut self.inputs), (STATE, &mut self.state)] {
            if !spool.is_empty() {
                let written = spool.write_safetensors(&self.temporary.path().join(name));
                written.map_err(|source| WriteError::Io { path: self.target.join(name), source })?;
            }
        }
        let json = self.manifest.to_json().map_err(|error| self.io(MANIFEST, error.into()))?;
        self.write_file(MANIFEST, &json)?;
        self.write_sums()?;
        self.put_in_place()
    }

    fn write_file(&self, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
        let write = || {
            let mut file = File::create_new(self.temporary.path().join(name))?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(|source| self.io(name, source))
    }

    fn write_sums(&self) -> Result<(), WriteError> {
        let hashes = || -> io::Result<BTreeMap<String, String>> {
            let mut hashes = BTreeMap::new();
            for item in fs::read_dir(self.temporary.path())? {
                let item = item?;
                hashes.insert(item.file_name().to_string_lossy().into_owned(), hash_file(&item.path())?.0);
            }
            Ok(hashes)
        };
        let hashes = hashes().map_err(|source| self.io(SUMS, source))?;
        self.write_file(SUMS, sums::format(&hashes).as_bytes())
    }

    fn put_in_place(self) -> Result<Manifest, WriteError> {
        let parent = parent(&self.target);
        let io = |source| WriteError::Io { path: self.target.clone(), source };
        sync_folder(self.temporary.path()).map_err(io)?;
        refuse_existing(&self.target, self.existing)?;
        let aside = match self.target.exists() {
            true => {
                let aside = temporary_folder(&self.target, &parent).map_err(io)?;
                fs::rename(&self.target, aside.path().join("replaced")).map_err(io)?;
                Some(aside)
            }
            false => None,
        };
        if let Err(source) = fs::rename(self.temporary.path(), &self.target) {
            if let Some(aside) = aside
                && let Err(source) = fs::rename(aside.path().join("replaced"), &self.target)
            {
                // The old set could not be put back: keep it where it is rather than delete it.
                return Err(WriteError::Io { path: aside.keep(), source });
            }
            return Err(io(source));
        }
        // It is no longer temporary, and no longer there.
        let _ = self.temporary.keep();
        sync_folder(&parent).map_err(io)?;
        Ok(self.manifest)
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

/// A hidden folder beside `dir`, so that a rename stays within one file system.
fn temporary_folder(dir: &Path, parent: &Path) -> io::Result<TempDir> {
    let prefix = format!(".{}.", dir.file_name().unwrap_or_default().to_string_lossy());
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    // It becomes the set's folder: as readable as any other that the user makes, not private as temporary ones are.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    builder.tempdir_in(parent)
}

/// Makes names in a folder durable.
fn sync_folder(dir: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests;
