//! What the golden crate says, in the vocabulary of results.

use dinov3_config::{NoEffect, WithoutEffect};
use dinov3_data::decode::DecodeError;
use dinov3_data::loader::{Unread, Unusable};
use dinov3_golden::{EntryJudgement, GoldenSet, SetJudgement, judge, tolerance};
use dinov3_reports::message::{Circumstance, Damage, Difference, Metric, Outcome, Precision, Reason, Remark, Stage};
use dinov3_reports::tensor::{Error, Held};
use dinov3_reports::{Float, Golden, Tensor};

use super::subject;

/// A precision.
pub fn precision(precision: dinov3_golden::Precision) -> Precision {
    match precision {
        dinov3_golden::Precision::Truth => Precision::Truth,
        dinov3_golden::Precision::Fp32 => Precision::Fp32,
        dinov3_golden::Precision::Bf16 => Precision::Bf16,
    }
}

/// A stage.
pub fn stage(stage: dinov3_golden::Stage) -> Stage {
    match stage {
        dinov3_golden::Stage::Init => Stage::Init,
        dinov3_golden::Stage::Data => Stage::Data,
        dinov3_golden::Stage::Forward => Stage::Forward,
        dinov3_golden::Stage::Loss => Stage::Loss,
        dinov3_golden::Stage::Backward => Stage::Backward,
        dinov3_golden::Stage::Optimizer => Stage::Optimizer,
        dinov3_golden::Stage::Ema => Stage::Ema,
        dinov3_golden::Stage::Schedule => Stage::Schedule,
        dinov3_golden::Stage::Trajectory => Stage::Trajectory,
    }
}

/// An outcome.
pub fn outcome(outcome: judge::Outcome) -> Outcome {
    match outcome {
        judge::Outcome::Identical => Outcome::Identical,
        judge::Outcome::WithinYardstick => Outcome::WithinTheLimit,
        judge::Outcome::NotIdentical => Outcome::NotIdentical,
        judge::Outcome::NotJudged => Outcome::NotJudged,
        judge::Outcome::Beyond => Outcome::BeyondTheLimit,
        judge::Outcome::NonFinite => Outcome::NonFinite,
        judge::Outcome::ShapeDiffers => Outcome::ShapeDiffers,
        judge::Outcome::DtypeDiffers => Outcome::DtypeDiffers,
        judge::Outcome::Missing => Outcome::Missing,
        judge::Outcome::Waived => Outcome::Waived,
        judge::Outcome::Unexpected => Outcome::Unexpected,
    }
}

fn metric(metric: tolerance::Metric) -> Metric {
    match metric {
        tolerance::Metric::RelL2 => Metric::RelativeL2,
        tolerance::Metric::MaxAbs => Metric::MaxAbs,
        tolerance::Metric::Norm => Metric::Norm,
        tolerance::Metric::Mean => Metric::Mean,
        tolerance::Metric::Min => Metric::Min,
        tolerance::Metric::Max => Metric::Max,
    }
}

/// Why an entry is wrong, or not judged.
pub fn reason(reason: &judge::Reason) -> Reason {
    match reason {
        judge::Reason::Limit(check) => Reason::Limit {
            metric: metric(check.metric),
            error: Float(check.error),
            yardstick: Float(check.yardstick),
            k: Float(check.k),
            limit: Float(check.limit),
        },
        judge::Reason::BitsExpected => Reason::BitsExpected,
        judge::Reason::WholeNumbers { largest } => Reason::WholeNumbers { largest: largest.map(Float) },
        judge::Reason::NonFiniteElements { count } => Reason::NonFiniteElements { count: *count },
        judge::Reason::NonFiniteCount { found, expected } => {
            Reason::NonFiniteCount { found: *found, expected: *expected }
        }
        judge::Reason::NonFiniteInAFreeRun { found, expected } => {
            Reason::NonFiniteInAFreeRun { found: *found, expected: *expected }
        }
        judge::Reason::NoTruth => Reason::NoTruth,
        judge::Reason::NotCompared => Reason::NotCompared,
        judge::Reason::Buffer => Reason::Buffer,
        judge::Reason::Meter => Reason::Meter,
        judge::Reason::OtherSeries { trajectory } => Reason::OtherSeries { trajectory: trajectory.clone() },
        judge::Reason::FreeRun => Reason::FreeRun,
        judge::Reason::Dtype { golden, candidate } => {
            Reason::Dtype { golden: golden.to_string(), candidate: candidate.to_string() }
        }
        judge::Reason::Shape { golden, candidate } => {
            Reason::Shape { golden: golden.clone(), candidate: candidate.clone() }
        }
        judge::Reason::NeverObserved => Reason::NeverObserved,
        judge::Reason::Twice => Reason::Twice,
        judge::Reason::NoSuchEntry => Reason::NoSuchEntry,
    }
}

