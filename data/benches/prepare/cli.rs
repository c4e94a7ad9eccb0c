//! The arguments as they are typed, and the paths that they mean.

use std::path::{Path, PathBuf};

use clap::Parser;

/// Set by `cargo ci bench` to the folder that it is called in: cargo runs a benchmark in the folder of its crate.
const CALLED_FROM: &str = "DINOV3_CALLED_FROM";

/// Times the making of ImageNet's tables beside the reference's `dump_extra`: the same generated tree, in turn.
#[derive(Debug, Parser)]
#[command(name = "cargo ci bench prepare --", bin_name = "cargo ci bench prepare --", after_help = EXIT_CODES)]
pub struct Arguments {
    /// Git checkout of facebookresearch/dinov3 at the pinned commit; without it our side is measured alone.
    #[arg(long, value_name = "PATH")]
    pub reference: Option<PathBuf>,
    /// The Python that has the packages of golden/export/requirements.txt.
    #[arg(long, value_name = "PYTHON", default_value = "python3")]
    pub python: PathBuf,
    /// Images of the tree.
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub images: u32,
    /// Classes of the tree.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub classes: u32,
    /// How often both sides are timed, in turn.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// In which folder the tree is made; it is removed again. The system's folder for temporary files by default.
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Empty the kernel's caches before each timing (Linux, as root); otherwise both sides find the folders in memory.
    #[arg(long)]
    pub cold: bool,
    /// Given by `cargo bench` to every benchmark.
    #[arg(long, hide = true)]
    pub bench: bool,
}

const EXIT_CODES: &str = "\
Relative paths start where `cargo ci` is called.

Exit codes:
  0  measured
  1  the two sides do not write the same tables, so that comparing their speed would mean nothing
  2  wrong usage or input, such as another commit of the reference
  3  the environment lacks something, such as a Python package";

impl Arguments {
    /// The Python to run: a name is looked for in `PATH`, anything with a separator is a path.
    pub fn python(&self) -> PathBuf {
        if self.python.components().count() > 1 { from_caller(&self.python) } else { self.python.clone() }
    }
}

/// A path as the caller means it.
pub fn from_caller(path: &Path) -> PathBuf {
    std::env::var_os(CALLED_FROM).map_or_else(|| path.to_owned(), |folder| Path::new(&folder).join(path))
}
