//! What the benchmark of the training step counts, refuses and prints.

use dinov3_train::products::{Crops, Step, step_flops};

use super::measured::{Measured, Products};
use super::{Figures, Round, json, text};

fn side(seconds: f64, peak_mib: u64) -> Measured {
    Measured {
        libtorch: "2.8.0".to_owned(),
        capability: "AVX512".to_owned(),
        threads: 2,
        first_loss: 8.25,
        last_loss: 7.5,
        steps: 60,
        seconds,
        peak_bytes: peak_mib << 20,
        libraries_bytes: 120 << 20,
        mkl_is_mistaken: false,
        products: None,
    }
}

fn ours(seconds: f64) -> Measured {
    Measured { products: Some(Products { step_flops: 4e8, gemm_flops: 9e10 }), ..side(seconds, 160) }
}

fn figures<const N: usize>(recipe: &str, rounds: [Round; N]) -> Figures {
    Figures { recipe: recipe.to_owned(), rounds: rounds.into_iter().collect() }
}

/// Counted by hand. torch's own counter finds 0.014 % more in a step of micro: the products within the losses.
#[test]
fn operations_are_those_of_the_products() {
    let shapes: [(&str, &[i64]); 11] = [
        ("student.backbone.patch_embed.proj.weight", &[2, 3, 1, 1]),
        ("student.backbone.mask_token", &[1, 2]),
        ("student.backbone.blocks.0.norm1.weight", &[2]),
        ("student.backbone.blocks.0.attn.qkv.weight", &[6, 2]),
        ("student.backbone.blocks.0.attn.proj.weight", &[2, 2]),
        ("student.backbone.blocks.0.mlp.fc1.weight", &[4, 2]),
        ("student.backbone.blocks.0.mlp.fc2.weight", &[2, 4]),
        ("student.dino_head.mlp.0.weight", &[3, 2]),
        ("student.dino_head.last_layer.weight", &[5, 3]),
        ("student.ibot_head.mlp.0.weight", &[3, 2]),
        ("student.ibot_head.last_layer.weight", &[5, 3]),
    ];
    let student = shapes.map(|(name, shape)| (name.to_owned(), shape.to_vec()));
    let step = Step {
        global: Crops { number: 2, patches: 4 },
        local: Crops { number: 4, patches: 1 },
        masked: 3,
        prefix: 1,
        drop_path: 0.5,
    };
    // Patch embedding, linear layers of the blocks, attention, DINO's head, iBOT's head.
    let teacher = 96.0 + 640.0 + 400.0 + 84.0 + 126.0;
    let student_pass = 2.0 * 144.0 + 3.0 * (576.0 + 264.0 + 252.0 + 126.0);
    assert_eq!(step_flops(&student, &step), teacher + student_pass);
}

#[test]
fn sides_that_compute_something_else_are_not_compared() {
    let ours = ours(1.0);
    let refusal = |change: fn(&mut Measured)| {
        let mut reference = side(2.0, 700);
        change(&mut reference);
        ours.differs_from(&reference).unwrap_or_default()
    };
    assert_eq!(refusal(|_| ()), "");
    assert_eq!(refusal(|reference| reference.first_loss *= 1.0 + 9e-5), "");
    insta::assert_snapshot!(refusal(|reference| reference.first_loss = 8.26), @"the loss of the first step is 8.25 on our side, 8.26 on the reference's");
    insta::assert_snapshot!(refusal(|reference| reference.first_loss = f64::NAN), @"the loss of the first step is 8.25 on our side, NaN on the reference's");
    insta::assert_snapshot!(refusal(|reference| reference.threads = 4), @"the number of threads is 2 on our side, 4 on the reference's");
    insta::assert_snapshot!(refusal(|reference| reference.capability = "AVX2".to_owned()), @"the instruction set is AVX512 on our side, AVX2 on the reference's");
    insta::assert_snapshot!(refusal(|reference| reference.libtorch = "2.9.0".to_owned()), @"libtorch is 2.8.0 on our side, 2.9.0 on the reference's");
    insta::assert_snapshot!(refusal(|reference| reference.steps = 3), @"the number of steps is 60 on our side, 3 on the reference's");
}

#[test]
fn the_figures_read_well() {
    let paired = |ours_seconds, seconds, last_loss| Round {
        ours: ours(ours_seconds),
        reference: Some(Measured { last_loss, ..side(seconds, 750) }),
    };
    let rounds = [paired(1.0, 2.0, 7.5), paired(1.5, 2.7, 7.5), paired(1.1, 2.1, 7.5)];
    let compared = figures("micro, 8 images", rounds);
    let parted = figures("vit_small, 4 images", [paired(20.0, 30.0, 7.6)]);
    let alone = Round { ours: ours(120.0), reference: None };
    let alone = figures("vit_large, 2 images", [alone]);
    let all = [compared, parted, alone];
    insta::assert_snapshot!("step", text(&all));
    let as_json = json(&all);
    assert_eq!(as_json["recipes"][0]["ratio"]["median"], 2.1 / 1.1);
    assert_eq!(as_json["recipes"][0]["rounds"][1]["reference"]["seconds"], 2.7);
    assert_eq!(as_json["recipes"][2]["ratio"], serde_json::Value::Null);
    let mistaken = Round { ours: Measured { mkl_is_mistaken: true, ..ours(1.0) }, reference: None };
    let told = text(&[figures("micro, 8 images", [mistaken])]);
    assert!(told.ends_with("DINOV3_MKL=as-shipped in the environment has both take the same.\n"), "{told}");
}
