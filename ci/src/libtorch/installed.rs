//! A libtorch that is already on this machine: is it complete, and is it the right version?

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};

use super::Error;
use super::recipe::VERSION;

const VERSION_HEADER: &str = "include/torch/csrc/api/include/torch/version.h";

/// The root of the libtorch that the user's `variable` names with `path`.
///
/// `path` is a libtorch folder, the `torch` folder of an installed PyTorch, or a `site-packages` that has one.
pub fn find(variable: &'static str, path: &Path) -> Result<PathBuf, Error> {
    let candidates = [path.to_path_buf(), path.join("torch")];
    let Some(root) = candidates.iter().find(|root| missing(root).is_none()) else {
        let missing = missing(path).unwrap_or_default();
        return Err(Error::NotLibtorch { variable, path: path.to_path_buf(), missing });
    };
    match version(root) {
        Some(found) if same_series(&found) => Ok(root.clone()),
        found => {
            let found = found.unwrap_or_else(|| "an unknown version".to_owned());
            Err(Error::WrongVersion { variable, path: root.clone(), found })
        }
    }
}

/// The first thing that a libtorch at `root` lacks, relative to it.
pub fn missing(root: &Path) -> Option<PathBuf> {
    let library = format!("lib/{DLL_PREFIX}torch_cpu{DLL_SUFFIX}");
    if !root.join(&library).is_file() {
        return Some(PathBuf::from(library));
    }
    let headers = Path::new("include/ATen");
    (!root.join(headers).is_dir()).then(|| headers.to_path_buf())
}

/// Version of the libtorch at `root`: from its header, which is what gets compiled, or from what its packagers wrote.
pub fn version(root: &Path) -> Option<String> {
    let read = |file: &str| fs::read_to_string(root.join(file)).ok();
    read(VERSION_HEADER)
        .and_then(|text| from_header(&text))
        .or_else(|| read("version.py").and_then(|text| from_python(&text)))
        .or_else(|| read("build-version").map(|text| text.trim().to_owned()))
}

fn from_header(text: &str) -> Option<String> {
    let part = |name: &str| {
        text.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            let found = words.next() == Some("#define") && words.next() == Some(name);
            words.next().filter(|_| found)?.parse::<u32>().ok()
        })
    };
    let [major, minor, patch] = ["MAJOR", "MINOR", "PATCH"].map(|name| part(&format!("TORCH_VERSION_{name}")));
    Some(format!("{}.{}.{}", major?, minor?, patch?))
}

fn from_python(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
    Some(value.trim().trim_matches(['\'', '"']).to_owned())
}

/// Patch releases have the same interface.
fn same_series(found: &str) -> bool {
    let series = |version: &str| version.split('.').take(2).map(str::to_owned).collect::<Vec<_>>();
    series(found) == series(VERSION)
}

#[cfg(test)]
mod tests {
    use super::super::stand_in::libtorch_folder;
    use super::*;

    #[test]
    fn a_libtorch_folder_and_a_site_packages_folder_are_both_found() {
        let folder = libtorch_folder("2.8.0");
        assert_eq!(find("LIBTORCH", folder.path()).unwrap(), folder.path());
        let site_packages = tempfile::tempdir().unwrap();
        fs::rename(folder.path(), site_packages.path().join("torch")).unwrap();
        assert_eq!(find("LIBTORCH", site_packages.path()).unwrap(), site_packages.path().join("torch"));
    }

    #[test]
    fn patch_releases_and_builds_of_2_8_will_do_and_nothing_else() {
        for good in ["2.8.0", "2.8.1", "2.8.0+cpu", "2.8.0a0+git1234"] {
            assert!(same_series(good), "{good}");
        }
        for bad in ["2.7.1", "2.9.0", "12.8.0", "2.80.0", "2", ""] {
            assert!(!same_series(bad), "{bad}");
        }
    }

    #[test]
    fn the_header_counts_before_what_packagers_wrote() {
        let folder = libtorch_folder("2.8.0");
        fs::write(folder.path().join("version.py"), "__version__ = '2.7.0+cu128'\n").unwrap();
        assert_eq!(version(folder.path()).as_deref(), Some("2.8.0"));
        fs::remove_file(folder.path().join(VERSION_HEADER)).unwrap();
        assert_eq!(version(folder.path()).as_deref(), Some("2.7.0+cu128"));
        fs::remove_file(folder.path().join("version.py")).unwrap();
        fs::write(folder.path().join("build-version"), "2.6.0+cpu\n").unwrap();
        assert_eq!(version(folder.path()).as_deref(), Some("2.6.0+cpu"));
        fs::remove_file(folder.path().join("build-version")).unwrap();
        assert_eq!(version(folder.path()), None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = libtorch_folder("2.8.0");
        fs::remove_dir_all(folder.path().join("include/ATen")).unwrap();
        assert_eq!(missing(folder.path()).as_deref(), Some(Path::new("include/ATen")));
        let error = find("DINOV3_LIBTORCH", folder.path()).unwrap_err();
        assert!(matches!(error, Error::NotLibtorch { .. }), "{error}");
    }

    #[test]
    fn an_unknown_version_is_a_wrong_one() {
        let folder = libtorch_folder("2.8.0");
        fs::remove_file(folder.path().join(VERSION_HEADER)).unwrap();
        let error = find("LIBTORCH", folder.path()).unwrap_err();
        assert!(matches!(error, Error::WrongVersion { .. }), "{error}");
    }
}
