//! Stand-ins for the tests: a libtorch of empty files, and a wheel of a few bytes.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use dinov3_ground::hex;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::Error;
use super::pip::Fetch;
use super::recipe::{Recipe, Wheel};

/// A folder that looks like libtorch `version` (three numbers) to whoever does not try to use it.
pub fn libtorch_folder(version: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let parts: Vec<&str> = version.split('.').collect();
    let header = folder.path().join("include/torch/csrc/api/include/torch");
    fs::create_dir_all(&header).unwrap();
    let (major, minor, patch) = (parts[0], parts[1], parts[2]);
    let text = format!(
        "#pragma once\n#define TORCH_VERSION_MAJOR {major}\n#define TORCH_VERSION_MINOR {minor}\n\
         #define TORCH_VERSION_PATCH {patch}\n#define TORCH_VERSION \\\n  (uint64_t)TORCH_VERSION_MAJOR << 56\n"
    );
    fs::write(header.join("version.h"), text).unwrap();
    fs::create_dir_all(folder.path().join("include/ATen")).unwrap();
    fs::create_dir_all(folder.path().join("lib")).unwrap();
    let library = format!("lib/{}torch_cpu{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    fs::write(folder.path().join(library), "").unwrap();
    folder
}

/// SHA-256 in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A zip archive of these members.
pub fn zip(members: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A recipe of one tiny wheel, and a source that hands it out.
pub struct Fake {
    /// The recipe, with the wheel's true hash.
    pub recipe: Recipe,
    /// The wheel.
    pub bytes: Vec<u8>,
    /// How often it was fetched.
    pub fetched: AtomicUsize,
    /// Done after the wheel is written and before it is handed over.
    pub meanwhile: fn(&Path),
}

impl Fake {
    /// With a wheel that has everything.
    pub fn new() -> Self {
        Self::with(&[
            ("torch/__init__.py", "left out"),
            ("torch/include/ATen/ATen.h", "header"),
            ("torch/lib/libtorch.so", "left out: asks for CUDA"),
            ("torch/lib/libtorch_cpu.so", "library"),
            ("torch/lib/libgomp.so.1", "openmp"),
            ("torch/lib/libtorch_cuda.so", "left out"),
        ])
    }

    /// With a wheel of these members.
    pub fn with(members: &[(&str, &str)]) -> Self {
        let bytes = zip(members);
        let wheel = Wheel {
            requirement: "fake===1",
            file: "fake-1.whl",
            platforms: &["any"],
            bytes: bytes.len() as u64,
            sha256: sha256(&bytes).leak(),
        };
        let recipe = Recipe {
            architecture: "fake",
            wheels: vec![wheel].leak(),
            libraries: &["libtorch_cpu.so", "libgomp.so.1"],
            openmp: "libgomp.so.1",
            needs_stub: true,
            space: 1_000_000,
        };
        Self { recipe, bytes, fetched: AtomicUsize::new(0), meanwhile: |_| () }
    }
}

impl Fetch for Fake {
    fn fetch(&self, wheel: &Wheel, into: &Path) -> Result<PathBuf, Error> {
        self.fetched.fetch_add(1, Ordering::SeqCst);
        let path = into.join(wheel.file);
        fs::write(&path, &self.bytes).unwrap();
        (self.meanwhile)(&path);
        Ok(path)
    }
}
