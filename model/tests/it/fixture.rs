//! A micro network and a batch for it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use dinov3_model::config::SslConfig;
use dinov3_model::config::defaults::defaults;
use dinov3_model::meta_arch::{Batch, SslMetaArch};
use dinov3_model::module::Module;
use dinov3_model::runtime;
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

/// The reference's defaults at micro size.
pub fn merged_config() -> Value {
    let mut config = defaults();
    let head = json!({"head_n_prototypes": 96, "head_bottleneck_dim": 32, "head_hidden_dim": 48});
    let changes = json!({
        "student": {
            "arch": "vit_micro", "patch_size": 8, "n_storage_tokens": 2, "mask_k_bias": true,
            "untie_cls_and_patch_norms": true, "untie_global_and_local_cls_norm": true,
        },
        "dino": head, "ibot": head,
        "crops": {"local_crops_number": 4},
        "optim": {"epochs": 2, "warmup_epochs": 1, "freeze_last_layer_epochs": 0},
        "teacher": {"warmup_teacher_temp_epochs": 1},
        "train": {"OFFICIAL_EPOCH_LENGTH": 50, "batch_size_per_gpu": 2},
    });
    for (section, keys) in changes.as_object().into_iter().flatten() {
        for (key, value) in keys.as_object().into_iter().flatten() {
            config[section][key] = value.clone();
        }
    }
    config
}

/// `merged_config` with one key of `student` replaced.
pub fn with_student(key: &str, value: Value) -> Value {
    let mut config = merged_config();
    config["student"][key] = value;
    config
}

/// Held by every test that draws: libtorch has one random stream a process, and `cargo test` runs many tests in one.
pub fn stream() -> MutexGuard<'static, ()> {
    static STREAM: Mutex<()> = Mutex::new(());
    STREAM.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Initialised and warmed from seed 0.
pub fn arch(config: &Value) -> SslMetaArch {
    let config = SslConfig::from_merged(config).expect("the fixture is a whole config");
    runtime::manual_seed(0);
    let mut arch = SslMetaArch::new(&config);
    arch.init_weights();
    arch.student.warm(0.02);
    arch.teacher.copy_values_from(&arch.student);
    arch
}

/// Two images: 2 global crops of 32 pixels, 4 local ones of 16, half the global crops masked in part.
pub fn batch() -> Batch {
    let options = (Kind::Float, Device::Cpu);
    runtime::manual_seed(1);
    let with_masks = Tensor::from_slice(&[true, false, true, false]).unsqueeze(-1);
    let masks = Tensor::rand([4, 16], options).lt(0.4).logical_and(&with_masks);
    Batch::new(Tensor::randn([4, 3, 32, 32], options), Tensor::randn([8, 3, 16, 16], options), masks)
}
