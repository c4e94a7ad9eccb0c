//! `compare`, `baseline` and `report history`: runs that need no libtorch to be laid beside each other.

use std::fmt::Write as _;
use std::fs;

use crate::support::Place;

/// A text log of a run whose steps take `seconds`.
fn log(seconds: f64) -> String {
    let mut text = String::new();
    for step in (0..2000).step_by(10).chain([1999]) {
        let time = seconds * (1.0 + 0.01 * (f64::from(step * 7919 % 101) / 50.0 - 1.0));
        let loss = 9.0 + 3.0 / (1.0 + f64::from(step) / 200.0) + 0.01 * (f64::from(step * 31 % 17) - 8.0);
        writeln!(
            text,
            "I20251111 10:12:13 4242 dinov3 helpers.py:105] Training  [{step:>6}/2000]  eta: 1:00:00  lr: 0.0001 (0.0001)  \
             total_loss: {loss:.4} (9.0000)  local_batch_size: 64.0000 (64.0000)  global_batch_size: 512.0000 (512.0000)  \
             time: {time:.6}  data: 0.000345  mem: 41000  (max mem: 52345)"
        )
        .unwrap();
    }
    text
}

#[test]
fn the_published_rows_prove_nothing_and_say_so() {
    let place = Place::empty();
    let outcome = place.run("compare competitor-a atlas-800t-a2 --report c.html --report c.md --lang zh");
    assert_eq!(outcome.code, 1, "{}", outcome.transcript());
    let page = fs::read_to_string(place.path("c.html")).unwrap();
    let markdown = fs::read_to_string(place.path("c.md")).unwrap();
    for text in [&page, &markdown] {
        for word in ["0.6385", "竞品A", "8p", "芯片", "卡数", "公开数据，非本工具实测"] {
            assert!(text.contains(word), "{word}");
        }
    }
}

#[test]
fn two_logs() {
    let place = Place::empty();
    fs::write(place.path("gpu.log"), log(0.83)).unwrap();
    fs::write(place.path("npu.log"), log(1.30)).unwrap();
    let outcome = place.run("compare GPU=gpu.log NPU=npu.log");
    // The losses are the same printed values; two rounded logs without further runs may decide nothing.
    assert!(
        outcome.stdout.contains("compare/NPU/speed") && outcome.stdout.contains("0.638"),
        "{}",
        outcome.transcript()
    );
    let one = place.run("compare npu.log");
    assert!(one.stdout.contains("competitor A") && one.stdout.contains("Atlas 800T A2"), "{}", one.transcript());
    let none = place.run("compare nowhere");
    assert_eq!(none.code, 2);
    assert!(none.stderr.contains("`nowhere` is no file, no folder and no published row"), "{}", none.transcript());
}

/// A gate on the precision of a run: the baseline is the run itself, and one that breaks a layer is stopped.
#[test]
fn a_gate_and_a_history() {
    let place = Place::empty();
    let run = "run --suite layers --golden REFERENCE/opt_plain --no-pins";
    let first = place.run(&format!("{run} --report reports/a.json"));
    assert_eq!(first.code, 0, "{}", first.transcript());
    let missing = place.run(&format!("{run} --baseline baseline.json --gate precision=pass"));
    assert_eq!(missing.code, 2, "{}", missing.transcript());
    let said = ["there is no baseline `baseline.json`", "baseline accept RUN.json --to baseline.json --because"];
    assert!(said.iter().all(|said| missing.stderr.contains(said)), "{}", missing.transcript());
    let accepted = place.run("baseline accept reports/a.json --because checked");
    assert_eq!(accepted.code, 0, "{}", accepted.transcript());
    let gate = "--baseline baseline.json --gate precision=pass";
    let same = place.run(&format!("{run} {gate} --report reports/b.json"));
    assert!(same.code == 0 && same.stdout.contains("gate/precision"), "{}", same.transcript());
    let planted = place.run(&format!("{run} --plant rope-on-prefix {gate}"));
    assert_eq!(planted.code, 1, "{}", planted.transcript());
    let history = place.run("report history reports --figure error_over_limit");
    assert_eq!(history.code, 0, "{}", history.transcript());
    let refused = place.run(&format!("{run} --baseline baseline.json --gate fps>0.97x"));
    assert!(refused.code == 2 && refused.stderr.contains("is no rule of a gate"), "{}", refused.transcript());
}
