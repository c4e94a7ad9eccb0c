//! What a comparison of two runs found, as messages.

use dinov3_reports::message::{Basis, Message, Parted, RunCheck, Steps, Trajectory as Says};
use dinov3_trajectory as run;
use dinov3_trajectory::{CheckKind, Detail, RankFactor, Resolution, Unseen};

/// The check of a report that this is.
pub fn check(kind: CheckKind) -> RunCheck {
    match kind {
        CheckKind::Coverage => RunCheck::Coverage,
        CheckKind::Identity => RunCheck::Identity,
        CheckKind::Schedule => RunCheck::Schedule,
        CheckKind::Windows => RunCheck::Windows,
        CheckKind::Tail => RunCheck::Tail,
        CheckKind::Drift => RunCheck::Drift,
        CheckKind::Spikes => RunCheck::Spikes,
        CheckKind::NormFactor => RunCheck::NormFactor,
    }
}

/// The last part of the id of a check.
pub fn slug(check: RunCheck) -> &'static str {
    match check {
        RunCheck::Coverage => "coverage",
        RunCheck::Identity => "identity",
        RunCheck::States => "states",
        RunCheck::Schedule => "schedule",
        RunCheck::Windows => "windows",
        RunCheck::Tail => "tail",
        RunCheck::Drift => "drift",
        RunCheck::Spikes => "spikes",
        RunCheck::NormFactor => "norm-factor",
    }
}

/// What a verdict rests on, and what it could have shown.
pub fn basis(basis: &run::Basis) -> Vec<Message> {
    let (says, power) = match basis {
        run::Basis::Runs { runs, power, .. } => (Basis::Runs { runs: *runs }, power),
        run::Basis::OwnWindows { power, .. } => (Basis::OwnWindows, power),
        run::Basis::Nothing => (Basis::Nothing, &None),
    };
    let power =
        power.as_ref().map(|power| Says::Power { shift: power.smallest_shift.into(), weaker: power.weaker.into() });
    [Says::Rests(says)].into_iter().chain(power).map(Message::from).collect()
}

/// The sentence of a finding.
pub fn sentence(finding: &run::Finding) -> Message {
    let says = match &finding.detail {
        Detail::Covered(common) => {
            Says::Covered { both: common.both, expected: common.expected, span: common.first.zip(common.last) }
        }
        Detail::Missing(its) => Says::Missing(steps(its)),
        Detail::Repeated(its) => Says::Repeated(steps(its)),
        Detail::OutOfOrder(its) => Says::OutOfOrder(steps(its)),
        Detail::Restarted(its) => Says::Restarted(steps(its)),
        Detail::Truncated { last, expected } => Says::Truncated { last: *last, expected: *expected },
        Detail::BeginsLate { first, expected } => Says::BeginsLate { first: *first, expected: *expected },
        Detail::Longer { last, expected } => Says::Longer { last: *last, expected: *expected },
        Detail::Horizon { candidate, against } => Says::Horizon { candidate: *candidate, against: *against },
        Detail::NotFinite { nan, infinite, first } => Says::NotFinite { nan: *nan, infinite: *infinite, first: *first },
        Detail::MeterMissing => Says::MeterMissing,
        Detail::MeterUnknown => Says::MeterUnknown,
        Detail::Rounded(Resolution::Decimals(decimals)) => Says::Rounded { decimals: Some(*decimals) },
        Detail::Rounded(_) => Says::Rounded { decimals: None },
        Detail::Unseen(Unseen::TeacherTemperature) => Says::TemperatureUnseen,
        Detail::Unseen(Unseen::NormFactor) => Says::FactorUnseen { norm: finding.meter.clone().unwrap_or_default() },
        Detail::Unseen(Unseen::ShortSpikes { steps }) => Says::ShortSpikesUnseen { steps: *steps },
        Detail::Cadence { candidate, against, medians } => {
            Says::Cadence { candidate: *candidate, against: *against, medians: *medians }
        }
        Detail::Prefix { steps, of, each_step, exact, parting } => Says::Prefix {
            steps: *steps,
            of: *of,
            each_step: *each_step,
            exact: *exact,
            parted: parting.as_ref().map(parted),
        },
        Detail::Column { compared, differing, parting, factor, .. } => Says::Column {
            compared: *compared,
            differing: *differing,
            parted: parting.as_ref().map(parted),
            factor: factor.map(Into::into),
        },
        Detail::Deviation { difference, deviation, limit, adjusted, .. } => Says::Deviation {
            difference: (*difference).into(),
            deviation: (*deviation).into(),
            limit: (*limit).into(),
            p: (*adjusted).into(),
            window: finding.window.map(|window| (window.from, window.to)),
        },
        Detail::Equivalence { difference, lower, upper, margin, p, smallest_margin, mean, .. } => Says::Equivalence {
            difference: (*difference).into(),
            interval: ((*lower).into(), (*upper).into()),
            margin: (*margin).into(),
            p: (*p).into(),
            smallest: (*smallest_margin).into(),
            mean: (*mean).into(),
        },
        Detail::Slope { change, lower, upper, adjusted, .. } => Says::Slope {
            change: (*change).into(),
            interval: ((*lower).into(), (*upper).into()),
            p: (*adjusted).into(),
        },
        Detail::Spike { largest, limit, height, from, to, count, .. } => Says::Spike {
            largest: (*largest).into(),
            limit: (*limit).into(),
            height: (*height).into(),
            span: (*from, *to),
            count: *count,
        },
        Detail::Factor { factor, lower, upper, limit, ranks, .. } => Says::Factor {
            factor: (*factor).into(),
            interval: ((*lower).into(), (*upper).into()),
            limit: (*limit).into(),
            averaged: ranks.and_then(|ranks| if let RankFactor::Averaged(ranks) = ranks { Some(ranks) } else { None }),
            summed: ranks.and_then(|ranks| if let RankFactor::Summed(ranks) = ranks { Some(ranks) } else { None }),
        },
        Detail::FewRuns => Says::FewRuns,
        Detail::TooFew { have, need } => Says::TooFew { have: *have, need: *need },
        Detail::TwoNumbers { candidate, against, margin, rounding, needs, .. } => Says::TwoNumbers {
            candidate: (*candidate).into(),
            against: (*against).into(),
            margin: (*margin).into(),
            rounding: (*rounding).into(),
            needs: needs.iter().map(|need| (need.runs, need.largest_spread.map(Into::into))).collect(),
        },
    };
    says.into()
}

fn steps(its: &run::Iterations) -> Steps {
    Steps { count: its.count, first: its.first.clone() }
}

fn parted(parting: &run::Parting) -> Parted {
    let run::Parting { iteration, meter, candidate, against } = parting.clone();
    Parted { iteration, meter, candidate: candidate.into(), against: against.into() }
}
