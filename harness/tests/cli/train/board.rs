//! The recipe that needs no dataset.

use super::place::{ENVIRONMENT, text};
use crate::support::{Place, is_like_the_recording};

/// The losses that the reference's own program logged of this recipe on these photographs.
const RECORDED: [(u64, f64); 4] =
    [(0, 4.85618257522583), (10, 4.886606216430664), (20, 4.8937883377075195), (30, 4.9041337966918945)];

/// Seen to fail with `student.drop_path_rate=0.0`: the first loss is another.
#[test]
fn a_recipe_on_board_trains_as_the_reference_does_without_any_file() {
    let place = Place::empty();
    let outcome = place.run_in("train --recipe micro-125k --output-dir out --steps 31", &ENVIRONMENT);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let lines = text(&place, "out/training_metrics.json");
    let losses: Vec<(u64, f64)> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| (line["iteration"].as_u64().unwrap(), line["total_loss"].as_f64().unwrap()))
        .collect();
    if is_like_the_recording() {
        assert_eq!(losses, RECORDED);
    } else {
        // Another processor rounds otherwise.
        assert_eq!(losses.len(), RECORDED.len());
    }
    let config = text(&place, "out/config.yaml");
    assert!(config.contains("/out/photographs:extra="), "{config}");
}
