//! `run --events` and `report`: a run once more, in any form and language.

use std::fs;

use dinov3_reports::{Lang, RENDERERS, json};

use crate::support::{Outcome, Place, check};

/// Every file that a report may be, by its ending.
fn every_file(folder: &str) -> String {
    RENDERERS.iter().map(|it| format!(" --report {folder}/r{}", it.ending())).collect()
}

/// All files of a folder and of those in it, by name.
fn files(place: &Place, folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for folder in [folder.to_owned(), format!("{folder}/r_files")] {
        for file in fs::read_dir(place.path(&folder)).unwrap() {
            let path = file.unwrap().path();
            if path.is_file() {
                found.push((path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn passes(outcome: &Outcome) {
    assert_eq!(outcome.code, 0, "{}", outcome.transcript());
}

/// A failing run, so that there are findings, and one that was judged by the yardstick, so that there are figures.
#[test]
fn what_a_run_wrote_is_rendered_again_to_the_same_bytes_in_every_format_and_language() {
    let place = Place::with_candidate();
    let run = "run --suite precision --golden REFERENCE/opt_plain --plant rope-on-prefix --no-pins --events all.jsonl";
    for lang in Lang::ALL {
        let outcome = place.run(&format!("{run} --lang {lang}{}", every_file("first")));
        assert_eq!(outcome.code, 1, "{}", outcome.transcript());
        let first = files(&place, "first");
        assert!(first.len() > RENDERERS.len(), "reports, and plots");
        for (source, folder) in [("all.jsonl", "again"), ("first/r.json", "once-more")] {
            passes(&place.run(&format!("report {source} --lang {lang}{}", every_file(folder))));
            let again = files(&place, folder);
            for (ours, theirs) in first.iter().zip(&again) {
                assert!(ours == theirs, "{lang}: {} from {source} differs", ours.0);
            }
            assert_eq!(first.len(), again.len());
        }
    }
    let format = |name: &str, source: &str| place.run(&format!("report {source} --format {name}")).stdout;
    // Event files of TensorBoard are no text; as files they have been compared.
    for renderer in RENDERERS.iter().filter(|it| it.name() != "tensorboard") {
        let (events, report) = (format(renderer.name(), "all.jsonl"), format(renderer.name(), "first/r.json"));
        assert!(!events.is_empty() && events == report, "{}", renderer.name());
    }
}

#[test]
fn without_an_option_the_terminal_shows_what_the_run_showed() {
    let place = Place::with_candidate();
    let run =
        place.run("run --suite layers --golden REFERENCE/opt_plain --candidate candidate --events new/folder/e.jsonl");
    passes(&run);
    let again = place.run("report new/folder/e.jsonl");
    assert_eq!(again.stdout, run.stdout);
    check("report-zh", &[place.run("report new/folder/e.jsonl --lang zh")]);
}

/// The lines are whole, in the order of the run, and each is an event of schema 2.
#[test]
fn events_are_lines_of_json() {
    let place = Place::with_candidate();
    passes(&place.run("run --suite layers --golden REFERENCE/opt_plain --candidate candidate --events e.jsonl"));
    let text = fs::read_to_string(place.path("e.jsonl")).unwrap();
    let kinds: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].as_str().unwrap().to_owned())
        .filter(|kind| kind != "progress")
        .collect();
    let check = ["check_started", "check_finished"];
    let expected = [["run_started", "suite_started"], check, check, ["suite_finished", "run_finished"]].concat();
    assert_eq!(kinds, expected);
}

#[test]
fn a_file_that_is_broken_is_named_with_its_line_and_what_is_whole_can_be_reported() {
    let place = Place::with_candidate();
    passes(&place.run("run --suite layers --golden REFERENCE/opt_plain --candidate candidate --events e.jsonl"));
    let text = fs::read_to_string(place.path("e.jsonl")).unwrap();
    let second = text.match_indices("{\"event\":\"check_finished\"").nth(1).unwrap().0;
    fs::write(place.path("cut.jsonl"), &text[..second]).unwrap();
    fs::write(place.path("half.jsonl"), &text[..second + 100]).unwrap();
    fs::write(place.path("empty.jsonl"), "").unwrap();
    fs::write(place.path("other.json"), "{\"name\": 1}").unwrap();
    let lines = ["cut.jsonl", "half.jsonl", "empty.jsonl", "other.json", "missing.json"];
    check("report-errors", &lines.map(|file| place.run(&format!("report {file}"))));
    for file in ["cut.jsonl", "half.jsonl"] {
        let outcome = place.run(&format!("report {file} --partial --format json"));
        passes(&outcome);
        let report = json::from_json(&outcome.stdout).unwrap();
        assert_eq!((report.checks().count(), report.complete), (1, false));
        assert!(outcome.stdout.contains("\"gate\": \"fail\""), "what is cut short does not pass");
    }
}

/// What the note promises: the ten worst ratios of a stage over two runs, by ten lines of script.
#[test]
fn the_worst_tensors_of_two_runs_are_ten_lines_away() {
    let place = Place::empty();
    for (name, set) in [("a", "train_micro_10"), ("b", "train_micro_1")] {
        let outcome =
            place.run(&format!("run --suite training --golden REFERENCE/{set} --no-pins --report {name}.json"));
        passes(&outcome);
    }
    let mut worst = Vec::new();
    for name in ["a.json", "b.json"] {
        let run: serde_json::Value = serde_json::from_slice(&fs::read(place.path(name)).unwrap()).unwrap();
        for check in run["suites"].as_array().unwrap().iter().flat_map(|suite| suite["checks"].as_array().unwrap()) {
            for tensor in check["tensors"].as_array().unwrap().iter().filter(|tensor| tensor["stage"] == "backward") {
                let ratio = tensor["ratio_to_yardstick"].as_f64().unwrap_or_default();
                worst.push((ratio, name, check["golden"]["precision"].to_string(), tensor["name"].to_string()));
            }
        }
    }
    worst.sort_by(|a, b| b.0.total_cmp(&a.0));
    assert!(worst.len() > 200 && worst[0].0 > 0.0, "{}", worst.len());
    assert!(worst[..10].iter().all(|(.., name)| name.contains("grad:")), "{worst:?}");
}

#[test]
fn a_report_of_schema_1_is_still_rendered() {
    let place = Place::empty();
    let old = include_str!("../../../reports/src/json/tests/schema-1.json");
    fs::write(place.path("old.json"), old).unwrap();
    passes(&place.run("report old.json --report old.md --report old.xml"));
    let page = fs::read_to_string(place.path("old.md")).unwrap();
    assert!(page.contains("relative l2 3.21e-3, the reference's own rounding is 7.8e-6"), "{page}");
}

/// Markdown's backticks stay in markdown.
#[test]
fn plain_text_has_no_markup() {
    let place = Place::empty();
    let run = "run --suite layers --golden REFERENCE/opt_plain --plant rope-on-prefix --events e.jsonl";
    let outcome = place.run(run);
    assert_eq!(outcome.code, 1);
    assert!(!outcome.stdout.contains('`'), "{}", outcome.stdout);
    for format in ["json", "junit", "csv", "tensors"] {
        let text = place.run(&format!("report e.jsonl --format {format}")).stdout;
        assert!(!text.contains('`'), "{format}");
    }
    assert!(place.run("report e.jsonl --format markdown").stdout.contains("`teacher.backbone."));
}
