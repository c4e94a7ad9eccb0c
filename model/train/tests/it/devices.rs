//! A device that tch has no name for: libtorch's `meta`, which has shapes, dtypes and devices, and no values.

use std::sync::Arc;

use dinov3_config::SslConfig;
use dinov3_ranks::Alone;
use dinov3_torch::device::{Device, empty};
use dinov3_train::Trainer;
use dinov3_train::optim::{AdamW, Multipliers};
use dinov3_vit::loss::dino::dino_loss;
use dinov3_vit::module::Module;
use tch::Kind;

use crate::fixture;

/// Networks, a batch, DINO's loss with its pairs left out, and the optimizer's state are where they were told to be, though tch reads that place
/// as MPS. No step is taken: libtorch has no convolution for `meta` in C++.
#[test]
fn what_a_step_places_stays_on_a_device_that_tch_cannot_name() {
    let _stream = fixture::stream();
    let arch = fixture::arch(&fixture::merged_config()).to_device(Device::META);
    arch.student.visit(|name, _, tensor| assert_eq!(Device::of(tensor), Device::META, "{name}"));
    let batch = fixture::batch().to(Device::META, Kind::BFloat16);
    for tensor in [&batch.global_crops, &batch.local_crops, &batch.masks, &batch.mask_indices, &batch.masks_weight] {
        assert_eq!(Device::of(tensor), Device::META);
    }
    assert_eq!(batch.global_crops.kind(), Kind::BFloat16);

    let logits = empty(&[2, 4, 96], Kind::Float, Device::META);
    assert_eq!(Device::of(&dino_loss(&logits, &logits, true)), Device::META);

    let multipliers = Multipliers { lr: 1.0, weight_decay: 1.0, is_last_layer: false };
    let parameters = arch.student.parameters().into_iter().map(|(_, parameter)| (parameter, multipliers));
    let optimizer = AdamW::new(parameters.collect(), (0.9, 0.99), true);
    for slot in optimizer.slots() {
        for tensor in [&slot.param, &slot.exp_avg, &slot.exp_avg_sq, &slot.steps] {
            assert_eq!(Device::of(tensor), Device::META);
        }
    }
}

/// A trainer's weights are on the device that it was given, whole ones and sharded ones alike.
#[test]
fn a_trainer_is_made_on_a_device_that_tch_cannot_name() {
    let config = SslConfig::from_merged(&fixture::merged_config()).unwrap();
    for kind in [Kind::Float, Kind::BFloat16] {
        let trainer = Trainer::new(&config, kind, Device::META, Arc::new(Alone)).unwrap();
        trainer
            .arch()
            .student
            .visit(|name, _, tensor| assert_eq!(Device::of(tensor), Device::META, "{kind:?}: {name}"));
    }
}
