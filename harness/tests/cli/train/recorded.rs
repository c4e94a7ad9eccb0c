//! Runs beside their recordings: byte for byte the same but for times.
//!
//! `golden/program/README.md` says what was recorded, and how. The comparisons were seen to fail: at the first step where the first weights
//! came from another place of the stream, at step 55 where one crop began a pixel beside, and where one median ended in another digit.

use std::fs;

use regex::Regex;

use super::place::{golden, place, text, train};
use crate::support::{Place, is_like_the_recording};

/// Who of this program's own says something in its log.
const OURS: &str = "dinov3-harness:0";

/// A log without what differs between any two runs, and apart from it what checkpoints say, which are written in the background.
#[derive(Debug, PartialEq)]
struct Log {
    lines: String,
    checkpoints: Vec<String>,
}

/// Without times and places.
fn masked(text: &str, out: &str) -> String {
    let masks = [
        (r"(?m)^output_dir: .*$", "output_dir: OUT"),
        (r"(?m)^config_file: .*$", "config_file: CONFIG"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r"eta: .*?  lr: ", "eta: ETA  lr: "),
        (r"time: \d+\.\d{6}  data: \d+\.\d{6}", "time: TIME  data: TIME"),
        (r"Total time: .*", "Total time: TIME"),
        (r#""iter_time": [^,]*, "data_time": [^,]*,"#, r#""iter_time": TIME, "data_time": TIME,"#),
    ];
    let text = text.replace(out, "OUT");
    // Another processor has other bits; there the lines are the same but for their figures.
    let figures = [(r"-?\b\d+\.\d+(e-?\d+)?\b", "FIGURE")].into_iter().filter(|_| !is_like_the_recording());
    masks
        .into_iter()
        .chain(figures)
        .fold(text, |text, (pattern, mask)| Regex::new(pattern).unwrap().replace_all(&text, mask).into_owned())
}

/// The records of a log, each one line or more.
fn log(text: &str) -> Log {
    // A recording has no times.
    let head = Regex::new(r"^([DIWE])(?:\d{8} \d\d:\d\d:\d\d \d+)? (\S+ \S+\]) ").unwrap();
    let mut records: Vec<String> = Vec::new();
    for line in text.lines() {
        match head.captures(line) {
            Some(found) => records.push(format!("{} {} {}", &found[1], &found[2], &line[found[0].len()..])),
            None => *records.last_mut().unwrap() += &format!("\n{line}"),
        }
    }
    records.retain(|record| !record.contains(OURS));
    let (checkpoints, lines): (Vec<String>, Vec<String>) = records
        .into_iter()
        .partition(|record| record.contains("checkpointer.py:132]") || record.contains("checkpointer.py:246]"));
    Log { lines: lines.join("\n"), checkpoints }
}

/// The first line in which two texts differ, which tells more than both of them.
fn same(ours: &str, recorded: &str, what: &str) {
    for (n, (ours, recorded)) in ours.lines().zip(recorded.lines()).enumerate() {
        assert_eq!(ours, recorded, "{what}, line {}", n + 1);
    }
    assert_eq!(ours.lines().count(), recorded.lines().count(), "lines of {what}");
}

/// What the run in `out` wrote from `from` on is what `golden/program/{case}` has.
fn compare(place: &Place, case: &str, from: &str) {
    let real = place.path("out").canonicalize().unwrap().display().to_string();
    let recorded = |file: &str| masked(&fs::read_to_string(golden("program").join(case).join(file)).unwrap(), &real);
    let ours = |file: &str| {
        let text = masked(&text(place, &format!("out/{file}")), &real);
        let begin = text.rfind(from).map_or(0, |at| text[..at].rfind('\n').map_or(0, |at| at + 1));
        text[begin..].to_owned()
    };
    same(&ours("config.yaml"), &recorded("config.yaml"), "config.yaml");
    let (mine, theirs) = (log(&ours("logs/log.txt")), log(&recorded("log.txt")));
    same(&mine.lines, &theirs.lines, "log.txt");
    assert_eq!(mine.checkpoints, theirs.checkpoints);
    let (mine, theirs) = (ours("training_metrics.json"), recorded("training_metrics.json"));
    let skipped = mine.lines().count().saturating_sub(theirs.lines().count());
    same(
        &mine.lines().skip(skipped).map(|line| format!("{line}\n")).collect::<String>(),
        &theirs,
        "training_metrics.json",
    );
}

#[test]
fn an_fp32_run_is_the_reference_s() {
    let place = place();
    let outcome = train(&place, "--output-dir out");
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    compare(&place, "fp32", "nothing that a log has");
    let nans = text(&place, "out/nan_logs/logs/log.txt");
    assert!(
        nans.starts_with('D')
            && nans.contains("nan_logger __init__.py:132] PyTorch distributed environment: manual job")
    );
    // Standard output has the same lines, and the terminal nothing but them.
    assert!(outcome.stdout.contains("Training Total time:") && !outcome.stdout.contains('\u{1b}'));
    published_pipelines(&place);
}

#[test]
fn a_bf16_run_is_the_reference_s() {
    let place = place();
    let outcome = train(&place, "--output-dir out compute_precision.param_dtype=bf16");
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    compare(&place, "bf16", "nothing that a log has");
}

#[test]
fn a_run_of_two_sizes_is_the_reference_s() {
    let place = place();
    let sizes = "crops.global_crops_size=[32,48] crops.local_crops_size=[16,24] crops.gram_teacher_crops_size=[null,null] \
                 crops.global_local_crop_pairs_ratios=[0.6,0.4] optim.epochs=6";
    let outcome = train(&place, &format!("--output-dir out {sizes}"));
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    compare(&place, "sizes", "nothing that a log has");
}

/// As the reference resumes: other images than without the interruption, and the streams from their beginning.
#[test]
fn a_run_resumed_as_the_reference_does_is_the_reference_s() {
    let place = place();
    let stopped = train(&place, "--output-dir out --steps 80");
    assert_eq!(stopped.code, 0, "{}", stopped.stderr);
    // The recording began with the later one alone.
    fs::remove_dir_all(place.path("out/ckpt/39")).unwrap();
    let resumed = train(&place, "--output-dir out --resume-as reference");
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    compare(&place, "resume", "Checkpoint found");
}

/// The published Ascend scripts' two pipelines find the figures in our log.
fn published_pipelines(place: &Place) {
    let shell = |line: &str| {
        let output =
            std::process::Command::new("sh").args(["-c", line]).current_dir(place.path("out/logs")).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let times = shell("grep ')  time:' log.txt | tail -5 | sed 's/.*time: \\([0-9.]*\\).*/\\1/' | wc -l");
    assert_eq!(times, "5");
    let mean = shell(
        "grep ')  time:' log.txt | tail -5 | sed 's/.*  time: \\([0-9.]*\\)  .*/\\1/' | awk '{s += $1} END {print s / NR}'",
    );
    assert!(mean.parse::<f64>().is_ok_and(|mean| mean > 0.0), "{mean}");
    let loss = shell("grep -o 'total_loss: [0-9.]*' log.txt | tail -1");
    let last = text(place, "out/training_metrics.json").lines().last().unwrap().to_owned();
    let last: serde_json::Value = serde_json::from_str(&last).unwrap();
    assert_eq!(loss, format!("total_loss: {:.4}", last["total_loss"].as_f64().unwrap()));
}
