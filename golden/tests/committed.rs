//! The sets in this repository are sound.

use std::collections::BTreeMap;
use std::path::Path;

use dinov3_golden::{
    Entry, EntryName, Expectation, GoldenSet, Keep, Kind, NameRules, Outcome, Precision, Stage, Storage,
    check_same_recipe, find_sets, judge_set, verify,
};

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

/// Every recording is identical to itself.
#[test]
fn every_set_passes_as_its_own_candidate() {
    for dir in sets() {
        let set = GoldenSet::open(&dir).expect("sound");
        check_same_recipe(set.manifest(), set.manifest()).expect("one recipe");
        for (precision, _) in set.manifest().precisions.iter() {
            let judgement =
                judge_set(&set, &set, precision, Expectation::Identical, NameRules::NONE).expect("comparable");
            assert!(judgement.passes(), "{} at {precision}", dir.display());
            assert_eq!(judgement.count(Outcome::Identical), judgement.entries.len());
            let exact = |it: &dinov3_golden::Metrics| it.non_finite == 0 && it.error_l2.is_finite();
            let errors: Vec<_> = judgement.entries.iter().filter_map(|entry| entry.reference).collect();
            assert!(precision == Precision::Truth || errors.iter().all(exact), "{} at {precision}", dir.display());
        }
    }
}

/// Every entry's name composes from its parts, its stage belongs to its kind, and its storage follows the table of
/// kinds.
#[test]
fn every_name_is_of_a_kind_and_every_kind_is_used() {
    let mut counts: BTreeMap<(Stage, Kind), usize> = BTreeMap::new();
    for dir in sets() {
        let set = GoldenSet::open(&dir).expect("sound");
        let limit = set.manifest().sample_limit;
        for Entry { name, stage, records } in &set.manifest().entries {
            let made = EntryName::new(name.kind(), name.path(), name.call(), name.port());
            assert_eq!(made.as_ref(), Ok(name), "{}", dir.display());
            *counts.entry((*stage, name.kind())).or_default() += 1;
            let keep = name.kind().keep(*stage).expect("the reader refuses others");
            let keep = if set.manifest().keeps_in_full(*stage) { Keep::Full } else { keep };
            for (precision, record) in records.iter() {
                let large = limit.is_some_and(|limit| record.numel().is_none_or(|numel| numel > limit));
                let storage = match keep {
                    Keep::Digest => Storage::Digest,
                    Keep::Limited if large => Storage::Sample,
                    Keep::Limited | Keep::Full => Storage::Full,
                };
                assert_eq!(record.storage, storage, "{name} at {precision} in {}", dir.display());
            }
        }
    }
    let known: usize = Kind::ALL.iter().map(|kind| kind.row().stages.len()).sum();
    assert_eq!(counts.len(), known, "each stage of each kind has an entry somewhere");
    let rows = counts.iter().map(|((stage, kind), count)| format!("{stage:<10} {kind:<10} {count:>5}"));
    insta::assert_snapshot!(rows.collect::<Vec<_>>().join("\n"));
}
