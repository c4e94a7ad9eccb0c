//! The rules, one by one.

use std::time::Instant;

use dinov3_reports::message::{Gated, Message};
use dinov3_reports::{Bilingual, Check, Environment, Figure, SuiteResult, Verdict};
use dinov3_trajectory::timing::{self, Slower, Timed};

use super::{Accepted, Baseline, GateError, Op, Rule, Rules, SPEED, SUITE, Trait, What};

const PROVES: Bilingual = Bilingual {
    en: "the run is as good as the accepted one: no slower beyond noise, no worse at the end, and as precise",
    zh: "本次运行不劣于已接受的基线：速度未在噪声之外下降，最终损失与精度未变差",
};

/// A run that is held against a baseline.
pub struct Judged<'a> {
    /// What it ran on.
    pub environment: &'a Environment,
    /// What it found out.
    pub suites: &'a [SuiteResult],
    /// Ids of its checks that may be vacuous.
    pub allow_vacuous: &'a [String],
}

/// Holds a run against the baseline, a check for each rule and each check of the run that the rule is about.
///
/// # Errors
/// When the baseline is of something else, and `despite` does not name it.
pub fn judge(
    run: &Judged<'_>,
    baseline: &Baseline,
    rules: &Rules,
    despite: &[Trait],
) -> Result<SuiteResult, GateError> {
    let begun = Instant::now();
    let Some(accepted) = baseline.current() else { return Err(GateError::EmptyBaseline) };
    let keys: Vec<&str> = rules
        .0
        .iter()
        .filter_map(|rule| if let What::Figure { key, .. } = &rule.what { Some(key.as_str()) } else { None })
        .collect();
    Trait::agree(&accepted.report, run.environment, run.suites, &keys, despite)?;
    let mut checks = Vec::new();
    for rule in &rules.0 {
        match &rule.what {
            What::Passes(name) => checks.push(passes(run, rule, name)),
            What::Figure { key, op, limit, relative } => {
                let bound = Bound { op: *op, limit: *limit, relative: *relative };
                checks.extend(figures(run, baseline.level(), rule, key, bound));
            }
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    Ok(SuiteResult {
        suite: SUITE.to_owned(),
        group: None,
        proves: PROVES.into(),
        checks,
        sections: Vec::new(),
        seconds,
    })
}

/// A limit of a figure.
#[derive(Clone, Copy)]
struct Bound {
    op: Op,
    limit: f64,
    relative: bool,
}

fn value(check: &Check, key: &str) -> Option<f64> {
    check.figures.iter().find(|figure| figure.key == key).map(|figure| figure.value)
}

/// The check of a rule that a suite or group passes.
fn passes(run: &Judged<'_>, rule: &Rule, name: &str) -> Check {
    let of = |suite: &&SuiteResult| suite.suite == name || suite.group.as_deref() == Some(name);
    let checks: Vec<&Check> = run.suites.iter().filter(of).flat_map(|suite| &suite.checks).collect();
    let counts = |check: &&&Check| !matches!(check.verdict, Verdict::Skipped { .. });
    let holds = |check: &&Check| match check.verdict {
        Verdict::Pass => true,
        Verdict::Vacuous { .. } => run.allow_vacuous.contains(&check.id),
        Verdict::Fail { .. } | Verdict::Error { .. } | Verdict::Skipped { .. } => false,
    };
    let of = checks.iter().filter(counts).count();
    let passed = checks.iter().filter(|check| holds(check)).count();
    let says = || Message::from(Gated::Suites { passed, of });
    let verdict = match of {
        0 => Verdict::Fail { reason: Gated::DidNotRun { name: name.to_owned() }.into() },
        _ if passed == of => Verdict::Pass,
        _ => Verdict::Fail { reason: says() },
    };
    Check { summary: (of > 0).then(says), ..new(rule, name, verdict) }
}

fn new(rule: &Rule, about: &str, verdict: Verdict) -> Check {
    let id = match &rule.what {
        What::Passes(name) => format!("{SUITE}/{name}"),
        What::Figure { key, .. } => format!("{SUITE}/{key}/{about}"),
    };
    Check::new(id, Gated::Rule { rule: rule.text.clone(), about: about.to_owned() }, verdict)
}

/// A check for each check of the run that has the figure; one that fails if none has it.
fn figures(run: &Judged<'_>, level: &[Accepted], rule: &Rule, key: &str, bound: Bound) -> Vec<Check> {
    let ours = || run.suites.iter().flat_map(|suite| &suite.checks);
    let mut found: Vec<Check> = ours()
        .filter_map(|check| Some((check, value(check, key)?)))
        .map(|(check, ours)| {
            let base = level.last().and_then(|last| of(last, &check.id)).and_then(|it| value(it, key));
            let is_loss = key == SPEED && bound.op == Op::AtLeast && bound.limit < 1.0;
            let noisy = || {
                let accepted =
                    level.iter().filter_map(|it| of(it, &check.id)).map(timed).collect::<Option<Vec<_>>>()?;
                Some(timing::slower(timed(check)?, &accepted, bound.limit))
            };
            match (bound.relative, base) {
                (false, _) => plain(rule, &check.id, ours, bound.limit, None, bound),
                (true, None) => missing(rule, &check.id, key, true),
                (true, Some(base)) => match is_loss.then(noisy).flatten() {
                    Some(found) => speed(rule, check, &found, bound.limit),
                    None => plain(rule, &check.id, ours, bound.limit * base, Some(base), bound),
                },
            }
        })
        .collect();
    if found.is_empty() {
        found.push(missing(rule, "run", key, false));
    }
    found
}

fn missing(rule: &Rule, about: &str, key: &str, of_baseline: bool) -> Check {
    new(rule, about, Verdict::Fail { reason: Gated::NoFigure { key: key.to_owned(), of_baseline }.into() })
}

/// The check of this id in an accepted run.
fn of<'a>(accepted: &'a Accepted, id: &str) -> Option<&'a Check> {
    accepted.report.suites.iter().flat_map(|suite| &suite.checks).find(|check| check.id == id)
}

