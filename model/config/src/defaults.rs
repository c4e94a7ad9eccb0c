//! The reference's default config as data: every key and value of `ssl_default_config.yaml` at commit `cb054165`, types
//! included (`1` and `1.0` are different values), as OmegaConf loads it.

use serde_json::Value;

const DEFAULTS: &str = include_str!("defaults.json");

/// The default config, a mapping of sections; the keys stand in the reference's order.
///
/// # Panics
/// Never: the text is part of this program, and a test parses it.
pub fn defaults() -> Value {
    serde_json::from_str(DEFAULTS).expect("the embedded defaults are JSON")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_keep_their_types() {
        let defaults = defaults();
        for (key, value) in [
            ("/optim/lr", json!(0.001)),
            ("/optim/min_lr", json!(1e-6)),
            ("/optim/schedule_trunc_extra", json!(0.0)),
            ("/teacher/final_momentum_teacher", json!(1)),
            ("/student/layerscale", json!(1e-5)),
            ("/student/fp8_enabled", json!(false)),
            ("/gram/loss_weight_schedule", json!(null)),
            ("/train/chunk_schedule", json!([])),
            ("/train/OFFICIAL_EPOCH_LENGTH", json!(1250)),
            ("/checkpointing/keep_every", json!(99_999_999_999_999_999_i64)),
            ("/crops/rgb_mean", json!([0.485, 0.456, 0.406])),
        ] {
            assert_eq!(defaults.pointer(key), Some(&value), "{key}");
        }
    }

    #[test]
    fn sections_stand_in_the_reference_s_order() {
        let sections: Vec<String> = defaults().as_object().unwrap().keys().cloned().collect();
        insta::assert_snapshot!(sections.join(" "), @"MODEL compute_precision dino ibot gram train student teacher distillation multidistillation hrft optim crops evaluation checkpointing");
    }
}
