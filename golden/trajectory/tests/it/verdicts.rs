//! Verdicts about logs that the reference's own program wrote. They have 17 lines: enough for coverage, identity and
//! schedules, and too few for statistics.

use dinov3_trajectory::{CheckKind, Detail, Options, Outcome, Run, Status, judge_pair, read_bytes};

use crate::support::{program, run};

fn pair(candidate: &Run, against: &Run) -> dinov3_trajectory::Verdict {
    judge_pair(candidate, against, &[], &Options::default())
}

/// The fp32 run with its lines changed.
fn changed(change: impl Fn(Vec<String>) -> Vec<String>) -> Run {
    let text = String::from_utf8(program("fp32/training_metrics.json")).unwrap();
    let lines = change(text.lines().map(str::to_owned).collect());
    read_bytes("changed", (lines.join("\n") + "\n").as_bytes()).unwrap()
}

fn failed(candidate: &Run) -> Vec<String> {
    let verdict = pair(candidate, &run("fp32/training_metrics.json"));
    verdict.failed().map(|finding| format!("{:?} {:?} {:?}", finding.check, finding.meter, finding.detail)).collect()
}

#[test]
fn a_log_is_identical_to_itself_and_its_text_agrees_to_four_decimals() {
    let figures = run("fp32/training_metrics.json");
    assert_eq!(pair(&figures, &figures).outcome, Outcome::Identical);
    let text = run("fp32/log.txt");
    for (candidate, against) in [(&text, &figures), (&figures, &text), (&text, &text)] {
        let verdict = pair(candidate, against);
        assert_eq!((verdict.outcome, verdict.failed().count()), (Outcome::Inconclusive, 0));
        let identity = verdict.of(CheckKind::Identity).next().unwrap();
        assert!(matches!(identity.detail, Detail::Prefix { steps: 17, of: 17, exact: false, parting: None, .. }));
        assert_eq!(identity.status, Status::Note);
    }
}

#[test]
fn mixed_precision_parts_from_fp32_in_its_first_step() {
    let verdict = pair(&run("bf16/training_metrics.json"), &run("fp32/training_metrics.json"));
    let Detail::Prefix { steps: 0, parting: Some(parting), .. } =
        &verdict.of(CheckKind::Identity).next().unwrap().detail
    else {
        panic!("{verdict:?}")
    };
    assert_eq!((parting.iteration, parting.meter.as_str()), (0, "total_loss"));
    assert_eq!(verdict.status(CheckKind::Schedule), Some(Status::Pass));
}

#[test]
fn flaws_in_a_real_log_are_named() {
    let lines = |lines: Vec<String>| lines;
    let higher = |lines: Vec<String>| {
        let line = |line: String| line.replace("\"lr\": 0.00013157894736842105", "\"lr\": 0.00014473684210526316");
        lines.into_iter().map(line).collect()
    };
    let without = |mut lines: Vec<String>| (lines.remove(5), lines).1;
    let twice = |mut lines: Vec<String>| (lines.insert(5, lines[5].clone()), lines).1;
    let short = |mut lines: Vec<String>| (lines.truncate(12), lines).1;
    let nan = |lines: Vec<String>| {
        let line = |line: String| line.replace("\"total_loss\": 8.202556610107422", "\"total_loss\": NaN");
        lines.into_iter().map(line).collect()
    };
    assert_eq!(failed(&changed(lines)), [""; 0]);
    let cases: [(&str, Vec<String>); 6] = [
        ("a learning rate 10 % high", failed(&changed(higher))),
        ("a line missing", failed(&changed(without))),
        ("a line twice", failed(&changed(twice))),
        ("truncated", failed(&changed(short))),
        ("NaN", failed(&changed(nan))),
        ("only the part behind the checkpoint", failed(&run("resume/training_metrics.json"))),
    ];
    let text = cases.map(|(flaw, failed)| format!("{flaw}:\n  {}", failed.join("\n  ")));
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn another_recipe_shows_in_horizon_and_schedules() {
    let verdict = pair(&run("sizes/log.txt"), &run("fp32/log.txt"));
    let failing = |check| verdict.status(check) == Some(Status::Fail);
    assert!(failing(CheckKind::Coverage) && failing(CheckKind::Schedule));
}
