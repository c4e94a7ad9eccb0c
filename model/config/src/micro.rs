//! The config of a network so small that a step takes milliseconds. Tests and the suite `reduce-op` train it.

use serde_json::{Value, json};

use crate::defaults::defaults;

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

/// [`merged_config`] with one key of `student` replaced.
pub fn with_student(key: &str, value: Value) -> Value {
    let mut config = merged_config();
    config["student"][key] = value;
    config
}
