//! A device that tch has no name for: libtorch's `meta`, which has every op's shapes, dtypes and devices, and no values.

use std::collections::BTreeMap;
use std::sync::Arc;

use dinov3_config::SslConfig;
use dinov3_ranks::Alone;
use dinov3_torch::device::{Device, moved};
use dinov3_train::Trainer;
use dinov3_train::optim::{AdamW, Multipliers};
use dinov3_vit::hook::Hooks;
use dinov3_vit::loss::sinkhorn::{ITERATIONS, Samples, sinkhorn_knopp};
use dinov3_vit::meta_arch::{Batch, Losses, SslMetaArch, Targets, compute_losses};
use dinov3_vit::module::Module;
use serde_json::{Value, json};
use tch::{Kind, Tensor};

use crate::fixture;

/// A config whose step places a tensor wherever a step can: drawn subsets and coordinates, pairs left out, KoLeo over ranks.
fn merged_config() -> Value {
    let mut config = fixture::with_student("drop_path_rate", json!(0.5));
    for (key, value) in [("shift", 0.1), ("jitter", 1.2), ("rescale", 2.0)] {
        config["student"][format!("pos_embed_rope_{key}_coords")] = json!(value);
    }
    config["dino"]["koleo_loss_distributed"] = json!(true);
    config["dino"]["global_ignore_diagonal"] = json!(true);
    config
}

/// Both teacher and student, and the losses between them.
fn losses(config: &SslConfig, arch: &SslMetaArch, batch: &Batch, hooks: &mut Hooks) -> Losses {
    let teacher = arch.teacher_output(batch, hooks);
    let cls = sinkhorn_knopp(&teacher.cls_after_head, 0.07, Samples::Equal, ITERATIONS, &Alone).unwrap();
    let mut count = moved(&Tensor::from_slice(&[batch.mask_indices.size()[0]]), Device::of(&cls));
    let patches = Samples::Counted(&mut count);
    let patches = sinkhorn_knopp(&teacher.masked_patch_after_head, 0.07, patches, ITERATIONS, &Alone).unwrap();
    let student = arch.student_output(batch, hooks);
    let targets = Targets {
        cls_centered: &cls.unflatten(0, [2, batch.images()]),
        masked_patch_centered: &patches,
        local_weight: 1.0,
        gram: None,
    };
    compute_losses(&config.training, batch, &student, &targets, &Alone, hooks).unwrap()
}

/// Every tensor of a step, its gradients and the optimizer's state are where the networks are, and none is where tch says.
///
/// Seen red: with tch's `device()` and `to_device()` at any one of the sites, which then ask for MPS.
#[test]
fn a_step_stays_on_a_device_that_tch_cannot_name() {
    let _stream = fixture::stream();
    let merged = merged_config();
    let config = SslConfig::from_merged(&merged).unwrap();
    let arch = fixture::arch(&merged).to_device(Device::META);
    let batch = fixture::batch().to(Device::META, Kind::Float);
    let mut seen: BTreeMap<String, Device> = BTreeMap::new();
    let mut observer = |name: &str, tensor: &Tensor| {
        seen.insert(name.to_owned(), Device::of(tensor));
    };
    let losses = losses(&config, &arch, &batch, &mut Hooks::to(&mut observer));
    losses.total.backward();

    assert_eq!(Device::of(&losses.total), Device::META);
    // Permutations and weights of losses are numbers of the host.
    let elsewhere: Vec<_> = seen.iter().filter(|(_, device)| **device != Device::META).map(|(name, _)| name).collect();
    assert!(
        elsewhere.iter().all(|name| name.ends_with(".randperm") || *name == "loss:dino_local_loss_weight"),
        "{elsewhere:?}"
    );
    assert!(seen.len() > 80 && !elsewhere.is_empty(), "{} tensors, {elsewhere:?}", seen.len());

    let parameters: Vec<Tensor> = arch.student.parameters().into_iter().map(|(_, tensor)| tensor).collect();
    let multipliers = Multipliers { lr: 1.0, weight_decay: 1.0, is_last_layer: false };
    let optimizer = AdamW::new(parameters.into_iter().map(|it| (it, multipliers)).collect(), (0.9, 0.99), true);
    for slot in optimizer.slots() {
        for tensor in [&slot.param, &slot.exp_avg, &slot.exp_avg_sq, &slot.steps] {
            assert_eq!(Device::of(tensor), Device::META);
        }
    }
}

/// A trainer's weights are on the device that it was given, whole ones and sharded ones alike.
#[test]
fn a_trainer_is_made_on_a_device_that_tch_cannot_name() {
    let config = SslConfig::from_merged(&merged_config()).unwrap();
    for kind in [Kind::Float, Kind::BFloat16] {
        let trainer = Trainer::new(&config, kind, Device::META, Arc::new(Alone)).unwrap();
        trainer
            .arch()
            .student
            .visit(|name, _, tensor| assert_eq!(Device::of(tensor), Device::META, "{kind:?}: {name}"));
    }
}
