//! Gates as a whole, and how often they are right: recorded step times with losses put in.

use std::path::Path;

use dinov3_reports::{Bilingual, Check, Figure, RunReport, SuiteResult, Verdict, json};
use dinov3_trajectory::timing::{self, Cadence, Stretch, Timed};

use super::*;
use crate::testing::{Draw, report};

/// A report of a performance suite and of a precision suite.
fn timed(fps: f64, spread: f64, loss: f64, passes: bool) -> RunReport {
    let name = Bilingual { en: "figure", zh: "指标" };
    let figures = [
        ("fps_median", fps),
        ("fps_low", fps - spread),
        ("fps_high", fps + spread),
        ("final_loss", loss),
        ("steps", 1250.0),
    ];
    let figures = figures.map(|(key, value)| Figure::own(key, name, value)).to_vec();
    let mut report = report("2026-11-01T00:00:00Z", fps);
    report.suites[0].checks[0].figures = figures;
    let verdict = if passes { Verdict::Pass } else { Verdict::Fail { reason: name.into() } };
    let precision = SuiteResult {
        suite: "layers".to_owned(),
        group: Some("precision".to_owned()),
        checks: vec![Check::new("layers/micro/fp32", name, verdict)],
        ..report.suites[0].clone()
    };
    report.suites.push(precision);
    report
}

fn accepted(folder: &Path, report: &RunReport) -> Result<Baseline, GateError> {
    let run = folder.join("run.json");
    std::fs::write(&run, json::to_json(report).unwrap()).unwrap();
    Baseline::accept(&folder.join("baseline.json"), &run, "the first run on this firmware", false)
}

/// One more run of what was accepted last.
fn again(folder: &Path, report: &RunReport) -> Result<Baseline, GateError> {
    let run = folder.join("run.json");
    std::fs::write(&run, json::to_json(report).unwrap()).unwrap();
    Baseline::accept(&folder.join("baseline.json"), &run, "the same again", true)
}

fn held(report: &RunReport, baseline: &Baseline, rules: &str, despite: &[Trait]) -> Result<SuiteResult, GateError> {
    let run = Judged { environment: &report.environment, suites: &report.suites, allow_vacuous: &[] };
    judge(&run, baseline, &rules.parse().unwrap(), despite)
}

/// `ID verdict: line`, a line a check.
fn said(result: &SuiteResult) -> String {
    let line = |check: &Check| {
        let line = check.line().map(ToString::to_string).unwrap_or_default();
        format!("{} {}: {line}", check.id, check.verdict.name())
    };
    result.checks.iter().map(line).collect::<Vec<_>>().join("\n")
}

const RULES: &str = "fps>=0.97x, loss<=1.001x, precision=pass";

