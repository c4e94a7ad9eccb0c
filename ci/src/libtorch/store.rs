//! The cache folder: one complete libtorch a recipe, made by one process at a time, and either all there or not at all.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use dinov3_ground::atomic::{Existing, put_folder};

use super::Error;
use super::pip::Fetch;
use super::progress::say;
use super::recipe::{Recipe, VERSION, Wheel};
use super::{stub, wheel};

/// The process that holds this file's lock is the only one that writes to the cache.
const LOCK: &str = "libtorch.lock";
/// Names of unfinished folders begin so. Under the lock, any such folder is what a crash has left.
const PARTIAL: &str = ".partial-";
/// Written last into a folder: which wheels it was made of.
const ORIGIN: &str = "wheels.sha256";
/// What `-lgomp` looks for.
const OPENMP: &str = "libgomp.so";

/// A cache folder, and how to fill it.
pub struct Store<'a> {
    cache: &'a Path,
    recipe: &'a Recipe,
    fetch: &'a dyn Fetch,
    /// Free bytes at a path; tests put their own in.
    free: fn(&Path) -> io::Result<u64>,
}

impl<'a> Store<'a> {
    /// The libtorch of `recipe` in the folder `cache`, its wheels from `fetch`.
    pub fn new(cache: &'a Path, recipe: &'a Recipe, fetch: &'a dyn Fetch) -> Self {
        Self { cache, recipe, fetch, free: |path| fs4::available_space(path) }
    }

    /// The libtorch's folder. Costs a few looks at files when it is complete, and works then in a read-only cache.
    pub fn provide(&self) -> Result<PathBuf, Error> {
        let folder = self.cache.join(self.recipe.folder_name());
        if self.is_complete(&folder) {
            return Ok(folder);
        }
        let _lock = self.lock()?;
        // Another process may have made it while this one waited.
        if !self.is_complete(&folder) {
            self.sweep()?;
            self.check_space()?;
            self.make(&folder)?;
            say(&format!("{VERSION} is ready in {}", folder.display()));
        }
        Ok(folder)
    }

    fn is_complete(&self, folder: &Path) -> bool {
        fs::read_to_string(folder.join(ORIGIN)).is_ok_and(|origin| origin == self.recipe.origin())
            && self.missing(folder).is_none()
    }

    /// The first file or folder that a libtorch at `folder` lacks, relative to it.
    fn missing(&self, folder: &Path) -> Option<PathBuf> {
        let libraries = self.recipe.libraries.iter().chain([&OPENMP, &stub::LIBRARY]);
        let libraries = libraries.map(|library| Path::new("lib").join(library));
        libraries.chain([PathBuf::from("include/ATen")]).find(|path| !folder.join(path).exists())
    }

    /// Held until the file is closed, also by a crash.
    fn lock(&self) -> Result<File, Error> {
        let not_writable = |source| Error::NotWritable { folder: self.cache.to_path_buf(), source };
        fs::create_dir_all(self.cache).map_err(not_writable)?;
        let path = self.cache.join(LOCK);
        let file = File::options().create(true).append(true).open(&path).map_err(not_writable)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                say("waiting for another process, which is setting it up");
                file.lock().map_err(|source| Error::io("lock", &path, source))?;
                Ok(file)
            }
            Err(TryLockError::Error(source)) => Err(Error::io("lock", &path, source)),
        }
    }

    fn sweep(&self) -> Result<(), Error> {
        let failed = |source| Error::io("clean up", self.cache, source);
        for entry in fs::read_dir(self.cache).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
                fs::remove_dir_all(entry.path()).map_err(|source| Error::io("remove", &entry.path(), source))?;
            }
        }
        Ok(())
    }

    fn check_space(&self) -> Result<(), Error> {
        let folder = self.cache.to_path_buf();
        let available =
            (self.free)(self.cache).map_err(|source| Error::io("find the free space of", &folder, source))?;
        let needed = self.recipe.space;
        if available < needed { Err(Error::NoSpace { folder, needed, available }) } else { Ok(()) }
    }

    /// Whatever fails, the temporary folder goes, and `folder` appears only when it is complete.
    fn make(&self, folder: &Path) -> Result<(), Error> {
        let partial = tempfile::Builder::new().prefix(PARTIAL).tempdir_in(self.cache);
        let partial = partial.map_err(|source| Error::NotWritable { folder: self.cache.to_path_buf(), source })?;
        let new = partial.path().join("new");
        for wheel in self.recipe.wheels {
            self.add(wheel, partial.path(), &new)?;
        }
        self.complete(&new)?;
        // Only what someone has damaged is replaced here. Libraries are on disk; to sync each of the 9,281 headers takes 36 s.
        put_folder(&new, folder, Existing::Replace).map_err(|source| Error::io("move into place", folder, source))
    }

    /// Fetches, checks and unpacks one wheel, and deletes it.
    fn add(&self, wheel: &Wheel, partial: &Path, new: &Path) -> Result<(), Error> {
        let download = partial.join("wheel");
        fs::create_dir_all(&download).map_err(|source| Error::io("create", &download, source))?;
        say(&format!("downloading {} ({} MB, once)", wheel.file, wheel.bytes.div_ceil(1_000_000)));
        let file = self.fetch.fetch(wheel, &download)?;
        wheel::verify(&file, wheel)?;
        say("unpacking it");
        wheel::unpack(&file, self.recipe.libraries, new)?;
        fs::remove_dir_all(&download).map_err(|source| Error::io("remove", &download, source))
    }

    /// Adds what no wheel brings, then the mark of a complete folder.
    fn complete(&self, new: &Path) -> Result<(), Error> {
        let lib = new.join("lib");
        let (openmp, link) = (lib.join(self.recipe.openmp), lib.join(OPENMP));
        if openmp.exists() {
            fs::copy(&openmp, &link).map_err(|source| Error::io("copy to", &link, source))?;
        }
        if self.recipe.needs_stub && lib.exists() {
            stub::make(&lib, stub::COMPILERS)?;
        }
        if let Some(missing) = self.missing(new) {
            return Err(Error::Incomplete { missing });
        }
        let path = new.join(ORIGIN);
        let write = || {
            let mut file = File::create(&path)?;
            file.write_all(self.recipe.origin().as_bytes())?;
            file.sync_all()
        };
        write().map_err(|source| Error::io("write", &path, source))
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
