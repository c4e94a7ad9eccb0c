//! The reference's side: whether it can be run, and how.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::de::IgnoredAny;

use crate::arguments::{Common, from_caller};
use crate::failure::Failure;
use crate::process::figures;

/// The folder of the reference's programs.
const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/reference");
/// Where the dynamic linker looks first.
const LIBRARY_PATH: &str = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
/// So many processes on average may be running before anything is timed.
const QUIET: f64 = 0.3;

/// A reference that can be run.
#[derive(Clone, Debug)]
pub struct Reference {
    python: PathBuf,
    /// The Python program of the workload.
    program: &'static str,
    checkout: PathBuf,
}

impl Reference {
    /// Looks whether the reference can be run, before anything is timed; `None` without `--reference`. `program` is a file of
    /// `suites/perf/reference/`. A line on standard error says which side will be missing, and another one that the machine is busy.
    ///
    /// # Errors
    /// The Python or the checkout is missing or lacks something; the Python program has said what.
    pub fn find(arguments: &Common, program: &'static str) -> Result<Option<Self>, Failure> {
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

    /// The command that starts the reference's side, for [`figures`]. The reference brings its own libtorch, so ours is taken off the
    /// library path.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(Path::new(PROGRAMS).join(self.program)).arg("--reference").arg(&self.checkout);
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
