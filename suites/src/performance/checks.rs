//! The check of a measured training.

use dinov3_reports::message::Performance as Says;
use dinov3_reports::{Check, Figure, Finding, Message, Verdict};
use dinov3_trajectory::limits::Limit;
use dinov3_trajectory::timing::{Doubt, Flag};

use super::asked::Resolved;
use super::measured::Measured;
use super::words;

/// The key of the one figure that has a limit.
const SPLIT_ERROR: &str = "split_error";

/// Passes where nothing makes the figures untrusted but what was allowed, and the parts of a step are all of it.
pub(super) fn of(resolved: &Resolved, measured: &Measured) -> Check {
    let against = measured.against(resolved);
    let adds_up = measured.split.adds_up();
    let split = || -> Message { Says::DoesNotAddUp { error: measured.split.error().into() }.into() };
    let verdict = match (against.is_empty(), adds_up) {
        (true, true) => Verdict::Pass,
        (true, false) => Verdict::Fail { reason: split() },
        (false, _) => {
            let flags = against.iter().map(|doubt| doubt.flag.name().to_owned()).collect();
            Verdict::Fail { reason: Says::Untrusted { flags }.into() }
        }
    };
    let mut findings: Vec<Finding> = measured.doubts.iter().map(|doubt| finding(resolved, doubt)).collect();
    if !adds_up {
        findings.push(Finding::new(Message::name(SPLIT_ERROR), split()));
    }
    Check {
        summary: Some(summary(measured)),
        figures: measured.figures().into_iter().map(|(key, value)| figure(key, value)).collect(),
        findings,
        ..Check::new(resolved.id(), resolved.title(), verdict)
    }
}

fn figure(key: String, value: f64) -> Figure {
    let known = words::figure(&key);
    let limit = (key == SPLIT_ERROR).then(|| Limit::SplitError.value().into());
    Figure {
        name: known.map_or_else(|| Message::name(key.as_str()), |known| known.name.into()),
        unit: known.and_then(|known| known.unit).map(Message::from),
        key,
        value,
        limit,
    }
}

fn summary(measured: &Measured) -> Message {
    let (low, high) = measured.speed.fps_interval();
    let script = measured.script.as_ref().map(|script| script.fps.clone()).filter(|fps| !fps.is_empty());
    Says::Speed { fps: measured.speed.fps().into(), interval: (low.into(), high.into()), script }.into()
}

fn finding(resolved: &Resolved, doubt: &Doubt) -> Finding {
    let (value, limit, at) = (doubt.value.into(), doubt.limit.into(), doubt.at);
    let says = match doubt.flag {
        Flag::Few => Says::Few { have: doubt.value as u64, need: doubt.limit as u64 },
        Flag::Drift => Says::Drift { change: value, limit },
        Flag::Jump => Says::Jump { change: value, limit, at },
        Flag::Bimodal => Says::Bimodal { distance: value, limit },
        Flag::Outliers => Says::Outliers { share: value, limit, at },
        Flag::Starved => Says::Starved { share: value, limit },
        Flag::Throttled => Says::Throttled { lost: value, limit },
        Flag::Busy => Says::Busy { share: value, limit },
    };
    let name = doubt.flag.name().to_owned();
    let hint = match resolved.allow.contains(&doubt.flag) {
        true => Says::Allowed { flag: name.clone() },
        false => Says::HowToAllow { flag: name.clone() },
    };
    Finding::new(Message::name(name), says).with_hint(hint)
}
