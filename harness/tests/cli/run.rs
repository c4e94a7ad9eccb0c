//! `run`: verdicts, candidates and reports.

use std::fs;

use dinov3_reports::{Judged, Verdict, json};

use crate::support::{Place, assert_identical, check, is_like_the_recording};

#[test]
fn our_own_trainer_passes() {
    let outcome = Place::empty().run("run --suite precision --golden REFERENCE/opt_plain");
    assert_identical(&outcome);
    check("run", &[outcome]);
}

#[test]
fn a_planted_fault_is_found_and_its_place_named() {
    let outcome = Place::empty().run("run --suite layers --golden REFERENCE/micro --plant gelu-tanh@1");
    assert_eq!(outcome.code, 1);
    let first = "teacher.backbone.blocks.1.mlp.act is wrong by itself ";
    assert!(outcome.stdout.contains(first), "{}", outcome.stdout);
    // How many tensors are identical, and that the bits alone betray it in bf16, is for machines like that of the recording.
    if is_like_the_recording() {
        check("run-plant", &[outcome]);
    }
}

#[test]
fn our_own_step_from_the_references_state_passes() {
    let outcome = Place::empty().run("run --suite training --golden REFERENCE/train_micro_10");
    assert_identical(&outcome);
    check("run-training", &[outcome]);
}

#[test]
fn a_fault_planted_in_the_step_is_found_and_its_stage_named() {
    let line = "run --suite training --golden REFERENCE/train_micro_10 --plant clip-all-together";
    // By the yardstick too, where the bits cannot be expected.
    for line in [line.to_owned(), format!("{line} --no-pins")] {
        let outcome = Place::empty().run(&line);
        assert_eq!(outcome.code, 1);
        let start = "grad_norm:backbone is wrong by itself (stage optimizer)";
        assert_eq!(outcome.stdout.matches(start).count(), 2, "{}", outcome.stdout);
    }
}

/// A set is for one suite of the group; the other has nothing to do, which is no mistake.
#[test]
fn a_group_runs_those_of_its_suites_that_a_set_is_for() {
    let outcome = Place::empty().run("run --suite precision --golden REFERENCE/train_micro_10");
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(!outcome.stdout.contains("layers/") && outcome.stdout.contains("training/"), "{}", outcome.stdout);
}

#[test]
fn a_fault_that_could_not_show_is_vacuous() {
    // A network of SwiGLU has no GELU, and one of three blocks no hundredth.
    for (plant, told) in
        [("gelu-tanh@1", "changes nothing here"), ("gelu-tanh@99", "is planted in no block of this network")]
    {
        let outcome = Place::empty().run(&format!("run --suite layers --golden REFERENCE/opt_plain --plant {plant}"));
        assert_eq!(outcome.code, 1, "{}", outcome.stdout);
        assert!(outcome.stdout.contains(&format!("{plant} {told}")), "{}", outcome.stdout);
    }
}

#[test]
fn without_pins_the_yardstick_decides() {
    let outcome = Place::empty().run("run --suite layers --golden REFERENCE/opt_plain --no-pins --format json");
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(json::from_json(&outcome.stdout).unwrap().environment.pins, []);
}

#[test]
fn a_candidate_of_the_same_bits_passes() {
    let place = Place::with_candidate();
    let outcome = place.run("run --suite precision --golden REFERENCE/opt_plain --candidate candidate");
    assert_identical(&outcome);
    check("run-candidate", &[outcome]);
}

#[test]
fn a_candidate_of_another_recipe_is_refused() {
    let place = Place::with_sets(&["candidate"]);
    place.edit_manifest("candidate", "\"seed\": 0,", "\"seed\": 1,");
    let outcome = place.run("run --suite layers --golden REFERENCE --candidate candidate");
    let said =
        "error: the candidate was not recorded from the recipe of `opt_plain`:\n  recipe.seed: golden 0, candidate 1\n";
    assert!(outcome.code == 2 && outcome.stderr.starts_with(said), "{}", outcome.stderr);
}

#[test]
fn an_incomplete_candidate_is_refused() {
    let place = Place::with_sets(&["candidate"]);
    fs::remove_file(place.path("candidate/bf16.safetensors")).unwrap();
    check("run-candidate-incomplete", &[place.run("run --suite layers --golden REFERENCE --candidate candidate")]);
}

