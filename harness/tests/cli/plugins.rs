//! Backends that plugins lend: `reduce-op` tells a sound one from a broken one, and what is no plugin is refused.

use std::os::unix::fs::symlink;

use dinov3_reports::{Check, RunReport, json};

use crate::support::{Outcome, Place, assert_identical, check};

/// Breaks the simulated backend; see `model/plugins/simulated/faults.h`.
const FAULT: &str = "DINOV3_SIMULATED_FAULT";

/// A folder with the simulated backend in it.
fn with_a_plugin() -> Place {
    let place = Place::empty();
    symlink(dinov3_plugins::simulated(), place.path("simulated.so")).unwrap();
    place
}

fn reduced(fault: &str) -> (Outcome, RunReport) {
    let line = "run --suite reduce-op --nproc 2 --backend ./simulated.so --format json";
    let outcome = with_a_plugin().run_in(line, &[(FAULT, fault)]);
    let report = json::from_json(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {}", outcome.transcript()));
    (outcome, report)
}

/// The checks of this verdict.
fn of<'a>(report: &'a RunReport, verdict: &str) -> Vec<&'a Check> {
    report.checks().filter(|check| check.verdict.name() == verdict).collect()
}

/// What the report says of who multiplies.
fn multiplies(report: &RunReport) -> String {
    let sections = report.suites.iter().flat_map(|suite| &suite.sections);
    sections.filter_map(|section| section.text.as_ref().map(ToString::to_string)).collect()
}

#[test]
fn a_sound_backend_passes_and_multiplies_by_itself() {
    let (outcome, report) = reduced("");
    assert_eq!((outcome.code, of(&report, "pass").len()), (0, 11), "{}", outcome.transcript());
    assert!(multiplies(&report).contains("Under PREMUL_SUM simulated multiplies."), "{}", multiplies(&report));
}

/// As Gloo's reduce-scatter does: equality at factor 1 is then no proof, and the backend is named.
#[test]
fn a_backend_that_ignores_the_factor_fails_and_its_factor_1_is_vacuous() {
    let (outcome, report) = reduced("factor-ignored");
    assert_eq!((outcome.code, of(&report, "fail").len(), of(&report, "vacuous").len()), (1, 8, 3));
    for check in of(&report, "vacuous") {
        let reason = check.verdict.reason().map_or_else(String::new, ToString::to_string);
        assert!(reason.contains("simulated") && reason.ends_with("equality at 1 says nothing"), "{reason}");
    }
}

#[test]
fn a_backend_that_gives_zeros_in_bf16_fails_there_alone() {
    let (outcome, report) = reduced("bf16-zeros");
    let failed: Vec<&str> = of(&report, "fail").iter().map(|check| check.id.as_str()).collect();
    assert_eq!((outcome.code, failed), (1, vec!["reduce-op/all_reduce/bf16", "reduce-op/reduce_scatter/bf16"]));
}

/// As HCCL: each rank multiplies before it sums.
#[test]
fn a_backend_without_premul_sum_has_it_emulated() {
    let (outcome, report) = reduced("no-premul-sum");
    assert_eq!((outcome.code, of(&report, "pass").len()), (0, 11), "{}", outcome.transcript());
    let expected = "Under PREMUL_SUM each rank multiplies, and simulated sums.";
    assert!(multiplies(&report).contains(expected), "{}", multiplies(&report));
}

/// Two trainers whose gradients go over it take the reference's steps, bit for bit where this machine can.
#[test]
fn trainers_exchange_gradients_over_it() {
    let line = "run --suite training --golden REFERENCE/train_ranks --nproc 2 --backend ./simulated.so";
    let outcome = with_a_plugin().run(line);
    assert_eq!(outcome.code, 0, "{}", outcome.transcript());
    assert_identical(&outcome);
}

/// Of those that cannot be used, each is refused with one error; ranks that have started end.
#[test]
fn what_is_no_backend_is_refused() {
    let place = with_a_plugin();
    std::fs::write(place.path("text.so"), "no library").unwrap();
    let plugin = "run --suite reduce-op --nproc 2 --backend ./simulated.so";
    let lines = [
        place.run("run --suite reduce-op --backend mpi"),
        place.run("run --suite reduce-op --backend hccl"),
        place.run("run --suite reduce-op --backend ./nowhere.so"),
        place.run("run --suite reduce-op --backend ./text.so"),
        place.run("run --suite reduce-op --backend libc.so.6"),
        place.run_in(plugin, &[(FAULT, "other-abi")]),
        place.run_in(plugin, &[(FAULT, "other-torch")]),
        place.run_in(plugin, &[(FAULT, "other-cxx-abi")]),
        place.run_in(plugin, &[(FAULT, "small-table")]),
        place.run_in(plugin, &[(FAULT, "small-capability")]),
        place.run_in(plugin, &[(FAULT, "gap")]),
        place.run_in(&format!("{plugin} --premul native"), &[(FAULT, "no-premul-sum")]),
    ];
    for outcome in &lines {
        assert_eq!((outcome.code, outcome.stderr.matches("error: ").count()), (2, 1), "{}", outcome.transcript());
    }
    check("error-plugins", &lines);
    for (fault, said) in [
        ("out-of-order", "new_group failed: the simulated device is out of order"),
        ("denies", "all_reduce failed: the simulated device has no PREMUL_SUM"),
    ] {
        let outcome = place.run_in(plugin, &[(FAULT, fault)]);
        assert!(outcome.code == 3 && outcome.stderr.contains(said), "{}", outcome.transcript());
    }
}
