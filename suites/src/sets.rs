//! Finding golden sets, and making sure of them.

use std::path::{Path, PathBuf};

use dinov3_golden::manifest::Profile;
use dinov3_golden::{GoldenSet, find_sets, verify};

use crate::SuiteError;

/// Opens every set under `roots` (each a set, or a folder of sets), in the order of their folders' names.
///
/// # Errors
/// When a root is missing, or a set's manifest cannot be read.
pub fn open_all(roots: &[PathBuf]) -> Result<Vec<GoldenSet>, SuiteError> {
    let mut sets = Vec::new();
    for root in roots {
        for folder in find_sets(root)? {
            sets.push(GoldenSet::open(&folder)?);
        }
    }
    Ok(sets)
}

/// The sets that `profile` replays; at least one.
///
/// # Errors
/// As [`open_all`], and when there is no set at all.
pub fn of_profile(roots: &[PathBuf], profile: Profile) -> Result<Vec<GoldenSet>, SuiteError> {
    let mut sets = open_all(roots)?;
    sets.retain(|set| profile == Profile::Full || set.manifest().profile == Profile::Quick);
    if sets.is_empty() {
        let wanted = format!("of the profile `{}`", if profile == Profile::Full { "full" } else { "quick" });
        return Err(SuiteError::NoSet { wanted, roots: roots.to_vec() });
    }
    Ok(sets)
}

/// The set of this name.
///
/// # Errors
/// As [`open_all`], and when no set has the name.
pub fn named(roots: &[PathBuf], name: &str) -> Result<GoldenSet, SuiteError> {
    let found = open_all(roots)?.into_iter().find(|set| set.manifest().name == name);
    found.ok_or_else(|| SuiteError::NoSet { wanted: format!("`{name}`"), roots: roots.to_vec() })
}

/// Refuses a damaged set: a verdict against wrong numbers is worse than none.
///
/// # Errors
/// When a byte of the set is not what its hashes and records say.
pub fn sound(folder: &Path, name: &str) -> Result<(), SuiteError> {
    verify(folder)
        .map(drop)
        .map_err(|problems| SuiteError::Damaged { name: name.to_owned(), problems: problems.to_string() })
}
