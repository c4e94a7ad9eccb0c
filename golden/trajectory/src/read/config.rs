//! What the merged config of a run says that a reader of its log needs: the horizon.

use crate::run::Facts;

/// Keeps the config, and takes the horizon from it unless the log gave one: `optim.epochs` times
/// `train.OFFICIAL_EPOCH_LENGTH`.
pub(super) fn learn(facts: &mut Facts, yaml: &str) {
    let (mut section, mut epochs, mut length) = ("", None, None);
    for line in yaml.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        match (key.strip_prefix("  "), section) {
            (None, _) => section = key,
            (Some("epochs"), "optim") => epochs = value.trim().parse::<u64>().ok(),
            (Some("OFFICIAL_EPOCH_LENGTH"), "train") => length = value.trim().parse::<u64>().ok(),
            _ => {}
        }
    }
    if facts.horizon.is_none() {
        facts.horizon = epochs.zip(length).and_then(|(epochs, length)| epochs.checked_mul(length));
    }
    facts.config = Some(yaml.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_horizon_is_epochs_times_their_length() {
        let yaml =
            "optim:\n  epochs: 8\n  sub:\n    epochs: 9\ntrain:\n  OFFICIAL_EPOCH_LENGTH: 20\nother:\n  epochs: 3\n";
        let mut facts = Facts::default();
        learn(&mut facts, yaml);
        assert_eq!((facts.horizon, facts.config.as_deref()), (Some(160), Some(yaml)));
        let mut given = Facts { horizon: Some(7), ..Facts::default() };
        learn(&mut given, yaml);
        assert_eq!(given.horizon, Some(7));
    }
}
