//! Forced replay names the operation that is wrong, at fp32 and at bf16 alike, and says nothing of a correct run.
//!
//! Each defect of the registry that a set with recorded activations, or with a training step, can show is planted in our own trainer, in
//! block 1 where it sits in a block. Candidates recorded elsewhere go through the same code.

use dinov3_golden::{Precision, SetJudgement};
use dinov3_suites::Judging;
use dinov3_suites::defects::{Plant, named};
use dinov3_suites::forced::{Forced, explanation};
use dinov3_suites::judging::judge_by_itself;
use dinov3_suites::judging::replay::{Notes, Replay};
use dinov3_suites::layers::Layers;
use dinov3_suites::training::Training;
use dinov3_torch::device::Device;
use dinov3_torch::runtime;

use crate::fixture::{another_machine, libtorch, set};

/// A defect, a set that shows it, and the first operation that is wrong by itself.
const NAMED: &[(&str, &str, &str)] = &[
    ("gelu-tanh", "micro", "teacher.backbone.blocks.1.mlp.act"),
    ("layer-norm-eps", "micro", "teacher.backbone.blocks.1.norm1"),
    ("rope-on-prefix", "micro", "teacher.backbone.blocks.1.attn.apply_rope:0"),
    ("rope-fp32", "micro", "teacher.backbone.rope_embed#1:0"),
    ("swapped-qkv", "micro", "teacher.backbone.blocks.1.attn.apply_rope:0"),
    ("no-layer-scale", "micro", "teacher.backbone.blocks.1.ls1"),
    ("stochastic-depth-scale", "micro", "student.backbone.blocks.1.norm2:in"),
    ("gelu-tanh", "train_micro_10", "teacher.backbone.blocks.1.mlp.act"),
    ("swapped-qkv", "train_micro_10", "teacher.backbone.blocks.1.attn.apply_rope:0"),
    ("ema-without-student", "train_micro_10", "param:teacher.backbone.cls_token"),
    ("ema-without-student", "train_vit_small", "param:teacher.backbone.cls_token"),
    ("weight-decay-on-biases", "train_micro_10", "param:student.backbone.patch_embed.proj.bias"),
    ("clip-all-together", "train_micro_10", "grad_norm:backbone"),
    ("last-layer-not-frozen", "train_micro_10", "param:student.dino_head.last_layer.weight"),
    ("two-sinkhorn-iterations", "train_micro_10", "sinkhorn:ibot"),
    ("koleo-not-normalised", "train_micro_10", "loss:koleo_loss"),
    ("ibot-divided-by-masked-images", "train_micro_10", "loss:ibot_loss"),
    ("constant-teacher-temperature", "train_micro_10", "sinkhorn:dino"),
];

fn replayed(golden: &str, precision: Precision, plant: Option<Plant>) -> (SetJudgement, Forced) {
    let set = set(golden);
    runtime::set_threads(2);
    let suite: &dyn Judging = if golden.starts_with("train") { &Training } else { &Layers };
    let replay = Replay { precision, device: Device::Cpu, plant, free_run: false, notes: Notes::default() };
    judge_by_itself(suite, &set, replay, another_machine()).expect("the committed sets are sound")
}

fn precisions(golden: &str) -> &'static [Precision] {
    if golden == "train_vit_small" { &[Precision::Fp32] } else { &[Precision::Fp32, Precision::Bf16] }
}

/// Every row at both precisions: the first operation that is wrong by itself is the one where the defect sits.
#[test]
fn a_defect_is_named_by_its_own_operation() {
    let _stream = libtorch();
    let mut found = Vec::new();
    for (name, golden, tensor) in NAMED {
        let plant = Plant { defect: named(name).expect("a defect of the registry"), block: 1 };
        for precision in precisions(golden) {
            let (_, forced) = replayed(golden, *precision, Some(plant));
            let first = forced.defects().next().map(|it| it.own.name.as_str());
            if first != Some(*tensor) {
                found.push(format!("{name} in {golden} at {precision}: {first:?}, not {tensor}"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Without a defect nothing is wrong, and something was compared.
#[test]
fn a_correct_run_has_no_defect() {
    let _stream = libtorch();
    for (golden, at_least) in [("micro", 230), ("train_micro_10", 560), ("train_micro_1", 240), ("train_ranks", 240)] {
        for precision in [Precision::Fp32, Precision::Bf16] {
            let (_, forced) = replayed(golden, precision, None);
            let wrong: Vec<_> = forced.defects().map(|it| &it.own.name).collect();
            assert!(wrong.is_empty(), "{golden} at {precision}: {wrong:?}");
            assert!(forced.operations.len() >= at_least, "{golden} at {precision}: {}", forced.operations.len());
        }
    }
}

/// What the report says of a defect whose shape is known.
#[test]
fn a_known_mistake_is_called_by_its_name() {
    let _stream = libtorch();
    let told = |name: &str, golden: &str, precision| {
        let plant = Plant { defect: named(name).expect("a defect of the registry"), block: 1 };
        let (_, forced) = replayed(golden, precision, Some(plant));
        let first = forced.defects().next().expect("a defect");
        let explanation = explanation(first).expect("a known mistake");
        let say = |lang| dinov3_reports::message::Say::say(&explanation, lang, dinov3_reports::message::Pen::Plain);
        format!("{name} at {precision}: {}\n{}", say(dinov3_reports::Lang::En), say(dinov3_reports::Lang::Zh))
    };
    let all = [Precision::Fp32, Precision::Bf16].map(|precision| {
        [
            told("ema-without-student", "train_micro_10", precision),
            told("weight-decay-on-biases", "train_micro_10", precision),
            told("two-sinkhorn-iterations", "train_micro_10", precision),
            told("gelu-tanh", "micro", precision),
        ]
        .join("\n")
    });
    insta::assert_snapshot!(all.join("\n\n"));
}
