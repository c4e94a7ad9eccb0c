//! Input that cannot be used: what is wrong, and what to do.

use std::fs;

use crate::support::{Outcome, Place, check};

/// Each line must fail with this exit code before anything is computed, in the form of all errors.
fn refused(place: &Place, code: i32, lines: &[&str]) -> Vec<Outcome> {
    let outcomes: Vec<_> = lines.iter().map(|line| place.run(line)).collect();
    for outcome in &outcomes {
        let text = outcome.transcript();
        assert_eq!(outcome.code, code, "{text}");
        assert!(outcome.stderr.starts_with("error: "), "{text}");
        assert!(outcome.stderr.lines().last().is_some_and(|line| line.starts_with("hint: ")), "{text}");
        assert!(!outcome.stdout.contains("PASS") && !text.contains('\u{1b}'), "{text}");
    }
    outcomes
}

#[test]
fn arguments() {
    let lines = [
        "rum --suite layers",
        "run",
        "run --suite layers --profile ful",
        "run --suite layers --candidate there --device cpu",
        "golden show",
    ];
    check("error-arguments", &refused(&Place::empty(), 2, &lines));
}

#[test]
fn names() {
    let lines = [
        "run --suite precison",
        "run --suite nonsense",
        "run --suite layers --device gpu",
        "run --suite layers --plant gelu",
        "run --suite layers --plant nonsense@1",
        "run --suite layers --plant gelu-tanh@first",
        "run --suite training --plant clip-all-together@1",
    ];
    check("error-names", &refused(&Place::empty(), 2, &lines));
}

#[test]
fn devices_that_are_not_there() {
    let lines = ["run --suite layers --device npu", "run --suite layers --device npu:1"];
    check("error-device", &refused(&Place::empty(), 3, &lines));
    // Most test machines have no GPU, none has this many.
    refused(&Place::empty(), 3, &["run --suite layers --device cuda:4096"]);
}

#[test]
fn reports_that_cannot_be_written() {
    let place = Place::empty();
    fs::write(place.path("file"), "mine").unwrap();
    fs::create_dir(place.path("folder.md")).unwrap();
    let lines = [
        "run --suite layers --report good.md --report report.pdf",
        "run --suite layers --report report",
        "run --suite layers --report file/r.md",
        "run --suite layers --report file/deep/r.md",
        "run --suite layers --report folder.md",
    ];
    let outcomes = refused(&place, 2, &lines);
    assert!(outcomes.iter().all(|outcome| outcome.stdout.is_empty()), "the run had begun");
    check("error-report", &outcomes);
}

#[test]
fn golden_sets_that_are_not_there() {
    let place = Place::empty();
    fs::create_dir(place.path("empty")).unwrap();
    let commands = ["golden list", "golden verify", "golden show micro", "run --suite layers"];
    let lines =
        commands.iter().flat_map(|command| ["nowhere", "empty"].map(|folder| format!("{command} --golden {folder}")));
    let mut lines: Vec<_> = lines.collect();
    lines.push("run --suite layers --candidate nowhere".to_owned());
    lines.push("run --suite layers --candidate empty".to_owned());
    lines.push("run --suite training --golden REFERENCE/opt_plain".to_owned());
    check("error-golden", &refused(&place, 2, &lines.iter().map(String::as_str).collect::<Vec<_>>()));
}
