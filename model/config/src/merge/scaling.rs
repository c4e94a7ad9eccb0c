//! The learning rate's scaling rules for schedules v1. The rules for schedules v2 are applied when the schedules are
//! built.

use serde_json::Value;

use super::{MergeError, is_missing};
use crate::Scaling;

/// The learning rate before and after scaling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaled {
    /// `optim.lr` of the config.
    pub from: f64,
    /// `optim.lr` after scaling.
    pub to: f64,
}

/// Scales `optim.lr` by `optim.scaling_rule` to the global batch of `train.batch_size_per_gpu` on `world_size` ranks:
/// `apply_scaling_rules_to_cfg`, in its order of operations. Returns `None` and changes nothing for a config with
/// `schedules` and for any other rule than `linear_wrt_256` and `sqrt_wrt_1024`.
///
/// # Errors
/// If the learning rate or the batch is not a number.
pub fn apply_scaling_rules(config: &mut Value, world_size: usize) -> Result<Option<Scaled>, MergeError> {
    // For OmegaConf a key with the value null exists, and a key with the value `???` does not.
    if config.get("schedules").is_some_and(|schedules| !is_missing(schedules)) {
        return Ok(None);
    }
    let rule = config.pointer("/optim/scaling_rule").and_then(Value::as_str).unwrap_or_default().to_owned();
    let scaling = Scaling::named(&rule);
    if scaling == Scaling::None {
        return Ok(None);
    }
    let number = |key: &'static str, pointer: &str| {
        let value = config.pointer(pointer).unwrap_or(&Value::Null);
        value.as_f64().ok_or_else(|| MergeError::Scaling { rule: rule.clone(), key, value: value.to_string() })
    };
    let from = number("optim.lr", "/optim/lr")?;
    let batch = number("train.batch_size_per_gpu", "/train/batch_size_per_gpu")?;
    // Whole numbers below 2^53 multiply exactly, as Python's do.
    let to = scaling.apply(from, batch * world_size as f64);
    if let Some(lr) = config.pointer_mut("/optim/lr") {
        *lr = Value::from(to);
    }
    Ok(Some(Scaled { from, to }))
}

#[cfg(test)]
mod tests {
    use dinov3_ground::hint::text;

    use super::*;
    use crate::merge::merged;

    fn scaled(overrides: &[&str], world_size: usize) -> Result<(Option<Scaled>, Value), MergeError> {
        let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
        let mut config = merged(None, &overrides).unwrap().config;
        let scaled = apply_scaling_rules(&mut config, world_size)?;
        Ok((scaled, config["optim"]["lr"].clone()))
    }

    /// The bits that the reference's function gave for these overrides of its defaults.
    #[test]
    fn the_bits_are_the_reference_s() {
        for (overrides, world_size, bits) in SCALED {
            let (scaled, lr) = scaled(overrides, *world_size).unwrap();
            assert_eq!(lr.as_f64().unwrap().to_bits(), *bits, "{overrides:?} on {world_size}");
            assert_eq!(scaled.unwrap().to.to_bits(), *bits);
        }
    }

    #[test]
    fn other_rules_and_schedules_change_nothing() {
        for overrides in
            [&["optim.scaling_rule=none"][..], &["schedules={}"], &["schedules=null"], &["optim.scaling_rule="]]
        {
            assert_eq!(scaled(overrides, 8).unwrap(), (None, Value::from(0.001)), "{overrides:?}");
        }
        assert!(scaled(&["schedules=???"], 8).unwrap().0.is_some());
    }

    #[test]
    fn what_is_no_number_cannot_be_scaled() {
        insta::assert_snapshot!(text(&scaled(&["optim.lr=null"], 8).unwrap_err()), @r"
        `optim.scaling_rule: sqrt_wrt_1024` cannot be applied: `optim.lr` is null
        hint: give a number, or `optim.scaling_rule=none`
        ");
        insta::assert_snapshot!(text(&scaled(&["train.batch_size_per_gpu=many"], 8).unwrap_err()), @r#"
        `optim.scaling_rule: sqrt_wrt_1024` cannot be applied: `train.batch_size_per_gpu` is "many"
        hint: give a number, or `optim.scaling_rule=none`
        "#);
    }

    const SCALED: &[(&[&str], usize, u64)] = &[
        (&[], 8, 0x3f67_2ba4_3fff_3718),
        (&["optim.scaling_rule=linear_wrt_256"], 8, 0x3f60_624d_d2f1_a9fc),
        (
            &["optim.scaling_rule=linear_wrt_256", "train.batch_size_per_gpu=7", "optim.lr=0.0003"],
            3,
            0x3ef9_ce07_5f6f_d21f,
        ),
        (&["train.batch_size_per_gpu=2"], 1, 0x3f27_2ba4_3fff_3718),
        (&["train.batch_size_per_gpu=23", "optim.lr=1.7e-4"], 13, 0x3f38_14bc_340d_751f),
        (&["optim.lr=1"], 5, 0x4001_e377_9b97_f4a8),
        (&["train.batch_size_per_gpu=24.5", "optim.lr=3e-5"], 7, 0x3f09_bf55_1769_26f4),
        (&["optim.scaling_rule=linear_wrt_256", "optim.lr=1"], 1, 0x3fd0_0000_0000_0000),
    ];
}
