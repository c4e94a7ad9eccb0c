//! Golden sets: finding them, and checking that they are whole.

use std::collections::HashSet;
use std::path::PathBuf;

use dinov3_golden::manifest::Profile;
use dinov3_golden::{GoldenSet, Problems, find_sets, verify};

use crate::SuiteError;

/// Opens every set under `roots` (each a set, or a folder of sets), in the order of their folders' names.
///
/// # Errors
/// If a root is missing, or a set's manifest cannot be read.
pub fn open_all(roots: &[PathBuf]) -> Result<Vec<GoldenSet>, SuiteError> {
    folders(roots)?.iter().map(|folder| Ok(GoldenSet::open(folder)?)).collect()
}

/// A folder, and the set in it or why it cannot be opened.
pub type Opened = (PathBuf, Result<GoldenSet, SuiteError>);

/// Every set under `roots` that can be opened, and the error of every other one with its folder.
///
/// # Errors
/// If a root is missing or cannot be listed.
pub fn each(roots: &[PathBuf]) -> Result<Vec<Opened>, SuiteError> {
    let open = |folder: PathBuf| {
        let opened = GoldenSet::open(&folder).map_err(SuiteError::from);
        (folder, opened)
    };
    Ok(folders(roots)?.into_iter().map(open).collect())
}

/// The folders of all sets under `roots`, each once even if the roots overlap.
///
/// # Errors
/// If a root is missing or cannot be listed.
pub fn folders(roots: &[PathBuf]) -> Result<Vec<PathBuf>, SuiteError> {
    let (mut seen, mut folders) = (HashSet::new(), Vec::new());
    for root in roots {
        for folder in find_sets(root)? {
            // A folder that cannot be resolved is identified by its path. Opening it gives the error.
            if seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.clone())) {
                folders.push(folder);
            }
        }
    }
    Ok(folders)
}

/// The sets that `profile` replays, and the errors of those that cannot be opened; at least one.
///
/// # Errors
/// As [`each`], and if there is no set at all.
pub fn of_profile(roots: &[PathBuf], profile: Profile) -> Result<Vec<Opened>, SuiteError> {
    let mut sets = each(roots)?;
    let wanted = |set: &GoldenSet| profile == Profile::Full || set.manifest().profile == Profile::Quick;
    sets.retain(|(_, set)| set.as_ref().map_or(true, wanted));
    if sets.is_empty() {
        let wanted = format!("of the profile `{}`", if profile == Profile::Full { "full" } else { "quick" });
        return Err(SuiteError::NoSet { wanted, roots: roots.to_vec() });
    }
    Ok(sets)
}

/// The set of this name. Sets of other names need not be sound.
///
/// # Errors
/// If a root is missing, the set cannot be read, or no set has the name.
pub fn named(roots: &[PathBuf], name: &str) -> Result<GoldenSet, SuiteError> {
    for folder in folders(roots)? {
        match GoldenSet::open(&folder) {
            Ok(set) if set.manifest().name == name => return Ok(set),
            Err(error) if folder.file_name().is_some_and(|folder| folder == name) => return Err(error.into()),
            Ok(_) | Err(_) => {}
        }
    }
    Err(SuiteError::NoSet { wanted: format!("`{name}`"), roots: roots.to_vec() })
}

/// Refuses a damaged set (`what`: golden set or candidate): a verdict against wrong numbers is worse than none.
///
/// # Errors
/// If a byte of the set differs from its hashes and records; or if a golden set was recorded from a patched checkout.
pub fn sound(what: &'static str, set: &GoldenSet) -> Result<(), SuiteError> {
    let name = || set.manifest().name.clone();
    if what == "golden set" && set.manifest().checkout.as_ref().is_some_and(|checkout| !checkout.clean) {
        return Err(SuiteError::PatchedGolden { name: name() });
    }
    let damaged = |problems: Problems| SuiteError::Damaged { what, name: name(), problems };
    verify(set.dir()).map(drop).map_err(damaged)
}
