//! The commands, each from its arguments to an exit code.

pub mod golden;
pub mod run;
pub mod suites;

use std::path::{Path, PathBuf};

/// The folders of golden sets: those given, or `DINOV3_GOLDEN`, or this repository's.
fn golden_roots(given: &[PathBuf]) -> Vec<PathBuf> {
    if !given.is_empty() {
        return given.to_vec();
    }
    if let Some(root) = std::env::var_os("DINOV3_GOLDEN") {
        return vec![root.into()];
    }
    let here = Path::new("golden/sets");
    let built_from = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../golden/sets"));
    vec![if here.is_dir() { here } else { built_from }.to_owned()]
}

/// The width of the terminal that standard output is, if it is one.
fn width() -> Option<u16> {
    terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| width.0)
}
