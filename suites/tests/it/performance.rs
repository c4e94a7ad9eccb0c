//! The suite `performance` on a recipe of milliseconds, with its real program and loader: sound, slowed down, and cut into parts.

use std::time::Duration;

use dinov3_golden::manifest::Profile;
use dinov3_program::Only;
use dinov3_reports::{Check, Event, Reporter, Section, Verdict};
use dinov3_suites::performance::{Asked, Delay, Flag, Performance};
use dinov3_suites::trajectory::Runs;
use dinov3_suites::{Request, Source, Suite, SuiteError, run_alone};
use dinov3_torch::device::Device;
use dinov3_train::phases::Phase;

use crate::fixture;

/// What a suite has told.
#[derive(Default)]
struct Told {
    checks: Vec<Check>,
    sections: Vec<Section>,
}

impl Reporter for Told {
    fn event(&mut self, event: &Event) -> std::io::Result<()> {
        match event {
            Event::CheckFinished { check } => self.checks.push(check.clone()),
            Event::SuiteFinished { sections, .. } => self.sections.clone_from(sections),
            _ => {}
        }
        Ok(())
    }
}

fn request(steps: u64, asked: Asked) -> Request {
    let source = Source::Trainer { device: Device::Cpu, plant: None };
    let runs = Runs { steps: Some(steps), ..Runs::default() };
    Request { runs, performance: asked, ..Request::of_sets(Vec::new(), Profile::Quick, source) }
}

fn measured(steps: u64, asked: Asked) -> (Check, Vec<Section>) {
    let _libtorch = fixture::libtorch();
    let mut told = Told::default();
    run_alone(&Performance, &request(steps, asked), &mut told).unwrap();
    (told.checks.pop().expect("one check"), told.sections)
}

/// Every flag but one: tests run beside others, on machines that are anything but quiet.
fn all_but(flag: Flag) -> Vec<Flag> {
    Flag::ALL.into_iter().filter(|other| *other != flag).collect()
}

fn figure(check: &Check, key: &str) -> f64 {
    check.figures.iter().find(|figure| figure.key == key).unwrap_or_else(|| panic!("no {key}")).value
}

/// What was found, with the words `--allow` where it was not.
fn against(check: &Check) -> Vec<String> {
    let forbidden =
        check.findings.iter().filter(|finding| finding.hint.as_ref().unwrap().to_string().ends_with("pass"));
    forbidden.map(|finding| finding.subject.to_string()).collect()
}

#[test]
fn a_training_is_measured_and_its_parts_are_all_of_it() {
    let (check, sections) = measured(60, Asked { allow: Flag::ALL.into(), ..Asked::default() });
    assert_eq!(check.verdict, Verdict::Pass, "{check:#?}");
    assert_eq!(check.id, "performance/micro-125k/fp32");
    let parts: f64 = check.figures.iter().filter(|it| it.key.starts_with("phase_")).map(|it| it.value).sum();
    assert!((parts / figure(&check, "step_mean") - 1.0).abs() < 0.01, "{parts}");
    assert!(figure(&check, "split_error") < 0.01);
    let [low, median, high] = ["fps_low", "fps_median", "fps_high"].map(|key| figure(&check, key));
    assert!(0.0 < low && low <= median && median <= high, "{low} {median} {high}");
    assert_eq!((figure(&check, "steps"), figure(&check, "global_batch_size")), (48.0, 4.0));
    assert!(figure(&check, "fps_script") > 0.0 && figure(&check, "final_loss") > 0.0);
    let share = figure(&check, "flops_share");
    assert!(0.0 < share && share < 1.0, "{share}");
    for phase in ["data", "teacher", "student", "losses", "backward", "optimizer", "average", "rest"] {
        assert!(figure(&check, &format!("phase_{phase}")) > 0.0, "{phase}");
    }
    let titles: Vec<String> = sections.iter().map(|section| section.title.to_string()).collect();
    assert_eq!(
        titles,
        ["Speed", "Where a step goes", "What must be known beside it", "Steps that do not count", "seconds a step"]
            .map(|title| format!("micro-125k/fp32: {title}"))
    );
}

#[test]
fn a_slow_loader_makes_the_check_fail() {
    let delay = Delay { phase: Phase::Data, by: Duration::from_millis(50), from: 0, every: 1 };
    let (check, _) = measured(40, Asked { allow: all_but(Flag::Starved), delay: Some(delay), ..Asked::default() });
    assert!(matches!(check.verdict, Verdict::Fail { .. }), "{check:#?}");
    assert_eq!(against(&check), ["starved"]);
    assert!(figure(&check, "phase_data") > 0.05);
}

#[test]
fn a_phase_that_is_slow_in_every_second_step_makes_the_check_fail() {
    let delay = Delay { phase: Phase::Optimizer, by: Duration::from_millis(300), from: 0, every: 2 };
    let (check, _) = measured(30, Asked { allow: all_but(Flag::Bimodal), delay: Some(delay), ..Asked::default() });
    assert!(matches!(check.verdict, Verdict::Fail { .. }), "{check:#?}");
    assert_eq!(against(&check), ["bimodal"]);
}

#[test]
fn a_phase_that_becomes_slow_makes_the_check_fail() {
    let delay = Delay { phase: Phase::Backward, by: Duration::from_millis(100), from: 40, every: 1 };
    // Which of the three it is called depends on what else the machine did meanwhile.
    let names = [Flag::Jump, Flag::Drift, Flag::Bimodal];
    let allow = Flag::ALL.into_iter().filter(|flag| !names.contains(flag)).collect();
    let (check, _) = measured(60, Asked { allow, delay: Some(delay), ..Asked::default() });
    assert!(matches!(check.verdict, Verdict::Fail { .. }), "{check:#?}");
}

#[test]
fn loading_and_computing_are_measured_apart() {
    let allow: Vec<Flag> = Flag::ALL.into();
    let (loading, _) = measured(40, Asked { only: Only::Data, allow: allow.clone(), ..Asked::default() });
    assert_eq!((loading.id.as_str(), &loading.verdict), ("performance/micro-125k/data-only", &Verdict::Pass));
    assert!(loading.figures.iter().all(|figure| figure.key != "fps_script" && figure.key != "flops"));
    let (computing, _) = measured(40, Asked { only: Only::Compute, allow, ..Asked::default() });
    assert_eq!(computing.id, "performance/micro-125k/fp32/compute-only");
    assert!(figure(&computing, "data_share") < 0.05, "{}", figure(&computing, "data_share"));
}

#[test]
fn what_cannot_be_measured_is_refused_before_it_begins() {
    let refused = |steps: u64, asked: Asked| {
        let mut told = Told::default();
        run_alone(&Performance, &request(steps, asked), &mut told).unwrap_err().to_string()
    };
    let named = |recipe: &str| Asked { recipe: Some(recipe.to_owned()), ..Asked::default() };
    assert_eq!(refused(40, named("vitl16")), "there is no recipe `vitl16`");
    assert_eq!(refused(1251, named("vitl16-performance")), "1251 steps were asked for, and the recipe has 1250");
    let nowhere = Asked { data: Some("/nowhere".into()), ..Asked::default() };
    assert!(refused(40, nowhere).contains("/nowhere"));
    let mut candidate = request(40, Asked::default());
    candidate.source = Source::Candidate(vec!["somewhere".into()]);
    let error = run_alone(&Performance, &candidate, &mut Told::default()).unwrap_err();
    assert!(matches!(error, SuiteError::Performance(_)), "{error}");
    assert!(dinov3_suites::select("precision").iter().all(|suite| suite.info() != Performance.info()));
}
