//! The conformance program: the simulated plugin passes, and each of its faults turns red the line that is about it.

use std::path::Path;
use std::process::Command;

/// What the program wrote, and how it ended.
struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Outcome {
    /// The checks that failed.
    fn red(&self) -> Vec<&str> {
        let lines = self.stdout.lines().filter(|line| line.starts_with("fail"));
        lines.map(|line| line[7..].get(..43).unwrap_or(&line[7..]).trim()).collect()
    }

    fn transcript(&self) -> String {
        let stderr = if self.stderr.is_empty() { String::new() } else { format!("--- stderr\n{}", self.stderr) };
        let text = format!("{}{stderr}--- exit code {}\n", self.stdout, self.code.unwrap_or(-1));
        text.replace(&dinov3_plugins::simulated().display().to_string(), "SIMULATED")
    }
}

fn run(plugin: &Path, options: &[&str], fault: &str) -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_dinov3-plugin-conformance"))
        .arg(plugin)
        .args(options)
        .env("DINOV3_SIMULATED_FAULT", fault)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Outcome { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn simulated(options: &[&str], fault: &str) -> Outcome {
    run(dinov3_plugins::simulated(), options, fault)
}

/// Holds the checks that fail under each fault to those that must.
fn only_these_fail(options: &[&str], cases: &[(&str, &[&str])]) {
    for (fault, red) in cases {
        let outcome = simulated(options, fault);
        assert_eq!((outcome.red(), outcome.code), (red.to_vec(), Some(1)), "{fault}: {}", outcome.transcript());
    }
}

#[test]
fn the_simulated_plugin_passes() {
    let outcome = simulated(&[], "");
    insta::assert_snapshot!(outcome.transcript());
    assert_eq!(outcome.code, Some(0));
}

#[test]
fn three_ranks_pass_as_two_do() {
    let outcome = simulated(&["--nproc", "3", "--only", "c10d/1"], "");
    assert_eq!((outcome.red(), outcome.code), (vec![], Some(0)), "{}", outcome.transcript());
}

/// A plugin of a newer header has a larger table and larger capabilities. What this build knows of them works.
#[test]
fn a_newer_plugin_passes() {
    let outcome = simulated(&[], "newer");
    assert_eq!((outcome.red(), outcome.code), (vec![], Some(0)), "{}", outcome.transcript());
}

/// Each is refused with its name before anything of it is called.
#[test]
fn what_was_made_for_another_build_is_refused() {
    let mut all = String::new();
    for fault in ["other-abi", "other-torch", "other-cxx-abi", "small-table"] {
        let outcome = simulated(&[], fault);
        assert_eq!(outcome.code, Some(2), "{}", outcome.transcript());
        all += &format!("$ {fault}\n{}\n", outcome.transcript());
    }
    let library = run(Path::new("libc.so.6"), &[], "");
    let nowhere = run(Path::new("./nowhere.so"), &[], "");
    all += &format!("$ no symbol\n{}\n$ no file\n{}", library.transcript(), nowhere.transcript());
    insta::assert_snapshot!(all);
}

/// What is not there is said, and is no fault; a table with too little or with gaps is one.
#[test]
fn capabilities_are_absent_or_whole() {
    let mut all = String::new();
    for fault in
        ["no-device", "no-doctor", "no-premul-sum", "unknown-capability", "small-capability", "gap", "no-driver"]
    {
        let outcome = simulated(&[], fault);
        let about: Vec<&str> = outcome.stdout.lines().filter(|line| !line.starts_with("pass")).collect();
        all += &format!(
            "$ {fault}\n{}\n--- stderr\n{}--- exit code {}\n\n",
            about.join("\n"),
            outcome.stderr,
            outcome.code.unwrap_or(-1)
        );
    }
    insta::assert_snapshot!(all.replace(&dinov3_plugins::simulated().display().to_string(), "SIMULATED"));
}

#[test]
fn faults_of_the_device_are_found() {
    only_these_fail(
        &["--only", "device/1"],
        &[
            ("unknown-count", &["device/1 count"]),
            ("any-device", &["device/1 set"]),
            ("never-idle", &["device/1 synchronise", "device/1 memory"]),
            ("memory-constant", &["device/1 memory"]),
            ("seed-ignored", &["device/1 seed"]),
            ("clock-backwards", &["device/1 events"]),
        ],
    );
}

#[test]
fn faults_of_reductions_are_found() {
    let sums = ["all_reduce sum float32", "all_reduce sum bfloat16", "all_reduce sum int64"];
    let [multiplied, scattered] = [
        ["all_reduce premul_sum float32", "all_reduce premul_sum bfloat16"],
        ["reduce_scatter premul_sum float32", "reduce_scatter premul_sum bfloat16"],
    ];
    let chunks = ["reduce_scatter sum float32", "reduce_scatter sum bfloat16"];
    let extremes = ["all_reduce max float32", "all_reduce min float32"];
    let cases: [(&str, Vec<&str>); 8] = [
        ("drops-a-rank", [&sums[..], &extremes, &multiplied, &chunks, &scattered].concat()),
        ("max-is-sum", extremes.to_vec()),
        ("int64-as-float", vec![sums[2]]),
        ("factor-ignored", [multiplied, scattered].concat()),
        ("bf16-zeros", vec![multiplied[1], scattered[1]]),
        ("denies", [multiplied, scattered].concat()),
        ("chunks-swapped", [chunks, scattered].concat()),
        ("root-ignored", vec!["broadcast float32", "broadcast bfloat16", "broadcast int64"]),
    ];
    for (fault, red) in cases {
        let red: Vec<String> = red.iter().map(|check| format!("c10d/1 {check}")).collect();
        only_these_fail(&["--only", "c10d/1"], &[(fault, &red.iter().map(String::as_str).collect::<Vec<_>>())]);
    }
}

#[test]
fn faults_of_other_collectives_are_found() {
    let gathers = ["c10d/1 all_gather float32", "c10d/1 all_gather bfloat16", "c10d/1 all_gather int64"];
    only_these_fail(&["--only", "c10d/1"], &[("gather-reversed", &gathers), ("barrier-open", &["c10d/1 barrier"])]);
    let hangs = simulated(&["--only", "c10d/1", "--limit", "5"], "waits-for-ever");
    assert_eq!((hangs.red(), hangs.code), (vec!["c10d/1 time limit"], Some(1)), "{}", hangs.transcript());
    assert!(hangs.stdout.contains("not over after 5 s on rank 0"), "{}", hangs.transcript());
}

/// A backend that makes no group fails all that needs one; one that ends the process is named, and what was not reached is not passed.
#[test]
fn a_backend_that_is_not_made_or_ends_the_process_fails() {
    let refused = simulated(&["--only", "c10d/1"], "out-of-order");
    assert_eq!((refused.red().len(), refused.code), (20, Some(1)), "{}", refused.transcript());
    let first = refused.stdout.lines().find(|line| line.starts_with("fail")).unwrap();
    assert!(
        first.contains("c10d/1 make_backend") && first.ends_with("the simulated device is out of order"),
        "{first}"
    );

    let aborted = simulated(&["--only", "c10d/1"], "aborts");
    let red: Vec<&str> = aborted.stdout.lines().filter(|line| line.starts_with("fail")).collect();
    assert_eq!((red.len(), aborted.code), (19, Some(1)), "{}", aborted.transcript());
    assert!(red[0].contains("c10d/1 all_reduce sum float32") && red[0].contains("signal: 6"), "{}", red[0]);
    assert!(red[1..].iter().all(|line| line.contains("not reached: rank ")), "{}", aborted.transcript());
}

#[test]
fn wrong_usage_is_refused() {
    for options in [&["--nproc", "1"][..], &["--only", "c10d/9"], &["--nproc", "5"]] {
        assert_eq!(simulated(options, "").code, Some(2), "{options:?}");
    }
}

/// The simulated NPU under one of its faults (`model/plugins/simulated_npu/faults.h`).
fn npu(options: &[&str], fault: &str) -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_dinov3-plugin-conformance"))
        .arg(dinov3_plugins::simulated_npu())
        .args(options)
        .env("DINOV3_SIMULATED_NPU_FAULT", fault)
        .env("DINOV3_SIMULATED_NPU_PATIENCE", "50")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Outcome { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn the_simulated_npu_passes() {
    let outcome = npu(&[], "");
    insta::assert_snapshot!(outcome.transcript());
    assert_eq!(outcome.code, Some(0));
}

/// Each fault turns red what is about it, and nothing else.
#[test]
fn faults_of_the_simulated_npu_are_found() {
    for (only, fault, red) in [
        ("device/1", "wrong=aten::add_", &["device/1 order"][..]),
        (
            "device/1",
            "lost-sync",
            &["device/1 tensors", "device/1 copies", "device/1 order", "device/1 out of memory", "device/1 seed"],
        ),
        ("device/1", "out-of-memory=3", &["device/1 copies"]),
        ("device/1", "hangs=3", &["device/1 tensors"]),
        ("c10d/1", "premul", &[]),
        (
            "c10d/1",
            "premul-in-place",
            &["c10d/1 reduce_scatter premul_sum float32", "c10d/1 reduce_scatter premul_sum bfloat16"],
        ),
        (
            "c10d/1",
            "factor-ignored",
            &[
                "c10d/1 all_reduce premul_sum float32",
                "c10d/1 all_reduce premul_sum bfloat16",
                "c10d/1 reduce_scatter premul_sum float32",
                "c10d/1 reduce_scatter premul_sum bfloat16",
            ],
        ),
    ] {
        let outcome = npu(&["--only", only], fault);
        let code = if red.is_empty() { 0 } else { 1 };
        assert_eq!((outcome.red(), outcome.code), (red.to_vec(), Some(code)), "{fault}: {}", outcome.transcript());
    }
}
