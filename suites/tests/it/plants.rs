//! Each defect of the registry is caught where the registry says: the right tensor of the right block, or the right stage of the step, by
//! the yardstick alone, as on another machine, and by the bits.
//!
//! Every case runs the real trainer with one mistake, in block 1 where it sits in a block. Without it the same judgement passes, which
//! `identity.rs` shows. Defects of the collectives: `reduce_op.rs`.

use dinov3_golden::{Expectation, Precision, SetJudgement, Stage};
use dinov3_suites::Judging;
use dinov3_suites::defects::{CaughtBy, DEFECTS, Defect, Elsewhere, Plant, Sighting};
use dinov3_suites::layers::Layers;
use dinov3_suites::training::Training;

use crate::fixture::{another_machine, expectation, judged, judged_over, libtorch, set};

/// The judgement of the first step, or of the forward pass, with `defect` in it. None where the bits are to be judged and cannot be expected.
fn planted(
    defect: &'static Defect,
    suite: &str,
    golden: &str,
    precision: Precision,
    by_bits: bool,
) -> Option<SetJudgement> {
    let set = set(golden);
    let expected = if by_bits { expectation(&set, precision) } else { another_machine() };
    if by_bits && expected != Expectation::Identical {
        return None;
    }
    let judging: &dyn Judging = match suite {
        "layers" => &Layers,
        _ => &Training,
    };
    Some(judged_over(judging, &set, precision, Some(Plant { defect, block: 1 }), expected, false))
}

/// What is otherwise than `sighting` says.
fn differences(defect: &'static Defect, sighting: &Sighting) -> Vec<String> {
    let Sighting { suite, set, precision, stage, tensor, by_bits, also, elsewhere } = *sighting;
    let mut found = Vec::new();
    for bits in [false, true] {
        let Some(judgement) = planted(defect, suite, set, precision, bits) else { continue };
        let expected = if bits { by_bits.unwrap_or(tensor) } else { tensor };
        let how = format!("{} in {set} ({}bits)", defect.name, if bits { "" } else { "not by " });
        let first = match stage {
            // The steps that a meter is fed with are not taken here.
            Stage::Trajectory => judgement.first_wrong(),
            _ => judgement.first_divergence(),
        };
        match first {
            Some(first) if (first.stage, first.name.as_str()) == (Some(stage), expected) => {}
            Some(first) => found.push(format!("{how}: {} ({:?}), not {expected}", first.name, first.stage)),
            None => found.push(format!("{how}: not caught")),
        }
        if !judgement.entries.iter().any(|entry| entry.passes()) {
            found.push(format!("{how}: what is before it does not agree"));
        }
        let wrong = |name: &&str| judgement.entries.iter().any(|entry| entry.name == *name && entry.fails());
        found
            .extend(also.iter().filter(|name| !bits && !wrong(name)).map(|name| format!("{how}: {name} is not wrong")));
    }
    found.extend(elsewhere.iter().filter_map(|elsewhere| difference(defect, elsewhere)));
    found
}

/// By the yardstick. In mixed precision that is a thousand times longer: what is smaller than bf16's rounding shows in the bits alone.
fn difference(defect: &'static Defect, elsewhere: &Elsewhere) -> Option<String> {
    let Elsewhere { suite, set, precision, tensor } = *elsewhere;
    let judgement = planted(defect, suite, set, precision, false)?;
    let found = judgement.first_divergence().map(|first| first.name.as_str());
    if found == tensor && (tensor.is_some() || judgement.identical() < judgement.entries.len()) {
        return None;
    }
    Some(format!("{} in {set} at {precision}: {found:?}, not {tensor:?}", defect.name))
}

fn check(suite: &str) {
    let _stream = libtorch();
    let mut checked = 0;
    let mut found = Vec::new();
    for defect in DEFECTS {
        if let CaughtBy::Tensor(sighting) = &defect.caught_by
            && sighting.suite == suite
        {
            found.extend(differences(defect, sighting));
            checked += 1;
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(checked >= 8, "{checked} are not all of them");
}

#[test]
fn nothing_planted_passes() {
    let _stream = libtorch();
    for golden in ["micro", "opt_storage"] {
        let judgement = judged(&set(golden), Precision::Fp32, None, another_machine());
        assert!(judgement.passes(), "{golden}: {:?}", judgement.first_divergence());
    }
}

#[test]
fn defects_of_a_layer_are_named_by_layers() {
    check("layers");
}

#[test]
fn defects_of_the_step_are_named_by_training() {
    check("training");
}
