//! The reference's side: whether it can be run, and how.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::de::IgnoredAny;

use crate::arguments::{Arguments, from_caller};
use crate::failure::Failure;
use crate::process::figures;

/// Where the dynamic linker looks first.
const LIBRARY_PATH: &str = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
/// So many processes on average may be running before anything is timed.
const QUIET: f64 = 0.3;

/// A reference that can be run.
#[derive(Debug)]
pub struct Reference {
    python: PathBuf,
    /// `reference.py` of the benchmark.
    program: &'static str,
    checkout: PathBuf,
}

impl Reference {
    /// Looks whether the reference can be run, before anything is timed; `None` where there is no `--reference`. Says on
    /// standard error what will be missing in the figures, and what will be in them that should not.
    ///
    /// # Errors
    /// When there is no such Python or checkout, or it lacks something; the program that looked has said what.
    pub fn find(arguments: &Arguments, program: &'static str) -> Result<Option<Self>, Failure> {
        if arguments.reference.is_none() {
            eprintln!("no --reference PATH is given: our side is measured alone");
        }
        if let Some(load) = load().filter(|load| *load > QUIET) {
            eprintln!(
                "warning: {load} processes on average are running here already; their work will be in the figures"
            );
        }
        let Some(checkout) = arguments.reference.as_deref().map(from_caller) else { return Ok(None) };
        let reference = Self { python: arguments.python(), program, checkout };
        figures::<IgnoredAny>(reference.command().arg("--check"))?;
        Ok(Some(reference))
    }

    /// Its program, for [`figures`]. It brings its own libtorch: ours does not come before it in the library path.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(self.program).arg("--reference").arg(&self.checkout);
        let ours = std::env::var_os("LIBTORCH").map(|root| Path::new(&root).join("lib"));
        match std::env::var_os(LIBRARY_PATH).and_then(|path| without(&path, ours.as_deref())) {
            Some(path) => command.env(LIBRARY_PATH, path),
            None => command.env_remove(LIBRARY_PATH),
        };
        command
    }
}

/// The path without one of its folders; `None` where nothing else is on it.
fn without(path: &OsStr, ours: Option<&Path>) -> Option<OsString> {
    let others = std::env::split_paths(path).filter(|folder| Some(folder.as_path()) != ours);
    std::env::join_paths(others).ok().filter(|path| !path.is_empty())
}

/// Running processes, averaged over the last minute.
fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn our_libtorch_is_not_on_its_library_path() {
        let path = |path: &str| without(OsStr::new(path), Some(Path::new("/libtorch/lib")));
        assert_eq!(path("/libtorch/lib:/opt/lib:/usr/lib").unwrap(), "/opt/lib:/usr/lib");
        assert_eq!(path("/opt/lib").unwrap(), "/opt/lib");
        assert_eq!(path("/libtorch/lib"), None);
        assert_eq!(without(OsStr::new("/libtorch/lib"), None).unwrap(), "/libtorch/lib");
    }
}
