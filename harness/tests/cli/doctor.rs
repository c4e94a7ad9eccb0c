//! `doctor` and `completions`.

use serde_json::Value;

use crate::support::Place;

/// On the processor this machine lacks nothing; a script reads state, finding and fix.
#[test]
fn the_processor_is_fit() {
    let place = Place::empty();
    let outcome = place.run("doctor --device cpu --golden REFERENCE --format json");
    let said: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((outcome.code, outcome.stderr.as_str(), &said["ok"]), (0, "", &Value::Bool(true)), "{}", outcome.stdout);
    let lines = said["lines"].as_array().unwrap();
    let items: Vec<_> = lines.iter().filter_map(|line| line["item"].as_str()).collect();
    assert!(items.starts_with(&["libtorch", "golden-sets"]) && items.contains(&"disk"), "{items:?}");
    assert!(lines.iter().all(|line| line["en"].is_string() && line["says"].is_object()), "{}", outcome.stdout);
}

/// What is required and not there is exit code 3, in text as in JSON, and each language has the same lines.
#[test]
fn a_machine_that_lacks_something_is_not() {
    let place = Place::empty();
    let bad =
        |outcome: &crate::support::Outcome| outcome.stdout.lines().any(|line| line.starts_with("missing  golden-sets"));
    let outcome = place.run("doctor --device cpu --golden nowhere");
    assert!(outcome.code == 3 && bad(&outcome), "{}", outcome.transcript());
    assert!(outcome.stdout.contains("fix: name their folder with --golden"), "{}", outcome.stdout);
    let outcome = place.run("doctor --device cpu --golden nowhere --lang zh");
    assert!(outcome.code == 3 && outcome.stdout.contains("缺失     golden-sets"), "{}", outcome.transcript());
}

/// The same lines are in the JSON of a report.
#[test]
fn a_report_has_the_lines() {
    let place = Place::with_sets(&["set"]);
    let outcome = place.run("run --suite layers --golden set --report report.json");
    assert_eq!(outcome.code, 0, "{}", outcome.transcript());
    let report: Value = serde_json::from_slice(&std::fs::read(place.path("report.json")).unwrap()).unwrap();
    let lines = report["environment"]["doctor"].as_array().unwrap();
    assert!(lines.iter().any(|line| line["item"] == "cpu-affinity"), "{lines:?}");
}

#[test]
fn shells_and_the_manual_know_the_arguments() {
    let place = Place::empty();
    for shell in ["bash", "zsh", "fish"] {
        let outcome = place.run(&format!("completions {shell}"));
        assert!(outcome.code == 0 && outcome.stdout.contains("doctor"), "{}", outcome.transcript());
    }
    assert_eq!(place.run("completions --man man1").code, 0);
    for page in ["dinov3-harness.1", "dinov3-harness-doctor.1", "dinov3-harness-run.1"] {
        assert!(place.path("man1").join(page).is_file(), "{page}");
    }
    assert_eq!(place.run("completions").code, 2);
}
