//! The same bits as the reference, wherever the fingerprints match.

use dinov3_golden::{Expectation, Precision, Stage};

use crate::fixture::{expectation, judged, libtorch, set};

const MICRO_SIZED: [&str; 5] = ["micro", "opt_plain", "opt_rope", "opt_rope_min", "opt_storage"];

#[test]
fn every_option_at_both_precisions() {
    let _stream = libtorch();
    for name in MICRO_SIZED {
        let set = set(name);
        for precision in [Precision::Fp32, Precision::Bf16] {
            let expected = expectation(&set, precision);
            let judgement = judged(&set, precision, None, expected.clone());
            assert!(judgement.passes(), "{name} {precision}: {:?}", judgement.first_divergence());
            if expected == Expectation::Identical {
                assert_eq!(judgement.identical(), judgement.entries.len(), "{name} {precision}");
            }
        }
    }
}

#[test]
fn vit_small_at_the_published_crops() {
    let _stream = libtorch();
    let set = set("vit_small");
    let expected = expectation(&set, Precision::Fp32);
    let judgement = judged(&set, Precision::Fp32, None, expected);
    assert!(judgement.passes(), "{:?}", judgement.first_divergence());
    assert_eq!(judgement.entries.len(), 786);
}

/// Our float64 arithmetic is the reference's too: the truth of the sets can be replayed, weights excepted, which are recorded
/// after widening.
#[test]
fn the_float64_truth() {
    let _stream = libtorch();
    let set = set("micro");
    let expected = expectation(&set, Precision::Truth);
    if let Expectation::Yardstick { differences } = &expected {
        // The truth has no yardstick, so elsewhere there is nothing to hold it against.
        eprintln!("not checked on this machine: {differences:?}");
        return;
    }
    let judgement = judged(&set, Precision::Truth, None, expected);
    let forward: Vec<_> = judgement.entries.iter().filter(|entry| entry.stage == Some(Stage::Forward)).collect();
    assert!(forward.len() > 200);
    for entry in forward {
        assert!(entry.identical, "{}: {:?}", entry.name, entry.outcome);
    }
}