fn circumstance(field: dinov3_golden::Circumstance) -> Circumstance {
    match field {
        dinov3_golden::Circumstance::Torch => Circumstance::Torch,
        dinov3_golden::Circumstance::Architecture => Circumstance::Architecture,
        dinov3_golden::Circumstance::Device => Circumstance::Device,
        dinov3_golden::Circumstance::CpuVendor => Circumstance::CpuVendor,
        dinov3_golden::Circumstance::CpuCapability => Circumstance::CpuCapability,
        dinov3_golden::Circumstance::MklCbwr => Circumstance::MklCbwr,
        dinov3_golden::Circumstance::OnednnMaxCpuIsa => Circumstance::OnednnMaxCpuIsa,
        dinov3_golden::Circumstance::Threads => Circumstance::Threads,
        dinov3_golden::Circumstance::Tf32 => Circumstance::Tf32,
        dinov3_golden::Circumstance::Code => Circumstance::Code,
        dinov3_golden::Circumstance::Mode => Circumstance::Mode,
    }
}

/// Circumstances that differ from those of a recording.
pub fn differences(differences: &[dinov3_golden::Difference]) -> Vec<Difference> {
    let difference = |it: &dinov3_golden::Difference| Difference {
        field: circumstance(it.field),
        recorded: it.recorded.clone(),
        judged: it.here.clone(),
    };
    differences.iter().map(difference).collect()
}

/// An option that a set's config gives in vain.
pub fn remark(without_effect: &WithoutEffect) -> Remark {
    let (key, given) = (without_effect.key.to_owned(), without_effect.given.clone());
    match &without_effect.why {
        NoEffect::NeverRead { used } => Remark::NeverRead { key, given, used: used.clone() },
        NoEffect::DecidedBy { option } => Remark::RatioOfTheArchitecture { key, given, decides: (*option).to_owned() },
        NoEffect::NoSuchParameter { part } => Remark::NoSuchParameters { key, given, part: (*part).to_owned() },
    }
}

/// An image that the loader cannot use.
pub fn unusable(image: Unusable) -> Remark {
    let reason = match image.reason {
        Unread::File(said) => Damage::Unreadable(said),
        Unread::Image(DecodeError::Unsupported { format }) => Damage::Unsupported { format: format.to_owned() },
        Unread::Image(DecodeError::Unknown { length }) => Damage::Unknown { length },
        Unread::Image(DecodeError::TooLarge { width, height }) => Damage::TooLarge { width, height },
        Unread::Image(DecodeError::Truncated { format }) => Damage::Truncated { format: format.to_owned() },
        Unread::Image(DecodeError::Broken { format, why }) => Damage::Broken { format: format.to_owned(), why },
    };
    Remark::Unusable { image: image.image, reason }
}

/// What a judgement was made against.
pub fn golden(set: &GoldenSet, judgement: &SetJudgement) -> Golden {
    Golden {
        set: judgement.set.clone(),
        precision: precision(judgement.precision),
        manifest: subject::manifest(set),
        commit: Some(set.manifest().reference.commit.clone()),
    }
}

/// Every judged tensor with its figures: the golden set's in execution order, then what it does not have.
pub fn tensors(judgement: &SetJudgement) -> Vec<Tensor> {
    judgement.entries.iter().chain(&judgement.unexpected).map(tensor).collect()
}

fn tensor(entry: &EntryJudgement) -> Tensor {
    let held = |check: &judge::Check| Held {
        metric: metric(check.metric),
        error: Float(check.error),
        yardstick: Float(check.yardstick),
        k: Float(check.k),
        limit: Float(check.limit),
    };
    Tensor {
        name: entry.name.clone(),
        stage: entry.stage.map(stage),
        outcome: outcome(entry.outcome),
        error: entry.metrics.as_ref().map(error),
        reference: entry.reference.map(|it| Float(it.rel_l2)),
        ratio_to_limit: entry.share().map(Float),
        ratio_to_yardstick: entry.ratio.map(Float),
        held: entry.checks.iter().map(held).collect(),
        borrowed_from: entry.borrowed_from.clone(),
        own: None,
        reason: entry.reason.as_ref().map(reason),
    }
}

fn error(metrics: &dinov3_golden::Metrics) -> Error {
    Error {
        relative_l2: Float(metrics.rel_l2),
        max_abs: Float(metrics.max_abs),
        mean_abs: Float(metrics.mean_abs),
        cosine: Float(metrics.cosine),
        ulp: metrics.max_ulp,
        elements: metrics.count,
    }
}
