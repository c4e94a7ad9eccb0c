//! torch_npu as PyPI has it, beside the libtorch in the cache: what the plugin for NPUs is compiled and linked against.

use std::env;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use dinov3_ground::atomic::{Existing, StagedFolder};
use zip::ZipArchive;

use super::pip::{Fetch, Pip};
use super::recipe::{Host, Wheel};
use super::{CACHE, Error, cache_folder, wheel};

const REQUIREMENT: &str = "torch_npu===2.8.0";

/// A wheel for each architecture of Ascend machines.
const WHEELS: [(&str, Wheel); 2] = [
    (
        "x86_64",
        Wheel {
            requirement: REQUIREMENT,
            file: "torch_npu-2.8.0-cp311-cp311-manylinux_2_28_x86_64.whl",
            platforms: &["manylinux_2_28_x86_64"],
            bytes: 25_867_728,
            sha256: "f437680685581f84c713e4625fdf3d95369856f1a583f38622f34e766f54039d",
        },
    ),
    (
        "aarch64",
        Wheel {
            requirement: REQUIREMENT,
            file: "torch_npu-2.8.0-cp311-cp311-manylinux_2_28_aarch64.whl",
            platforms: &["manylinux_2_28_aarch64"],
            bytes: 23_709_091,
            sha256: "def3e466c46d66303d2ae09775aa7838591b98ea26402fa908247cf8864695af",
        },
    ),
];

/// The folder of the package `torch_npu`, with its headers and libraries, fetched where it is not there yet.
///
/// # Errors
/// If there is none for this machine, or it cannot be fetched.
pub fn provide() -> Result<PathBuf, Error> {
    let host = Host::this();
    let found = WHEELS.iter().find(|(architecture, _)| *architecture == host.architecture);
    let (_, wheel) = found.ok_or(Error::UnsupportedPlatform(host))?;
    let folder = cache_folder(env::var_os(CACHE))?.join(wheel.file.trim_end_matches(".whl"));
    if !folder.is_dir() {
        make(wheel, &folder)?;
    }
    Ok(folder.join("torch_npu"))
}

fn make(wheel: &Wheel, folder: &Path) -> Result<(), Error> {
    let cache = folder.parent().unwrap_or(folder);
    fs::create_dir_all(cache).map_err(|source| Error::io("make", cache, source))?;
    let failed = |source| Error::io("unpack into", folder, source);
    let download = tempfile::tempdir_in(cache).map_err(failed)?;
    let file = Pip::new("python3").fetch(wheel, download.path())?;
    wheel::verify(&file, wheel)?;
    let staged = StagedFolder::create(folder).map_err(failed)?;
    let unpacked = |reason: String| Error::Unpack { file: wheel.file.to_owned(), reason };
    let opened = File::open(&file).map_err(|source| Error::io("read", &file, source))?;
    let mut archive = ZipArchive::new(BufReader::new(opened)).map_err(|error| unpacked(error.to_string()))?;
    archive.extract(staged.temporary_path()).map_err(|error| unpacked(error.to_string()))?;
    // Another process may have made it meanwhile.
    staged.publish(Existing::Replace).map_err(failed)
}