/// The speed of a check; none without an interval.
fn timed(check: &Check) -> Option<Timed> {
    const CONFIDENCE: f64 = 0.95;
    let error = timing::error_of(value(check, "fps_low")?, value(check, "fps_high")?, CONFIDENCE);
    let floor = value(check, "noise_floor").unwrap_or(0.0);
    (error.is_finite() && error > 0.0).then_some(Timed { speed: value(check, SPEED)?, error, floor })
}

fn plain(rule: &Rule, about: &str, value: f64, limit: f64, base: Option<f64>, bound: Bound) -> Check {
    // A figure that is no number is within no limit.
    let holds = match bound.op {
        Op::AtLeast => value >= limit,
        Op::AtMost => value <= limit,
    };
    let says = || Message::from(Gated::Figure { value: value.into(), limit: limit.into(), base: base.map(Into::into) });
    let verdict = if holds { Verdict::Pass } else { Verdict::Fail { reason: says() } };
    Check {
        summary: Some(says()),
        figures: vec![figure("figure", Bilingual { en: "figure", zh: "指标值" }, value).with_limit(limit)],
        ..new(rule, about, verdict)
    }
}

fn figure(key: &'static str, name: Bilingual, value: f64) -> Figure {
    Figure::own(key, name, value)
}

/// The speed of a check over the baseline's, whose noise is known.
fn speed(rule: &Rule, check: &Check, found: &Slower, loss: f64) -> Check {
    let runs = Some(found.runs as u64);
    let says = || {
        Message::from(Gated::Speed {
            ratio: found.ratio.into(),
            smallest: found.smallest.into(),
            error: found.error.into(),
            loss: loss.into(),
            power: found.power.into(),
            runs,
            spread: found.spread.map(Into::into),
        })
    };
    let steps = value(check, "steps").map(|steps| steps as u64);
    let noisy = || Gated::TooNoisy {
        loss: loss.into(),
        power: found.power.into(),
        steps,
        needed: steps.zip(found.steps).map(|(steps, times)| (steps as f64 * times).ceil() as u64),
        times: found.steps.unwrap_or(f64::INFINITY).into(),
        runs,
        runs_needed: found.runs_needed.map(|runs| runs as u64),
    };
    let verdict = if found.is_found() || found.ratio.is_nan() {
        Verdict::Fail { reason: says() }
    } else if found.could_find() {
        Verdict::Pass
    } else {
        Verdict::Vacuous { reason: noisy().into() }
    };
    let known = found.spread.map(|spread| {
        figure(
            "spread",
            Bilingual { en: "deviation of accepted runs from each other", zh: "已接受运行之间的标准差" },
            spread,
        )
    });
    let figures = [
        figure("ratio", Bilingual { en: "speed over the baseline's", zh: "与基线的速度比" }, found.ratio)
            .with_limit(found.smallest),
        figure("noise", Bilingual { en: "standard error of the ratio", zh: "比值的标准误" }, found.error),
        figure("power", Bilingual { en: "probability to find the loss", zh: "检出退化的概率" }, found.power),
        figure("accepted_runs", Bilingual { en: "accepted runs", zh: "已接受的运行数" }, found.runs as f64),
    ];
    let figures = figures.into_iter().chain(known).collect();
    Check { summary: Some(says()), figures, ..new(rule, &check.id, verdict) }
}
