//! Runs beside their recordings: byte for byte the same but for times.
//!
//! `golden/program/README.md` says what was recorded, and how. The comparisons were seen to fail: at the first step where the first weights
//! came from another place of the stream, at step 55 where one crop began a pixel beside, and where one median ended in another digit.

use std::fs;

use regex::Regex;

use super::place::{golden, place, text, train};
use super::pth;
use crate::support::{Place, is_like_the_recording};

/// Who of this program's own says something in its log.
const OURS: &str = "dinov3-harness:0";

/// A log without what differs between any two runs, and apart from it what is said of files that are written in the background.
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
    let in_background = ["checkpointer.py:132]", "checkpointer.py:246]", "train.py:265]"];
    let (checkpoints, lines): (Vec<String>, Vec<String>) =
        records.into_iter().partition(|record| in_background.iter().any(|from| record.contains(from)));
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
    exports(&place);
}

/// The teacher's file has the reference's names, dtypes, shapes and order, and its bits where the log has them.
fn exports(place: &Place) {
    let ours = pth::tensors(&place.path("out/eval/training_127/teacher_checkpoint.pth"), "teacher");
    let recorded = fs::read_to_string(golden("program/fp32/teacher.txt")).unwrap();
    let shown = |line: &str| match is_like_the_recording() {
        true => line.to_owned(),
        false => line.rsplit_once(' ').map(|(line, _)| line.to_owned()).unwrap_or_default(),
    };
    let lines = |all: &mut dyn Iterator<Item = &str>| all.map(shown).collect::<Vec<_>>();
    assert_eq!(lines(&mut ours.iter().map(String::as_str)), lines(&mut recorded.lines()));
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

/// Weights to begin with: the export of a short training, which the reference's own program read as well.
fn first_weights(place: &Place) {
    let first = train(place, "--output-dir first --steps 64");
    assert_eq!(first.code, 0, "{}", first.stderr);
    fs::copy(place.path("first/eval/training_63/teacher_checkpoint.pth"), place.path("teacher.pth")).unwrap();
}

/// Schedules of the second kind, and a Gram teacher from a file, which is renewed twice.
#[test]
fn a_run_with_a_gram_teacher_is_the_reference_s() {
    let place = place();
    first_weights(&place);
    let schedules = "schedules.lr.start=1e-6 schedules.lr.peak=1e-3 schedules.lr.end=1e-5 schedules.lr.warmup_epochs=1 \
                     schedules.lr.freeze_last_layer_epochs=1 schedules.weight_decay.start=0.04 \
                     schedules.weight_decay.peak=0.2 schedules.weight_decay.end=0.4 \
                     schedules.weight_decay.warmup_epochs=2 schedules.momentum.start=0.99 \
                     schedules.momentum.peak=0.995 schedules.momentum.end=1.0 schedules.momentum.warmup_epochs=1 \
                     schedules.momentum.cosine_epochs=3 schedules.teacher_temp.start=0.04 \
                     schedules.teacher_temp.peak=0.07 schedules.teacher_temp.end=0.07 \
                     schedules.teacher_temp.warmup_epochs=2";
    let gram = "gram.use_loss=true gram.ckpt=teacher.pth gram.rep_update=true gram.it_first_update=20 \
                gram.update_frequency=20 gram.max_updates=2 gram.compute_stats=true crops.gram_teacher_crops_size=48";
    let precision = "optim.epochs=5 compute_precision.param_dtype=bf16";
    let outcome = train(&place, &format!("--output-dir out {precision} {schedules} {gram}"));
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    compare(&place, "gram", "nothing that a log has");
}

/// Two ranks from weights of a file, since a CPU's ranks draw other first weights than those of other devices.
#[test]
fn a_run_of_two_ranks_is_the_reference_s() {
    let place = place();
    first_weights(&place);
    let weights = "optim.epochs=5 student.resume_from_teacher_chkpt=teacher.pth";
    let outcome = train(&place, &format!("--nproc 2 --output-dir out {weights}"));
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    compare(&place, "ranks", "nothing that a log has");
    // Rank 1 says the same of itself, and nothing of the export.
    let real = place.path("out").canonicalize().unwrap().display().to_string();
    let recorded = masked(&fs::read_to_string(golden("program/ranks/log.txt")).unwrap(), &real);
    let second = log(&masked(&text(&place, "out/logs/log.txt.rank1"), &real));
    let mut expected = log(&recorded.replace("(rank=0, ", "(rank=1, "));
    expected.checkpoints.retain(|record| record.contains("checkpointer.py:132]"));
    same(&second.lines, &expected.lines, "log.txt.rank1");
    assert_eq!(second.checkpoints, expected.checkpoints);
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
