//! `train --trace` and `--ulp-seed`: what the suite `trajectory` compares to the bit, and runs that show how far a training strays.

use super::place::{place, text, train};

const SHORT: &str = "optim.epochs=1 checkpointing.period=8 evaluation.eval_period_iterations=0";

/// A run in two legs has the trace of one in one: a line each step, in order, and a state after every fifth. What a leg wrote of steps that
/// the next one takes again is gone.
#[test]
fn a_trace_does_not_show_where_a_run_was_stopped() {
    let place = place();
    assert_eq!(train(&place, &format!("--output-dir whole --trace 5 {SHORT}")).code, 0);
    assert_eq!(train(&place, &format!("--output-dir parts --trace 5 --steps 11 {SHORT}")).code, 0);
    // As after a kill: the checkpoint of step 11 never was, and the trace is ahead of the one of step 8.
    std::fs::remove_dir_all(place.path("parts/ckpt/10")).unwrap();
    assert_eq!(train(&place, &format!("--output-dir parts --trace 5 {SHORT}")).code, 0);
    for file in ["steps.jsonl", "states.jsonl"] {
        assert_eq!(text(&place, &format!("parts/{file}")), text(&place, &format!("whole/{file}")));
    }
    let states = text(&place, "whole/states.jsonl");
    let steps: Vec<u64> = states
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["step"].as_u64().unwrap())
        .collect();
    assert_eq!(steps, [5, 10, 15, 20]);
    assert_eq!(text(&place, "whole/steps.jsonl").lines().count(), 20);
}

/// Weights that are an ulp off give another run, of nearly the same losses; the same seed gives the same run.
#[test]
fn first_weights_an_ulp_off_are_another_run() {
    let place = place();
    for (out, more) in [("plain", ""), ("a", "--ulp-seed 1"), ("b", "--ulp-seed 1"), ("c", "--ulp-seed 2")] {
        assert_eq!(train(&place, &format!("--output-dir {out} --trace 1 --steps 2 {more} {SHORT}")).code, 0);
    }
    let [plain, a, b, c] = ["plain", "a", "b", "c"].map(|out| text(&place, &format!("{out}/states.jsonl")));
    assert_eq!(a, b);
    assert!(plain != a && a != c);
    let loss = |out: &str| -> f64 {
        let line = text(&place, &format!("{out}/steps.jsonl"));
        serde_json::from_str::<serde_json::Value>(line.lines().next().unwrap()).unwrap()["total_loss"].as_f64().unwrap()
    };
    assert!((loss("plain") / loss("a") - 1.0).abs() < 1e-3, "{} {}", loss("plain"), loss("a"));
    let refused = train(&place, &format!("--output-dir two --nproc 2 --ulp-seed 1 {SHORT}"));
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("`--ulp-seed` is for one rank"), "{}", refused.stderr);
}
