//! Each planted defect is caught, at its stage, and the right value is named: by the yardstick alone, as on another machine, and
//! by the bits.
//!
//! Every case runs the real trainer with one mistake. Without it the same judgement passes, which `identity.rs` shows.

use dinov3_config::fault::{Fault, Plant};
use dinov3_golden::{Expectation, Precision, SetJudgement, Stage};
use dinov3_suites::training::Training;

use crate::fixture::{another_machine, expectation, judged_over, libtorch, set};

/// The judgement of one step with `fault` in it.
fn planted(fault: Fault, golden: &str, by_bits: bool) -> Option<SetJudgement> {
    let (set, precision) = (set(golden), Precision::Fp32);
    let expected = if by_bits { expectation(&set, precision) } else { another_machine() };
    if by_bits && expected != Expectation::Identical {
        return None;
    }
    Some(judged_over(&Training, &set, precision, Some(Plant { fault, block: 0 }), expected, false))
}

/// `stage` and `first` are those of the first divergence that `fault` causes in one step of the set `golden` at fp32.
fn check(fault: Fault, golden: &str, stage: Stage, first: &str) {
    let _stream = libtorch();
    for by_bits in [false, true] {
        let Some(judgement) = planted(fault, golden, by_bits) else { continue };
        assert!(!judgement.passes(), "{} was not caught", fault.name());
        let found = judgement.first_divergence().expect("a judgement that fails has a first divergence");
        assert_eq!((found.stage, found.name.as_str()), (Some(stage), first), "{}, bits: {by_bits}", fault.name());
        assert!(judgement.entries.iter().any(|entry| entry.passes()), "{}: what is before it agrees", fault.name());
    }
}

/// Values besides the first that must be wrong by the yardstick as well.
fn check_also(fault: Fault, golden: &str, also: &[&str]) {
    let _stream = libtorch();
    let judgement = planted(fault, golden, false).expect("the yardstick judges everywhere");
    for name in also {
        let entry = judgement.entries.iter().find(|entry| entry.name == *name).expect("the set has it");
        assert!(entry.fails(), "{}: {name} is {}", fault.name(), entry.outcome);
    }
}

#[test]
fn ema_without_student() {
    check(Fault::EmaWithoutStudent, "train_micro", Stage::Ema, "param:teacher.backbone.cls_token");
}

#[test]
fn weight_decay_on_biases() {
    let (fault, golden) = (Fault::WeightDecayOnBiases, "train_micro_10");
    check(fault, golden, Stage::Optimizer, "groups:wd_multiplier");
    check_also(fault, golden, &["param:student.backbone.blocks.1.mlp.fc1.bias", "param:student.dino_head.mlp.0.bias"]);
}

#[test]
fn gradient_averaged() {
    // The gradient that the backward pass completes first.
    let set = set("train_ranks");
    let first =
        set.manifest().entries.iter().find(|entry| entry.stage == Stage::Backward).expect("there are gradients");
    check(Fault::GradientAveraged, "train_ranks", Stage::Backward, first.name.as_str());
}

#[test]
fn clip_all_together() {
    let (fault, golden) = (Fault::ClipAllTogether, "train_micro");
    check(fault, golden, Stage::Optimizer, "grad_norm:backbone");
    check_also(fault, golden, &["exp_avg:student.backbone.cls_token", "exp_avg_sq:student.backbone.cls_token"]);
}

/// The curve shows it before the step does.
#[test]
fn last_layer_not_frozen() {
    let (fault, golden) = (Fault::LastLayerNotFrozen, "train_micro_10");
    check(fault, golden, Stage::Schedule, "schedule:last_layer_lr");
    let heads = ["dino_head", "ibot_head"].map(|head| format!("param:student.{head}.last_layer.weight"));
    check_also(fault, golden, &heads.each_ref().map(String::as_str));
}

/// Fresh prototypes make even assignments, which a third round hardly changes: those of the CLS tokens by less than rounding.
#[test]
fn two_sinkhorn_iterations() {
    let _stream = libtorch();
    for (by_bits, first) in [(false, "sinkhorn:ibot"), (true, "sinkhorn:dino")] {
        let Some(judgement) = planted(Fault::TwoSinkhornIterations, "train_micro", by_bits) else { continue };
        let found = judgement.first_divergence().expect("it is caught");
        assert_eq!((found.stage, found.name.as_str()), (Some(Stage::Loss), first));
    }
}

#[test]
fn koleo_not_normalised() {
    check(Fault::KoLeoNotNormalised, "train_micro", Stage::Loss, "loss:koleo_loss");
}

#[test]
fn ibot_divided_by_masked_images() {
    check(Fault::IbotDividedByMaskedImages, "train_micro", Stage::Loss, "loss:ibot_loss");
}

#[test]
fn constant_teacher_temperature() {
    let (fault, golden) = (Fault::ConstantTeacherTemperature, "train_micro");
    check(fault, golden, Stage::Schedule, "schedule:teacher_temp");
    check_also(fault, golden, &["sinkhorn:dino", "sinkhorn:ibot", "loss:ibot_loss"]);
}

/// The meters are fed with the recorded values of all steps, so this is judged by the bits on every machine, after one step.
#[test]
fn float32_metric_totals() {
    let _stream = libtorch();
    for by_bits in [false, true] {
        let Some(judgement) = planted(Fault::Float32MetricTotals, "train_micro", by_bits) else { continue };
        let found = judgement.first_wrong().expect("it is caught");
        assert_eq!((found.stage, found.name.as_str()), (Some(Stage::Trajectory), "metric:total_loss"));
    }
}

/// A mistake in a layer is a wrong loss here; the suite `layers` says which layer.
#[test]
fn a_defect_of_a_layer_shows_in_the_step() {
    check(Fault::SwappedQkv, "train_micro_1", Stage::Loss, "sinkhorn:dino");
}
