//! Brings libtorch 2.8 to this machine: one the user names, or the cache, filled by pip where it is empty.

mod error;
mod installed;
mod members;
mod pip;
mod progress;
mod recipe;
#[cfg(test)]
mod stand_in;
mod store;
mod stub;
pub mod torch_npu;
mod wheel;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

pub use error::Error;
use pip::Pip;
use recipe::{Host, Recipe};
use store::Store;

/// Names a libtorch to use instead of a downloaded one.
const OWN: &str = "DINOV3_LIBTORCH";
/// The same, by the name that `torch-sys` reads.
const LIBTORCH: &str = "LIBTORCH";
/// Names the cache folder.
const CACHE: &str = "DINOV3_CACHE";

/// The root of a complete libtorch 2.8, a folder with `include/` and `lib/`.
///
/// In this order: what `DINOV3_LIBTORCH` names, what `LIBTORCH` names, the cache. Only the last is ever written to.
pub fn provide() -> Result<PathBuf, Error> {
    if let Some(root) = named_by_user(|name| env::var_os(name))? {
        return Ok(root);
    }
    let host = Host::this();
    let recipe = Recipe::for_host(host).ok_or(Error::UnsupportedPlatform(host))?;
    let folder = cache_folder(env::var_os(CACHE))?;
    Store::new(&folder, recipe, &Pip::new("python3")).provide()
}

/// The libtorch of another architecture than this machine's, in the cache.
pub fn provide_for(architecture: &'static str) -> Result<PathBuf, Error> {
    let host = Host { architecture, ..Host::this() };
    let recipe = Recipe::for_host(host).ok_or(Error::UnsupportedPlatform(host))?;
    Store::new(&cache_folder(env::var_os(CACHE))?, recipe, &Pip::new("python3")).provide()
}

/// Whether the libtorch at `root` is one that set-up fetched: it lies in the cache, whoever names it.
pub fn is_fetched(root: &Path) -> bool {
    cache_folder(env::var_os(CACHE)).is_ok_and(|cache| root.starts_with(cache))
}

fn named_by_user(variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<PathBuf>, Error> {
    for name in [OWN, LIBTORCH] {
        if let Some(path) = variable(name).filter(|path| !path.is_empty()) {
            return installed::find(name, &absolute(Path::new(&path))?).map(Some);
        }
    }
    Ok(None)
}

/// The user's cache folder, unless a variable names another.
fn cache_folder(named: Option<OsString>) -> Result<PathBuf, Error> {
    match named.filter(|path| !path.is_empty()) {
        Some(path) => absolute(Path::new(&path)),
        None => {
            let strategy = etcetera::choose_base_strategy().map_err(|_| Error::NoCacheFolder)?;
            Ok(strategy.cache_dir().join("dinov3-harness"))
        }
    }
}

/// Child processes may run elsewhere, and a changed spelling would make cargo build `torch-sys` again.
fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|source| Error::io("resolve", path, source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stand_in::libtorch_folder;

    fn variables(own: &Path, libtorch: &Path) -> impl Fn(&str) -> Option<OsString> {
        let (own, libtorch) = (own.as_os_str().to_owned(), libtorch.as_os_str().to_owned());
        move |name| match name {
            OWN => Some(own.clone()),
            LIBTORCH => Some(libtorch.clone()),
            _ => None,
        }
    }

    #[test]
    fn the_harness_s_own_variable_comes_before_libtorch_s() {
        let (ours, theirs) = (libtorch_folder("2.8.0"), libtorch_folder("2.8.1"));
        let found = named_by_user(variables(ours.path(), theirs.path())).unwrap();
        assert_eq!(found.as_deref(), Some(ours.path()));
        let found = named_by_user(variables(Path::new(""), theirs.path())).unwrap();
        assert_eq!(found.as_deref(), Some(theirs.path()));
        assert_eq!(named_by_user(variables(Path::new(""), Path::new(""))).unwrap(), None);
    }

    #[test]
    fn a_wrong_libtorch_is_never_passed_over_in_silence() {
        let (old, good) = (libtorch_folder("2.7.1"), libtorch_folder("2.8.0"));
        let error = named_by_user(variables(old.path(), good.path())).unwrap_err();
        assert!(matches!(error, Error::WrongVersion { variable: OWN, .. }), "{error}");
    }

    #[test]
    fn the_cache_folder_can_be_named() {
        assert_eq!(cache_folder(Some(OsString::from("/data/cache"))).unwrap(), Path::new("/data/cache"));
        assert!(cache_folder(Some(OsString::from("here"))).unwrap().is_absolute());
        assert!(cache_folder(Some(OsString::new())).unwrap().ends_with("dinov3-harness"));
    }
}
