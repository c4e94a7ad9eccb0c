use super::*;

fn args(device: &str) -> GateArgs {
    GateArgs {
        step: Vec::new(),
        device: device.to_owned(),
        nproc: None,
        plugin: None,
        out: "out".into(),
        recipe: "micro-125k".to_owned(),
        baseline: None,
    }
}

#[test]
fn the_steps_are_commands_of_the_program() {
    let line = |args: &GateArgs, step| arguments(args, step).join(" ");
    assert_eq!(line(&args("npu"), Step::Doctor), "doctor --device npu");
    let accepted = GateArgs { nproc: Some(8), baseline: Some("ci/baseline.json".into()), ..args("npu") };
    let lines: Vec<String> = STEPS[..4].iter().map(|&step| line(&accepted, step)).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    doctor --device npu
    run --suite precision --profile quick --device npu --nproc 8 --report out/precision.md --report out/precision.html --report out/precision.xml --report out/precision.json --events out/precision.jsonl
    run --suite trajectory --profile quick --device npu --nproc 8 --report out/trajectory.md --report out/trajectory.html --report out/trajectory.xml --report out/trajectory.json --events out/trajectory.jsonl
    run --suite performance --epochs 1 --recipe micro-125k --device npu --nproc 8 --report out/performance.md --report out/performance.html --report out/performance.xml --report out/performance.json --events out/performance.jsonl --baseline ci/baseline.json --gate fps>=0.97x,loss<=1.001x
    ");
}

#[test]
fn a_summary_has_what_there_is_and_says_what_there_is_not() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("doctor.txt"), "ok python\n").unwrap();
    fs::write(folder.path().join("precision.md"), "# passed\n").unwrap();
    let text = together(folder.path()).unwrap();
    assert!(text.starts_with("## doctor\n\n```text\nok python\n```\n"), "{text}");
    assert!(text.contains("# passed\n") && text.contains("## trajectory\n\nThis step left no report."), "{text}");
}

/// GitHub shows nothing of a summary that is too long.
#[test]
fn a_summary_is_cut_at_a_line() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("precision.md"), "层 layer\n".repeat(LARGEST_SUMMARY / 8)).unwrap();
    let text = together(folder.path()).unwrap();
    assert!(text.len() < LARGEST_SUMMARY + 1024 && text.contains("layer\n\n(cut here;"));
}