#[test]
fn a_run_as_good_as_the_baseline_and_ones_that_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let baseline = accepted(folder.path(), &timed(400.0, 1.0, 9.93, true)).unwrap();
    let of = |report: RunReport| said(&held(&report, &baseline, RULES, &[]).unwrap());
    insta::assert_snapshot!(of(timed(399.0, 1.0, 9.931, true)), @"
    gate/fps_median/performance/micro/fp32 pass: 0.9975 of the baseline's speed, at least 0.9849 is asked; noise 0.13 % within a run (between runs it is known from three accepted ones on), so a ratio of 0.97 is found in 100 % of runs
    gate/final_loss/performance/micro/fp32 pass: 9.931, limit 9.94; the baseline has 9.93
    gate/precision pass: 1 of 1 checks pass
    ");
    insta::assert_snapshot!(of(timed(388.0, 1.0, 9.95, false)), @"
    gate/fps_median/performance/micro/fp32 fail: 0.9700 of the baseline's speed, at least 0.9849 is asked; noise 0.13 % within a run (between runs it is known from three accepted ones on), so a ratio of 0.97 is found in 100 % of runs
    gate/final_loss/performance/micro/fp32 fail: 9.95, limit 9.94; the baseline has 9.93
    gate/precision fail: 0 of 1 checks pass
    ");
    // Noise of 3 % hides a loss of 3 %: that is no pass.
    insta::assert_snapshot!(of(timed(399.0, 24.0, f64::NAN, true)), @"
    gate/fps_median/performance/micro/fp32 vacuous: the noise hides a ratio of 0.97: it would be found in 18 % of runs alone; 8294 steps in place of 1250 would do
    gate/final_loss/performance/micro/fp32 fail: NaN, limit 9.94; the baseline has 9.93
    gate/precision pass: 1 of 1 checks pass
    ");
}

#[test]
fn what_a_rule_asks_for_and_is_not_there_fails() {
    let folder = tempfile::tempdir().unwrap();
    let baseline = accepted(folder.path(), &timed(400.0, 1.0, 9.93, true)).unwrap();
    let mut report = timed(400.0, 1.0, 9.93, true);
    report.suites.truncate(1);
    let despite = [Trait::Recipe];
    let result = held(&report, &baseline, "peak_memory<=2x, precision=pass, fps>=380", &despite).unwrap();
    insta::assert_snapshot!(said(&result), @"
    gate/peak_memory/run fail: the run has no figure peak_memory
    gate/precision fail: precision did not run
    gate/fps_median/performance/micro/fp32 pass: 400, limit 380
    ");
}

#[test]
fn a_baseline_of_something_else_is_refused_unless_the_difference_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let baseline = accepted(folder.path(), &timed(400.0, 1.0, 9.93, true)).unwrap();
    let mut report = timed(400.0, 1.0, 9.93, true);
    report.environment.libtorch = "2.9.0".to_owned();
    let error = held(&report, &baseline, RULES, &[]).map(|_| ()).unwrap_err();
    insta::assert_snapshot!(dinov3_ground::hint::text(&error), @"
    the baseline has another version: libtorch 2.8.0, and here libtorch 2.9.0
    hint: accept a baseline of this one, or say `--despite version`; what can be named: device, recipe, precision and version
    ");
    assert!(held(&report, &baseline, RULES, &[Trait::Version]).is_ok());
    report.environment.cpu = "Another".to_owned();
    assert!(matches!(
        held(&report, &baseline, RULES, &[Trait::Version]),
        Err(GateError::Other { of: Trait::Device, .. })
    ));
}

#[test]
fn the_old_runs_stay_and_a_failing_one_is_not_accepted() {
    let folder = tempfile::tempdir().unwrap();
    accepted(folder.path(), &timed(400.0, 1.0, 9.93, true)).unwrap();
    let second = accepted(folder.path(), &timed(410.0, 1.0, 9.93, true)).unwrap();
    let again = Baseline::open(&folder.path().join("baseline.json")).unwrap();
    let fps = |baseline: &Baseline| {
        let reports = baseline.accepted.iter().map(|it| it.report.suites[0].checks[0].figures[0].value);
        reports.collect::<Vec<_>>()
    };
    assert_eq!((fps(&second), fps(&again)), (vec![400.0, 410.0], vec![400.0, 410.0]));
    assert!(matches!(accepted(folder.path(), &timed(1.0, 1.0, 1.0, false)), Err(GateError::FailingBaseline(_))));
    assert_eq!(Baseline::open(&folder.path().join("baseline.json")).unwrap().accepted.len(), 2);
}

/// Step times of the reference, recorded on two cores with other work beside them: means of 20 steps.
const RECORDED: &str = include_str!("../../fixtures/step-times.txt");

/// Times in a row that go into a run together: what neighbours do lasts longer than a step.
const BLOCK: usize = 10;

/// A run of so many times, put together from stretches of the recording; its median with its error.
fn replayed(draw: &mut Draw, recorded: &[f64], times: usize) -> Timed {
    let mut run = Vec::new();
    while run.len() < times {
        let from = draw.below(recorded.len() - BLOCK);
        run.extend(&recorded[from..from + BLOCK]);
    }
    speed_of(&run[..times])
}

/// The recording's times, in the order of its steps.
fn recorded() -> Vec<f64> {
    RECORDED.lines().map(|line| line.parse().unwrap()).collect()
}

/// The speed of steps that took these times, all of which count.
fn speed_of(times: &[f64]) -> Timed {
    let stretches: Vec<Stretch> = (0..).zip(times).map(|(step, time)| Stretch::step(step, *time, None)).collect();
    let never = Cadence { warm_up: 0, evaluation: 0, checkpoint: 0, collection: 0 };
    let run = timing::steps(&stretches, &never, 6).unwrap();
    Timed { speed: run.fps(), error: timing::error_of(run.low, run.high, run.confidence), floor: run.floor }
}

/// Pieces of the recording in the order of its steps, neighbours and all: one program on one machine. Errors that know only what steps remember of
/// the few before them called one piece slower than another in 10 of 121 pairs.
#[test]
fn pieces_of_one_run_are_not_slower_than_each_other() {
    let pieces: Vec<Timed> = recorded().chunks_exact(45).map(speed_of).collect();
    let pairs = || pieces.iter().flat_map(|run| pieces.iter().map(move |other| (*run, *other)));
    let alarms = pairs().filter(|(run, other)| timing::slower(*run, &[*other], 0.97).is_found()).count();
    println!("{alarms} of {}", pairs().count());
    assert!(alarms * 50 <= pairs().count(), "{alarms} of {}", pairs().count());
}

/// Runs of so many times each, to draw from.
fn pool(draw: &mut Draw, times: usize) -> Vec<Timed> {
    let recorded = recorded();
    (0..200).map(|_| replayed(draw, &recorded, times)).collect()
}

/// How a machine makes runs: how many were accepted, and how far runs are apart beyond what their steps say.
#[derive(Clone, Copy)]
struct Machine {
    accepted: usize,
    apart: f64,
}

/// Of so many runs at `speed` times that of accepted ones, how many are called slower, how many could have shown a loss of 3 %, and how many of
/// these are called slower.
fn found(draw: &mut Draw, pool: &[Timed], machine: Machine, speed: f64) -> (usize, usize, usize) {
    let (mut slower, mut able, mut both) = (0, 0, 0);
    for _ in 0..PAIRS {
        let mut run = |speed: f64| {
            let run = pool[draw.below(pool.len())];
            Timed { speed: run.speed * speed * (machine.apart * draw.normal()).exp(), ..run }
        };
        let before: Vec<Timed> = (0..machine.accepted).map(|_| run(1.0)).collect();
        let held = timing::slower(run(speed), &before, 0.97);
        slower += usize::from(held.is_found());
        able += usize::from(held.could_find());
        both += usize::from(held.is_found() && held.could_find());
    }
    (slower, able, both)
}

const PAIRS: usize = 2000;

/// One in a hundred, and what chance adds to that.
const ALARMS: usize = PAIRS / 100 + 9;

/// The rule's two promises, on the noise of a machine with neighbours: one false alarm in a hundred, nine losses of 3 % found in ten where it
/// says that it could. A short run is said to be too short.
#[test]
fn a_loss_of_three_percent_among_neighbours() {
    let (mut draw, machine) = (Draw(1), Machine { accepted: 1, apart: 0.0 });
    let long = pool(&mut draw, 16_000);
    let (alarms, able, _) = found(&mut draw, &long, machine, 1.0);
    let (seen, ..) = found(&mut draw, &long, machine, 0.97);
    println!("16000 times: {alarms} false alarms, {able} able, {seen} found, of {PAIRS}");
    assert!(able * 20 >= PAIRS * 19 && alarms <= ALARMS && seen * 10 >= PAIRS * 9, "{able} {alarms} {seen}");
    let short = pool(&mut draw, 500);
    let (alarms, able, _) = found(&mut draw, &short, machine, 1.0);
    println!("500 times: {alarms} false alarms, {able} able, of {PAIRS}");
    assert!(able * 20 <= PAIRS && alarms <= ALARMS, "{able} able, {alarms} false alarms");
}

/// The same promises where runs are apart by more than their own steps say. One accepted run knows nothing of that, and was seen to give false
/// alarms in a quarter of equal runs; ten know.
#[test]
fn a_loss_of_three_percent_among_runs_that_differ() {
    let mut draw = Draw(2);
    let runs = pool(&mut draw, 6000);
    for (apart, accepted) in [(0.0, 5), (0.002, 10), (0.004, 10)] {
        let machine = Machine { accepted, apart };
        let (alarms, able, _) = found(&mut draw, &runs, machine, 1.0);
        let (seen, _, where_able) = found(&mut draw, &runs, machine, 0.97);
        println!(
            "{apart} {accepted}: {alarms} false alarms, {able} able, {seen} found, {where_able} where able, of {PAIRS}"
        );
        assert!(alarms <= ALARMS, "{apart}: {alarms} false alarms of {PAIRS}");
        assert!(able * 2 >= PAIRS && where_able * 10 >= able * 9, "{apart}: {where_able} of {able}");
    }
    let far = Machine { accepted: 5, apart: 0.015 };
    let (alarms, able, _) = found(&mut draw, &runs, far, 1.0);
    let (alone, ..) = found(&mut draw, &runs, Machine { accepted: 1, ..far }, 1.0);
    println!("0.015: {alarms} false alarms, {able} able, {alone} false alarms by one accepted run, of {PAIRS}");
    assert!(alarms <= ALARMS && able * 10 <= PAIRS, "runs that are 1.5 % apart hide a loss of 3 %: {alarms} {able}");
    assert!(alone * 12 >= PAIRS, "{alone}: what one accepted run cannot know");
}

/// Equal runs are of one level. A run that was accepted for itself begins another one.
#[test]
fn further_runs_of_a_level_say_how_far_runs_are_apart() {
    let folder = tempfile::tempdir().unwrap();
    let run = |fps: f64| timed(fps, 1.0, 9.93, true);
    assert!(matches!(again(folder.path(), &run(400.0)), Err(GateError::NothingBefore(_))));
    accepted(folder.path(), &run(500.0)).unwrap();
    accepted(folder.path(), &run(400.0)).unwrap();
    again(folder.path(), &run(402.0)).unwrap();
    let two = again(folder.path(), &run(398.0)).unwrap();
    assert_eq!((two.accepted.len(), two.level().len()), (4, 3));
    let of = |baseline: &Baseline, fps: f64| said(&held(&run(fps), baseline, "fps>=0.97x", &[]).unwrap());
    insta::assert_snapshot!(of(&two, 394.0), @"gate/fps_median/performance/micro/fp32 vacuous: the noise hides a ratio of 0.97: it would be found in 5 % of runs alone; 5 accepted runs in place of 3 would do");
    again(folder.path(), &run(401.0)).unwrap();
    let four = again(folder.path(), &run(399.0)).unwrap();
    insta::assert_snapshot!(of(&four, 394.0), @"gate/fps_median/performance/micro/fp32 pass: 0.9850 of the baseline's speed, at least 0.9839 is asked; noise 0.43 % (5 accepted runs are 0.40 % apart), so a ratio of 0.97 is found in 100 % of runs");
    insta::assert_snapshot!(of(&four, 391.0), @"gate/fps_median/performance/micro/fp32 fail: 0.9775 of the baseline's speed, at least 0.9839 is asked; noise 0.43 % (5 accepted runs are 0.40 % apart), so a ratio of 0.97 is found in 100 % of runs");
    // Another level.
    let next = accepted(folder.path(), &run(391.0)).unwrap();
    assert_eq!(next.level().len(), 1);
    let mut other = run(391.0);
    other.environment.libtorch = "2.9.0".to_owned();
    assert!(matches!(again(folder.path(), &other), Err(GateError::Other { of: Trait::Version, .. })));
}

/// A machine whose runs are 3 % apart: neither steps nor runs help.
#[test]
fn runs_that_are_too_far_apart_are_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let run = |fps: f64| timed(fps, 1.0, 9.93, true);
    accepted(folder.path(), &run(400.0)).unwrap();
    again(folder.path(), &run(412.0)).unwrap();
    let baseline = again(folder.path(), &run(388.0)).unwrap();
    insta::assert_snapshot!(said(&held(&run(400.0), &baseline, "fps>=0.97x", &[]).unwrap()), @"gate/fps_median/performance/micro/fp32 vacuous: the noise hides a ratio of 0.97: it would be found in 0 % of runs alone; runs are so far apart that neither more steps nor more accepted runs would do");
}
