//! The suite `training` against the committed sets.

mod candidates;
mod identity;
mod report;

use dinov3_golden::manifest::Profile;
use dinov3_golden::{GoldenSet, find_sets};
use dinov3_suites::Judging;
use dinov3_suites::training::Training;

use crate::fixture;

/// All training sets of the quick profile.
fn quick_sets() -> Vec<GoldenSet> {
    let folders = find_sets(&fixture::sets()).expect("a folder of sets");
    let open = |folder: &std::path::PathBuf| GoldenSet::open(folder).expect("the committed sets are sound");
    let taken = |set: &GoldenSet| Training.takes(set.manifest()) && set.manifest().profile == Profile::Quick;
    folders.iter().map(open).filter(taken).collect()
}
