//! What was not judged, could not have failed, or kept the run from its end.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use dinov3_reports::{Gate, RunReport, Verdict, json};

use crate::support::{Outcome, Place, check};

fn report(place: &Place, name: &str) -> RunReport {
    json::from_json(&fs::read_to_string(place.path(name)).unwrap()).unwrap()
}

fn verdicts(report: &RunReport) -> Vec<(String, &'static str)> {
    report.checks().map(|check| (check.id.clone(), check.verdict.name())).collect()
}

/// A variable that names the golden sets in place of a candidate was green for ever.
#[test]
fn the_golden_set_as_a_candidate_is_vacuous() {
    let place = Place::with_sets(&["copy"]);
    let outcome = place.run("run --suite layers --golden REFERENCE/opt_plain --candidate REFERENCE/opt_plain");
    assert_eq!(outcome.code, 1, "{}", outcome.transcript());
    let copied = place.run("run --suite layers --golden REFERENCE/opt_plain --candidate copy");
    assert_eq!(copied.code, 1, "{}", copied.transcript());
    check("coverage-vacuous", &[outcome, copied]);
}

/// Sets, suites and precisions that were asked for and not judged are told, and `--require` makes them red.
#[test]
fn what_was_not_judged_is_told_and_can_be_demanded() {
    let place = Place::with_candidate();
    let line = "run --suite layers --suite training --suite reduce-op --golden REFERENCE/opt_plain --golden REFERENCE/opt_rope --candidate \
                candidate";
    let told = place.run(&format!("{line} --report r.json"));
    assert_eq!(told.code, 0, "{}", told.transcript());
    let skipped = ["layers/opt_rope/fp32", "layers/opt_rope/bf16", "training", "reduce-op"];
    let all = verdicts(&report(&place, "r.json"));
    assert!(skipped.iter().all(|id| all.contains(&((*id).to_owned(), "skipped"))), "{all:?}");
    let demanded =
        place.run(&format!("{line} --require layers/opt_rope/* --require layers/opt_plain/* --require layers/micro/*"));
    assert_eq!(demanded.code, 1, "{}", demanded.transcript());
    check("coverage-required", &[told, demanded]);
}

#[test]
fn one_check_or_one_precision_can_be_chosen() {
    let place = Place::with_candidate();
    let run = |more: &str| {
        let line =
            format!("run --suite precision --golden REFERENCE/opt_plain --candidate candidate --report r.json {more}");
        let outcome = place.run(&line);
        (outcome.code, verdicts(&report(&place, "r.json")), outcome)
    };
    let of = |id: &str| vec![(id.to_owned(), "pass")];
    let (code, found, _) = run("--check layers/opt_plain/fp32");
    assert_eq!((code, found), (0, of("layers/opt_plain/fp32")));
    let (code, found, outcome) = run("--precision bf16 --check layers/*");
    assert_eq!((code, found), (0, of("layers/opt_plain/bf16")));
    assert!(outcome.stdout.contains("bf16 alone was judged"), "{}", outcome.stdout);
    let (code, _, outcome) = run("--check layers/opt_plain/fp23");
    assert_eq!(code, 2);
    assert!(outcome.stderr.contains("did you mean `layers/opt_plain/fp32`?"), "{}", outcome.stderr);
}

/// The old report stayed where it was, and said PASS.
#[test]
fn a_run_that_cannot_begin_replaces_an_old_report() {
    let place = Place::with_sets(&["candidate"]);
    fs::remove_file(place.path("candidate/bf16.safetensors")).unwrap();
    for name in ["r.json", "r.md", "r.xml", "r.csv"] {
        fs::write(place.path(name), "# dinov3-harness: PASS").unwrap();
    }
    let files = "--report r.json --report r.md --report r.xml --report r.csv";
    let read = |name: &str| fs::read_to_string(place.path(name)).unwrap();
    // A damaged candidate; a suite that is not there; a device that is not here.
    let lines = [
        (2, "run --suite layers --golden REFERENCE/opt_plain --candidate candidate"),
        (2, "run --suite nonsense"),
        (3, "run --suite layers --device cuda:4096"),
    ];
    for (code, line) in lines {
        let outcome = place.run(&format!("{line} {files} --format json"));
        assert_eq!(outcome.code, code, "{}", outcome.transcript());
        let (kept, printed) = (report(&place, "r.json"), json::from_json(&outcome.stdout).unwrap());
        assert_eq!(verdicts(&kept), [("run/complete".to_owned(), "error")], "{line}");
        assert_eq!(verdicts(&printed), verdicts(&kept));
        assert!(!kept.complete && kept.gate() == Gate::Fail);
        let error = outcome.stderr.lines().next().unwrap().trim_start_matches("error: ").to_owned();
        let said = kept.checks().next().unwrap().verdict.reason().unwrap().to_string();
        assert!(said.starts_with(&error), "{said}");
        assert!(read("r.md").starts_with("# dinov3-harness: FAIL"), "{}", read("r.md"));
        assert_eq!(quick_junit::Report::deserialize_from_str(&read("r.xml")).unwrap().errors, 1);
        assert!(read("r.csv").contains("run/complete,error,"), "{}", read("r.csv"));
    }
}

