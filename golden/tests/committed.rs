//! The sets in this repository are sound.

use std::path::Path;

use dinov3_golden::{Expectation, GoldenSet, Outcome, Precision, check_same_recipe, find_sets, judge_set, verify};

fn sets() -> Vec<std::path::PathBuf> {
    find_sets(&Path::new(env!("CARGO_MANIFEST_DIR")).join("sets")).expect("a folder of sets")
}

#[test]
fn every_set_verifies() {
    let sets = sets();
    assert!(!sets.is_empty(), "there is no set");
    for dir in sets {
        if let Err(problems) = verify(&dir) {
            panic!("{}\n{problems}", dir.display());
        }
    }
}

/// Whatever the recording, it is identical to itself.
#[test]
fn every_set_passes_as_its_own_candidate() {
    for dir in sets() {
        let set = GoldenSet::open(&dir).expect("sound");
        check_same_recipe(set.manifest(), set.manifest()).expect("one recipe");
        for (precision, _) in set.manifest().precisions.iter() {
            let judgement = judge_set(&set, &set, precision, Expectation::Identical).expect("comparable");
            assert!(judgement.passes(), "{} at {precision}", dir.display());
            assert_eq!(judgement.count(Outcome::Identical), judgement.entries.len());
            let exact = |it: &dinov3_golden::Metrics| it.non_finite == 0 && it.error_l2.is_finite();
            let errors: Vec<_> = judgement.entries.iter().filter_map(|entry| entry.reference).collect();
            assert!(precision == Precision::Truth || errors.iter().all(exact), "{} at {precision}", dir.display());
        }
    }
}
