//! The options that all benchmarks have which measure the reference too, and what paths mean.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;

/// Set by `cargo ci bench` to the folder that it is called in: cargo runs a benchmark in the folder of its crate.
const CALLED_FROM: &str = "DINOV3_CALLED_FROM";

/// Where the reference is, and where the figures go; to be flattened into the arguments of a benchmark.
#[derive(Debug, Args)]
pub struct Common {
    /// Git checkout of facebookresearch/dinov3 at the pinned commit; without it our side is measured alone.
    #[arg(long, value_name = "PATH")]
    pub reference: Option<PathBuf>,
    /// The Python that has the packages of golden/export/requirements.txt.
    #[arg(long, value_name = "PYTHON", default_value = "python3")]
    pub python: PathBuf,
    /// Also write the figures here.
    // Below a benchmark's own options.
    #[arg(long, value_name = "FILE", display_order = 100)]
    pub json: Option<PathBuf>,
    /// Given by `cargo bench` to every benchmark.
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Common {
    /// The Python to run.
    pub(crate) fn python(&self) -> PathBuf {
        program(std::env::var_os(CALLED_FROM), &self.python)
    }
}

/// The end of a benchmark's help, where `different` is what exit code 1 says of the two sides: "do not ...".
pub fn exit_codes(different: &str) -> String {
    format!(
        "\
Relative paths start where `cargo ci` is called.

Exit codes:
  0  measured
  1  the two sides {different}, so that comparing their speed would mean nothing
  2  wrong usage or input, such as another commit of the reference
  3  the environment lacks something, such as a Python package"
    )
}

/// A path as the caller means it: relative to the folder that `cargo ci bench` was called in.
pub fn from_caller(path: &Path) -> PathBuf {
    from(std::env::var_os(CALLED_FROM), path)
}

fn from(folder: Option<OsString>, path: &Path) -> PathBuf {
    folder.map_or_else(|| path.to_owned(), |folder| Path::new(&folder).join(path))
}

/// A name is looked for in `PATH`, anything with a separator is a path.
fn program(folder: Option<OsString>, name: &Path) -> PathBuf {
    if name.components().count() > 1 { from(folder, name) } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_start_where_the_caller_is() {
        let called = |path: &str| from(Some("/home/me".into()), Path::new(path));
        assert_eq!(called("dinov3"), Path::new("/home/me/dinov3"));
        assert_eq!(called("/opt/dinov3"), Path::new("/opt/dinov3"));
        assert_eq!(from(None, Path::new("dinov3")), Path::new("dinov3"));
    }

    #[test]
    fn a_python_without_a_separator_is_a_name() {
        let python = |python: &str| program(Some("/home/me".into()), Path::new(python));
        assert_eq!(python("python3.11"), Path::new("python3.11"));
        assert_eq!(python("venv/bin/python"), Path::new("/home/me/venv/bin/python"));
        assert_eq!(python("/usr/bin/python3"), Path::new("/usr/bin/python3"));
    }
}