/// Of two candidates one is damaged: it is an error, the other is judged, and the exit code is that of wrong input.
#[test]
fn one_damaged_candidate_does_not_hide_the_other() {
    let place = Place::with_candidate();
    fs::create_dir(place.path("both")).unwrap();
    fs::rename(place.path("candidate"), place.path("both/opt_plain")).unwrap();
    fs::create_dir(place.path("both/opt_rope")).unwrap();
    fs::write(place.path("both/opt_rope/manifest.json"), "{}").unwrap();
    let outcome = place.run(
        "run --suite layers --golden REFERENCE/opt_plain --golden REFERENCE/opt_rope --candidate both --report r.json",
    );
    assert_eq!(outcome.code, 2, "{}", outcome.transcript());
    let expected = [("layers/opt_plain/fp32", "pass"), ("layers/opt_plain/bf16", "pass"), ("layers/opt_rope", "error")];
    assert_eq!(verdicts(&report(&place, "r.json")), expected.map(|(id, verdict)| (id.to_owned(), verdict)));
}

/// Ctrl-C left no report, or the one of the run before.
#[cfg(unix)]
#[test]
fn an_interrupted_run_reports_what_it_had_found() {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Stdio};

    let place = Place::empty();
    fs::write(place.path("r.json"), "old").unwrap();
    let reference = crate::support::reference();
    let set = |name: &str| reference.join(name);
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("dinov3-harness"))
        .current_dir(place.path(""))
        .args(["run", "--suite", "layers", "--events", "e.jsonl", "--report", "r.json", "--golden"])
        .arg(set("opt_plain"))
        .arg("--golden")
        .arg(set("vit_small"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let second = || {
        fs::read_to_string(place.path("e.jsonl"))
            .unwrap_or_default()
            .contains("\"id\":\"layers/vit_small/fp32\",\"title\"")
    };
    while !second() {
        assert!(begun.elapsed() < Duration::from_secs(240) && child.try_wait().unwrap().is_none());
        thread::sleep(Duration::from_millis(10));
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(2), "{:?}", output.status);
    let kept = report(&place, "r.json");
    assert!(!kept.complete);
    let all = verdicts(&kept);
    assert!(all.contains(&("layers/opt_plain/fp32".to_owned(), "pass")), "{all:?}");
    assert_eq!(all.last().unwrap(), &("run/complete".to_owned(), "error"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ended by SIGINT"));
}

/// A candidate that is no recording of the golden sets here: the words are those of the program, and nothing passes.
#[test]
fn who_was_judged_opens_every_report() {
    let place = Place::with_candidate();
    let line = "run --suite layers --golden REFERENCE/opt_plain --candidate candidate --report r.md --report r.xml --report r.csv";
    let outcome: Outcome = place.run(line);
    assert_eq!(outcome.code, 0, "{}", outcome.transcript());
    let page = fs::read_to_string(place.path("r.md")).unwrap();
    let (head, by) = page.split_once("## Judged by").unwrap();
    for said in ["## Judged\n", "2026-11-27T04:00:00Z", "cb054165", "x86_64", "AVX2"] {
        assert!(head.contains(said), "{said}: {head}");
    }
    assert!(!by.contains("2026-11-27T04:00:00Z"));
    let junit = fs::read_to_string(place.path("r.xml")).unwrap();
    assert!(junit.contains("judged: cpu, torch 2.8.0, x86_64") && junit.contains("golden manifest "), "{junit}");
    let table = fs::read_to_string(place.path("r.csv")).unwrap();
    assert!(table.lines().nth(1).unwrap().contains(",cpu,2.8.0,"), "{table}");
}

#[test]
fn two_sets_are_compared() {
    let place = Place::with_sets(&["opt_plain"]);
    let same = place.run("golden diff REFERENCE/opt_plain opt_plain");
    assert_eq!(same.code, 0, "{}", same.transcript());
    let other = place.run("golden diff REFERENCE/train_micro_1 REFERENCE/train_micro_10 cls_token --precision fp32");
    assert_eq!(other.code, 1, "{}", other.transcript());
    let beside =
        place.run("golden show opt_plain teacher.backbone.blocks.0.norm1 --golden REFERENCE --candidate opt_plain");
    check("coverage-diff", &[same, other, beside]);
}

/// Every skip is a verdict of its own in the JSON.
#[test]
fn a_suite_asked_for_by_name_is_never_dropped() {
    let place = Place::empty();
    let outcome = place.run("run --suite layers --suite training --golden REFERENCE/opt_plain --report r.json");
    assert_eq!(outcome.code, 0, "{}", outcome.transcript());
    let kept = report(&place, "r.json");
    let training = kept.checks().find(|check| check.id == "training").unwrap();
    assert!(matches!(training.verdict, Verdict::Skipped { .. }));
    assert!(outcome.stdout.contains("1 skipped"), "{}", outcome.stdout);
}
