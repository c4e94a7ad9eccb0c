//! The others held against the first.

use std::time::Instant;

use dinov3_reports::message::{Between, Compared, ComparedWord, Message, Trajectory};
use dinov3_reports::{Bilingual, Check, Figure, Finding, SuiteResult, Verdict};
use dinov3_trajectory as trajectory;
use dinov3_trajectory::{CheckKind, Outcome, Run};

use crate::ratio::ratio;
use crate::{Origin, SUITE, Side, sections, told};

/// What is stated before a comparison.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Of the losses.
    pub losses: trajectory::Options,
    /// Further runs of the recipe of the first side: how far correct runs are apart.
    pub spread: Vec<Run>,
}

/// What is stated beforehand of the losses: how many steps are compared, and the margin of equivalence.
pub fn losses(until: Option<u64>, margin: Option<f64>) -> trajectory::Options {
    trajectory::Options { until, identical: false, margin }
}

const PROVES: Bilingual = Bilingual {
    en: "how fast each run is in multiples of the first, whether that can be trusted, and whether its losses follow",
    zh: "各运行相对第一个运行的速度、其可信度，以及损失是否与之一致",
};

/// A side beside the first.
pub(crate) struct Beside {
    /// Its speed over the first one's.
    pub(crate) ratio: Option<Between>,
    /// Whether its losses follow.
    pub(crate) losses: Option<trajectory::Verdict>,
    /// Why they cannot be held against the first one's.
    pub(crate) other: Option<Message>,
}

/// All sides, the first of which the others are held against. At least one.
pub fn compare(mut sides: Vec<Side>, options: &Options) -> SuiteResult {
    let begun = Instant::now();
    unique(&mut sides);
    let Some((base, others)) = sides.split_first() else { return result(Vec::new(), Vec::new(), 0.0) };
    let mut beside = vec![Beside { ratio: None, losses: None, other: None }];
    beside.extend(others.iter().map(|side| {
        let other = of_other_training(side, base);
        let losses = if other.is_some() { None } else { follow(side, base, options) };
        Beside { ratio: ratio(side, base), losses, other }
    }));
    let mut checks = Vec::new();
    for (side, beside) in sides.iter().zip(&beside) {
        checks.push(speed(side, beside, base));
        checks.extend(beside.other.as_ref().map(|why| {
            let tail = told::words::check(CheckKind::Tail);
            let id = format!("{SUITE}/{}/{}", side.name, told::words::slug(tail));
            let title = Trajectory::Title { check: tail, run: side.name.clone() };
            Check::new(id, title, Verdict::Skipped { reason: why.clone() })
        }));
        if let Some(verdict) = &beside.losses {
            let id = |kind| format!("{SUITE}/{}/{}", side.name, told::words::slug(told::words::check(kind)));
            // Of two numbers there is nothing to check but whether they are equivalent.
            let kinds = CheckKind::ALL.into_iter().filter(|kind| verdict.common.both > 1 || *kind == CheckKind::Tail);
            checks.extend(kinds.map(|kind| told::of(id(kind), kind, &side.name, verdict)));
        }
    }
    let sections = sections::all(&sides, &beside);
    result(checks, sections, begun.elapsed().as_secs_f64())
}

fn result(checks: Vec<Check>, sections: Vec<dinov3_reports::Section>, seconds: f64) -> SuiteResult {
    SuiteResult { suite: SUITE.to_owned(), group: None, proves: PROVES.into(), checks, sections, seconds }
}

/// Names that agree are counted.
fn unique(sides: &mut [Side]) {
    for index in 1..sides.len() {
        let (before, rest) = sides.split_at_mut(index);
        let taken = |name: &str| before.iter().any(|side| side.name == name);
        let own = rest[0].name.clone();
        let names = std::iter::once(own.clone()).chain((2..).map(|number: usize| format!("{own} ({number})")));
        // The chain does not end, so there always is a free name.
        if let Some(free) = names.into_iter().find(|name| !taken(name)) {
            rest[0].name = free;
        }
    }
}

/// Two numbers of trainings of other lengths or batches say nothing of each other. A log has a line each ten steps.
fn of_other_training(side: &Side, base: &Side) -> Option<Message> {
    let (here, there) = ((side.steps?, side.batch?), (base.steps?, base.batch?));
    let logs = side.run.is_some() && base.run.is_some();
    let alike = here.0.abs_diff(there.0) <= 10 && here.1 == there.1;
    let both = side.loss.is_some() && base.loss.is_some();
    (both && !logs && !alike).then(|| Compared::OtherTraining { here, there }.into())
}

