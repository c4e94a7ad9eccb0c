//! The rules between crates, held against cargo's own metadata and the sources: who may use whom, who may know libtorch, and
//! where `unsafe` code is.
//!
//! Seen red: with `tch` among the dependencies of `dinov3-harness`; with `dinov3-golden` among those of `dinov3-vit`; with an
//! `unsafe` block in `reports/src/exit.rs`; with a folder `dist`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// What each crate may use beside crates from elsewhere: the table of ARCHITECTURE.md.
const USES: [(&str, &[&str]); 15] = [
    ("ground", &[]),
    ("config", &["ground"]),
    ("data", &["ground", "config"]),
    ("torch", &["ground", "tch"]),
    ("ranks", &["ground", "torch", "tch"]),
    ("vit", &["ground", "config", "data", "ranks", "torch", "tch"]),
    ("train", &["ground", "config", "data", "ranks", "torch", "vit", "tch"]),
    ("plugins", &["ground"]),
    ("golden", &["ground"]),
    ("reports", &["ground"]),
    ("suites", &["ground", "config", "data", "ranks", "torch", "vit", "train", "golden", "reports", "tch"]),
    ("perf", &["ground", "config", "data", "ranks", "torch", "vit", "train", "golden", "reports", "suites", "tch"]),
    ("harness", &["ground", "config", "data", "ranks", "torch", "golden", "reports", "suites"]),
    ("ci", &["ground"]),
    ("fixtures", &[]),
];

/// The files with `unsafe` code outside `model/torch`, which is where it is allowed for libtorch's sake.
const UNSAFE: [(&str, &str); 1] = [("", "")];

/// The folders of the repository's root that hold code.
const ROOMS: [&str; 6] = ["ci", "golden", "harness", "model", "reports", "suites"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