#[test]
fn a_damaged_golden_set_is_refused() {
    let place = Place::with_sets(&["sets/opt_plain"]);
    place.flip_a_bit("sets/opt_plain/truth.safetensors");
    let outcome = place.run("run --suite layers --golden sets");
    assert_eq!(outcome.code, 2);
    assert!(
        outcome.stderr.starts_with("error: ") && outcome.stderr.contains("truth.safetensors"),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stdout.contains("PASS"), "{}", outcome.stdout);
}

/// Data alone on standard output, whatever the format, and people are still told.
#[test]
fn every_format_parses() {
    let place = Place::with_candidate();
    let print = |format: &str| {
        let outcome = place
            .run(&format!("run --suite layers --golden REFERENCE/opt_plain --candidate candidate --format {format}"));
        assert_eq!(outcome.code, 0, "{format}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("PASS 2 passed"), "{format}: {}", outcome.stderr);
        outcome.stdout
    };
    let report = json::from_json(&print("json")).unwrap();
    assert!(report.checks().all(|check| check.verdict == Verdict::Pass));
    assert_eq!(report.environment.judged, Judged::Candidate { folder: "candidate".to_owned() });
    let junit = quick_junit::Report::deserialize_from_str(&print("junit")).unwrap();
    assert_eq!((junit.tests, junit.failures), (2, 0));
    assert!(print("markdown").starts_with("# dinov3-harness: PASS\n"));
    assert_eq!(print("csv").lines().count(), 3);
}

#[test]
fn a_failing_run_fails_in_every_format() {
    let place = Place::empty();
    let outcome = place
        .run("run --suite layers --golden REFERENCE/opt_plain --plant rope-on-prefix --report r.xml --format json");
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    let report = json::from_json(&outcome.stdout).unwrap();
    assert!(report.checks().any(|check| matches!(check.verdict, Verdict::Fail { .. })));
    let junit = fs::read_to_string(place.path("r.xml")).unwrap();
    assert!(quick_junit::Report::deserialize_from_str(&junit).unwrap().failures > 0, "{junit}");
    // A run that was broken on purpose cannot be taken for another.
    let planted = Some("rope-on-prefix@0".to_owned());
    assert_eq!(report.environment.judged, Judged::Trainer { device: "cpu".to_owned(), planted });
}

#[test]
fn reports_are_written_where_asked() {
    let place = Place::with_candidate();
    let names = ["new/folder/r.md", "r.json", "r.xml", "R.CSV"];
    let outcome = place.run(&format!(
        "run --suite layers --golden REFERENCE/opt_plain --candidate candidate --report {}",
        names.join(" --report ")
    ));
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let read = |name| fs::read_to_string(place.path(name)).unwrap();
    for name in names {
        assert!(outcome.stdout.contains(&format!("report: {name}\n")), "{}", outcome.stdout);
    }
    assert!(read(names[0]).contains("![") && place.path("new/folder/r_files").is_dir());
    assert_eq!(json::from_json(&read(names[1])).unwrap().checks().count(), 2);
    assert_eq!(quick_junit::Report::deserialize_from_str(&read(names[2])).unwrap().tests, 2);
    assert_eq!(read(names[3]).lines().count(), 3);
}

/// The folder of pictures cannot be made, which shows only when the report is there.
#[test]
fn a_report_that_fails_costs_neither_the_others_nor_the_verdict() {
    let place = Place::with_candidate();
    fs::write(place.path("a_files"), "mine").unwrap();
    let line = "run --suite layers --golden REFERENCE/opt_plain --candidate candidate --report a.md --report b.json --format csv";
    let outcome = place.run(line);
    assert_eq!(outcome.code, 2);
    assert!(place.path("b.json").is_file());
    assert_eq!(outcome.stdout.lines().count(), 3);
    let (shown, error) = outcome.stderr.split_once("error: ").unwrap();
    assert!(shown.contains("PASS 2 passed"), "{shown}");
    assert!(error.starts_with("cannot write `a_files`") && error.contains("\nhint: "), "{error}");
}