/// Whether the losses of `side` follow those of `base`: by their logs where both have one, else by the two numbers at the end.
fn follow(side: &Side, base: &Side, options: &Options) -> Option<trajectory::Verdict> {
    if let (Some(ours), Some(theirs)) = (&side.run, &base.run) {
        return Some(trajectory::judge_pair(ours, theirs, &options.spread, &options.losses));
    }
    let number = |side: &Side| side.loss.as_ref()?.parse::<f64>().ok().filter(|loss| loss.is_finite());
    let decimals = |side: &Side| side.loss.as_ref()?.split_once('.').map(|(_, behind)| behind.len() as u32);
    let digits = decimals(side).unwrap_or(0).min(decimals(base).unwrap_or(0));
    Some(trajectory::judge_two(
        (side.name.as_str(), number(side)?),
        (base.name.as_str(), number(base)?),
        digits,
        &options.losses,
    ))
}

/// In one word.
pub(crate) fn outcome(verdict: &trajectory::Verdict) -> ComparedWord {
    match verdict.outcome {
        Outcome::Identical => ComparedWord::Identical,
        Outcome::Follows => ComparedWord::Follows,
        Outcome::Inconclusive => ComparedWord::Inconclusive,
        Outcome::Differs => ComparedWord::Differs,
    }
}

/// The check of a side's speed: its figures, and whether they can be trusted.
fn speed(side: &Side, beside: &Beside, base: &Side) -> Check {
    let (id, title) = (format!("{SUITE}/{}/speed", side.name), Compared::SpeedOf { run: side.name.clone() });
    let verdict = match (side.failed, side.doubts.first(), &side.origin) {
        (true, ..) => Verdict::Fail { reason: Compared::NoFps { run: side.name.clone() }.into() },
        (_, Some(doubt), _) if side.is_timed() => Verdict::Fail { reason: doubt.clone() },
        (_, _, Origin::Published) => Verdict::Skipped { reason: ComparedWord::NotMeasuredHere.into() },
        _ if side.is_timed() => Verdict::Pass,
        _ => Verdict::Skipped { reason: Compared::NoTimes.into() },
    };
    // The figures that the ratio is made from stand beside it.
    let medians = side.speed.is_some() && base.speed.is_some();
    let median = |side: &Side| side.speed.map(|it| format!("{:.1}", it.value.0));
    let fps = |side: &Side| if medians { median(side) } else { side.fps.clone().or_else(|| median(side)) };
    let counted = base.cards;
    let summary = fps(side).map(|shown| {
        let base = fps(base).map(|theirs| (base.name.clone(), theirs));
        let cards = side.cards.zip(counted).filter(|(here, there)| here != there);
        Message::from(Compared::Speed { run: side.name.clone(), fps: shown, ratio: beside.ratio, base, cards })
    });
    let untrusted = side.doubts.iter().filter(|_| side.is_timed());
    Check {
        summary,
        figures: figures(side, beside),
        findings: untrusted.map(|doubt| Finding::new(ComparedWord::Trust, doubt.clone())).collect(),
        ..Check::new(id, title, verdict)
    }
}

fn figures(side: &Side, beside: &Beside) -> Vec<Figure> {
    use ComparedWord as W;
    let mut figures = Vec::new();
    let mut push =
        |key, name: W, value: Option<f64>| figures.extend(value.map(|value| Figure::named(key, name, value)));
    push("ratio", W::RatioFigure, beside.ratio.map(|it| it.value.0));
    push("ratio_low", W::RatioLow, beside.ratio.map(|it| it.low.0));
    push("ratio_high", W::RatioHigh, beside.ratio.map(|it| it.high.0));
    push("fps_script", W::ScriptFps, side.fps.as_ref().and_then(|it| it.parse().ok()));
    push("fps_median", W::FpsMedian, side.speed.map(|it| it.value.0));
    push("fps_low", W::FpsLow, side.speed.map(|it| it.low.0));
    push("fps_high", W::FpsHigh, side.speed.map(|it| it.high.0));
    push("final_loss", W::FinalLoss, side.loss.as_ref().and_then(|it| it.parse().ok()));
    let whole = |it: Option<u64>| it.map(|it| it as f64);
    push("world_size", W::Cards, whole(side.cards));
    push("global_batch_size", W::GlobalBatchSize, whole(side.batch));
    push("steps", W::MaxSteps, whole(side.steps));
    figures.extend(side.phases.iter().map(|(key, name, value)| Figure {
        key: key.clone(),
        name: name.clone(),
        value: *value,
        unit: None,
        limit: None,
    }));
    figures
}
