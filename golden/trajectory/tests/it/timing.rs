//! The published scripts' figures beside what grep, tail and awk print for the same log.

use std::fs;
use std::process::Command;

use dinov3_trajectory::timing::{Script, script};

use crate::support::program;

/// What a command prints, without the line's end.
fn shell(command: &str, log: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.log");
    fs::write(&path, log).unwrap();
    let output = Command::new("sh").args(["-c", command, "sh"]).arg(&path).env("LC_ALL", "C").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Empty for what is no finite number: awks differ in whether they print anything then.
fn finite(printed: String) -> String {
    match printed.parse::<f64>() {
        Ok(number) if !number.is_finite() => String::new(),
        _ => printed,
    }
}

/// The figures by the tools that the published scripts use.
fn by_the_tools(log: &str, images: u64) -> Script {
    let pick = r#"grep -F ')  time:' "$1" | tail -n 5 | awk -F 'time: ' '{ print $2 }'"#;
    let mean = r#"awk '{ print $1 }' | awk '{ all += $1 } END { print all / NR }'"#;
    let seconds = finite(shell(&format!("{pick} | {mean}"), log));
    let fps = finite(shell(&format!("awk 'BEGIN {{ print {images} / {seconds} }}'"), log));
    let loss = shell(r#"grep -o 'total_loss: [0-9.]*' "$1" | awk 'END { print $NF }'"#, log);
    Script { seconds, fps, loss }
}

/// A line of the log of the published port.
fn line(it: u64, loss: &str, time: f64) -> String {
    format!(
        "I20251111 10:12:13 4242 dinov3 helpers.py:105] Training  [{it:>6}/125000]  eta: 1 day, 4:30:00  lr: 0.0001 (0.0001)  total_loss: {loss} (11.9012)  ibot_loss: 2.2 (2.3)  time: {time:.6}  data: 0.000345  mem: 41000  (max mem: 52345)\n"
    )
}

/// A run of so many lines, in which the time of line `i` is `time(i)`.
fn run(lines: u64, loss: &str, time: impl Fn(u64) -> f64) -> String {
    let begin = "*****\nI20251111 10:12:12 4242 dinov3 train.py:431] Starting training from iteration 0\n".to_owned();
    begin + &(0..lines).map(|at| line(10 * at, loss, time(at))).collect::<String>()
}

#[test]
fn the_scripts_figures_are_what_their_tools_print() {
    let noise = |at: u64| 1.3 + 0.001 * ((at * 7919) % 101) as f64 / 7.0;
    let whole = run(126, "9.9374", noise)
        + "I20251111 11:00:00 4242 dinov3 helpers.py:133] Training Total time: 0:27:05 (1.300123 s / it)\n";
    let nan = run(30, "nan", noise) + "W20251111 10:12:26 4242 dinov3 train.py:520] NaN loss detected on ranks: [3]\n";
    let crash = run(40, "10.25", noise)
        + "Traceback (most recent call last):\n  File \"train.py\", line 1\nRuntimeError: HCCL timeout\n";
    let cut_loss = run(20, "11.5", noise) + line(200, "10.9", 1.25).split_once(".9").unwrap().0;
    let cut_time = run(20, "11.5", noise) + line(200, "10.9", 1.25).split_once(" 1.25").unwrap().0;
    let cut_digits = run(20, "11.5", noise) + line(200, "10.9", 1.25).split_once("50000").unwrap().0;
    let logs = [
        ("whole", whole.clone(), 512),
        ("NaN", nan, 512),
        ("crashed", crash, 512),
        (
            "crashed before its first line",
            "Traceback (most recent call last):\nImportError: torch_npu\n".to_owned(),
            512,
        ),
        ("empty", String::new(), 512),
        ("of one line", run(1, "12.0", |_| 9.75), 512),
        ("cut in the loss", cut_loss, 512),
        ("cut before the time", cut_time, 512),
        ("cut in the time", cut_digits, 512),
        ("fast, of whole numbers", run(9, "0.5", |_| 0.000_1), 512),
        ("slow, of whole numbers", run(9, "-0.5", |_| 2.0), 512),
        ("very fast", run(9, "0.00001", |at| 0.000_001 * (1 + at % 3) as f64), 512),
        ("of another batch", whole, 36),
        ("of two ranks", String::from_utf8(program("ranks/log.txt")).unwrap(), 8),
        ("of the reference on a CPU", String::from_utf8(program("fp32/log.txt")).unwrap(), 4),
    ];
    for (name, log, images) in &logs {
        assert_eq!(script(log.as_bytes(), *images), by_the_tools(log, *images), "{name}");
    }
    let figures: Vec<String> = logs
        .iter()
        .map(|(name, log, images)| {
            let Script { seconds, fps, loss } = script(log.as_bytes(), *images);
            format!("{name}: seconds `{seconds}`, images/s `{fps}`, loss `{loss}`")
        })
        .collect();
    insta::assert_snapshot!(figures.join("\n"));
}

/// The empty figure of a run that failed is no number, and neither is the loss of a NaN.
#[test]
fn a_failed_run_has_no_figure() {
    let failed = script(b"Traceback\n", 512);
    assert_eq!((failed.fps(), failed.seconds(), failed.loss()), (None, None, None));
    assert_eq!(script(line(0, "nan", 1.0).as_bytes(), 512).loss(), None);
    assert_eq!(script(line(0, "9.5", 2.0).as_bytes(), 512).fps(), Some(256.0));
}
