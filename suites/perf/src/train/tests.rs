//! What the benchmark of the training program prints.

use super::{Measured, Round, json, text};
use crate::rounds::Rounds;

fn side(seconds: f64) -> Measured {
    Measured {
        libtorch: "2.8.0".to_owned(),
        capability: "AVX512".to_owned(),
        threads: 2,
        steps: 2500,
        seconds,
        losses: vec![8.25],
        cost_of_watching: None,
        seconds_of_save: None,
        share_of_logging: None,
    }
}

#[test]
fn the_figures_of_two_rounds() {
    let watched = Measured {
        cost_of_watching: Some(1.005),
        seconds_of_save: Some(0.012),
        share_of_logging: Some(0.004),
        ..side(10.15)
    };
    let round = |reference| Round { bare: side(10.0), program: side(10.1), watched: watched.clone(), reference };
    let rounds: Rounds<Round> = [round(Some(side(20.0))), round(Some(side(22.0)))].into_iter().collect();
    insta::assert_snapshot!(text(&rounds));
    let median = json(&rounds)["program_to_bare"]["median"].as_f64().unwrap();
    assert!((median - 10.0 / 10.1).abs() < 1e-12, "{median}");
    let alone: Rounds<Round> = std::iter::once(round(None)).collect();
    assert!(text(&alone).contains("| the reference's program   |                    - |"), "{}", text(&alone));
}
