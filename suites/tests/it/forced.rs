//! Forced replay names the operation that is wrong, at fp32 and at bf16 alike, and says nothing of a correct run.
//!
//! Each defect of the registry that a set with recorded activations, or with a training step, can show is planted in our own trainer, in
//! block 1 where it sits in a block. Candidates recorded elsewhere go through the same code.

use dinov3_golden::{GoldenSet, Precision, SetJudgement};
use dinov3_reports::Lang;
use dinov3_reports::message::{Pen, Say};
use dinov3_suites::Judging;
use dinov3_suites::defects::{Plant, named};
use dinov3_suites::forced::{self, Forced, Kept, Recording, explanation};
use dinov3_suites::judging::judge_by_itself;
use dinov3_suites::judging::replay::{Notes, Replay, tensor_of, with_view};
use dinov3_suites::layers::Layers;
use dinov3_suites::training::Training;
use dinov3_torch::device::Device;
use dinov3_torch::runtime;
use dinov3_vit::layers::rope::SinCos;
use tch::Tensor;

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
        let say = |lang| explanation.say(lang, Pen::Plain);
        format!("{name} at {precision}: {}\n{}", say(Lang::En), say(Lang::Zh))
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

/// A tensor of a set's recording.
fn recorded(golden: &GoldenSet, precision: Precision, name: &str) -> Tensor {
    let (_, entry) = golden.manifest().entry(name).expect("an entry of that name");
    tensor_of(golden.recorded(entry, precision).expect("recorded").stored.expect("stored"))
}

/// The first operation that is wrong by itself in a set's recording with another tensor in it, and what is said of it.
fn with_another(golden: &GoldenSet, precision: Precision, name: &str, tensor: &Tensor) -> (String, String) {
    let kept = with_view(tensor, |view| Kept {
        dtype: view.dtype(),
        shape: view.shape().to_vec(),
        stride: 1,
        bytes: view.bytes().to_vec(),
    });
    let recording = Recording::of(golden, precision).unwrap().with([(name.to_owned(), kept)].into());
    let forced = forced::judge(golden, precision, &recording).unwrap();
    let first = forced.defects().next().expect("a defect");
    let said = explanation(first).map(|it| it.say(Lang::En, Pen::Plain));
    (first.own.name.clone(), said.unwrap_or_default())
}

/// Queries rotated by the tables in each other's place. Seen to fail: nothing was said of them.
#[test]
fn swapped_tables_are_called_by_their_name() {
    let _stream = libtorch();
    let golden = set("micro");
    for precision in [Precision::Fp32, Precision::Bf16] {
        let name = "teacher.backbone.blocks.1.attn.apply_rope:0";
        let of = |name: &str| recorded(&golden, precision, name);
        let (sin, cos) = (of("teacher.backbone.rope_embed#1:0"), of("teacher.backbone.rope_embed#1:1"));
        let qkv = of("teacher.backbone.blocks.1.attn.qkv");
        let queries = qkv.unflatten(-1, [3, 2, 32]).select(2, 0).transpose(1, 2);
        let right = SinCos { sin: sin.shallow_clone(), cos: cos.shallow_clone() }.apply(&queries);
        assert!(right.equal(&of(name)), "{precision}: the test rotates as the reference does");
        let (first, said) = with_another(&golden, precision, name, &SinCos { sin: cos, cos: sin }.apply(&queries));
        assert_eq!(first, name);
        assert!(said.starts_with("sine and cosine are swapped, which fits "), "{precision}: {said}");
    }
}

/// A gradient that was averaged where it is summed. Seen to fail: "the output is multiplied by 0.5000".
#[test]
fn a_mean_for_a_sum_is_called_by_its_name() {
    let _stream = libtorch();
    let golden = set("train_micro_10");
    for precision in [Precision::Fp32, Precision::Bf16] {
        let name = "grad:student.backbone.blocks.1.mlp.fc2.weight";
        let gradient = recorded(&golden, precision, name);
        for (factor, words) in [(1.0 / 3.0, "it is divided by 3, a mean "), (4.0, "it is 4 times what it should be")] {
            let (first, said) = with_another(&golden, precision, name, &(&gradient * factor));
            assert_eq!(first, name);
            assert!(said.starts_with(words), "{precision}: {said}");
        }
        let (_, said) = with_another(&golden, precision, name, &(&gradient * 1.02));
        assert!(said.starts_with("the output is multiplied by 1.0"), "{precision}: {said}");
    }
}

/// A defect of Sinkhorn-Knopp leaves the losses and gradients behind it with inputs, which are judged. Seen to fail while assignments were
/// stored in samples: these operations were left out.
#[test]
fn what_is_computed_from_wrong_assignments_is_judged() {
    let _stream = libtorch();
    for precision in [Precision::Fp32, Precision::Bf16] {
        let plant = Plant { defect: named("constant-teacher-temperature").expect("a defect"), block: 1 };
        let (_, forced) = replayed("train_micro_10", precision, Some(plant));
        let wrong: Vec<_> = forced.defects().map(|it| it.own.name.as_str()).collect();
        assert_eq!(wrong, ["sinkhorn:dino", "sinkhorn:ibot"], "{precision}");
        for loss in ["dino_local_crops_loss", "dino_global_crops_loss", "ibot_loss", "total_loss"] {
            assert!(forced.operations.iter().any(|it| it.own.name == format!("loss:{loss}")), "{precision}: {loss}");
        }
    }
}
