//! A constant factor between the norms of gradients.
//!
//! Adam does not see the size of a gradient, so a run that averages gradients over N ranks where the other one sums them
//! has nearly the same losses, and norms smaller by N. The pinned commit of the reference sums; newer ones average.

use super::meter::Meter;
use super::{Comparison, of_meter, pass_if};
use crate::finding::{CheckKind, Detail, Finding, RankFactor, Status, Unseen};
use crate::grid;
use crate::limits::Limit;
use crate::meters::MeterKind;

/// The smallest factor that a number of ranks makes.
const TWO_RANKS: f64 = 2.0;

pub(super) fn findings(comparison: &Comparison) -> Vec<Finding> {
    let settled = grid::settled(comparison.covered.whole);
    let partial = comparison.partial();
    let window = if partial { comparison.last_window() } else { Some(settled) };
    let Some(window) = window else { return Vec::new() };
    let norms: Vec<_> = comparison.meters.iter().filter(|meter| meter.kind == MeterKind::GradientNorm).collect();
    let first: Option<Vec<f64>> = norms.iter().map(|meter| factor_of_the_first_step(meter)).collect();
    let known = first.and_then(|factors| of_equal_weights(&factors));
    // Bonferroni's correction: the interval is what is judged.
    let outside = Limit::FactorLevel.value() / norms.len().max(1) as f64;
    let judged = norms.iter().filter_map(|meter| {
        let estimate = comparison
            .yardstick
            .mean(meter, window, |spread| if partial { spread.window(window, 0) } else { Some(spread.settled) })?;
        let factor = estimate.difference.exp();
        let (low, high) = estimate.interval(outside);
        let (lower, upper) = estimate.interval(0.01);
        let limit = Limit::FactorSize.value();
        let detail = Detail::Factor {
            factor,
            lower: lower.exp(),
            upper: upper.exp(),
            p: estimate.p(),
            limit,
            ranks: known.unwrap_or_else(|| ranks(factor)),
        };
        let passes = low.exp() <= limit && high.exp() >= 1.0 / limit;
        // An interval from a half to two holds every factor that is looked for.
        let is_blind = passes && high - low >= 2.0 * TWO_RANKS.ln();
        let status = if is_blind { Status::Inconclusive } else { pass_if(passes) };
        let finding = of_meter(CheckKind::NormFactor, status, meter.name(), detail);
        Some(Finding { window: Some(window), ..finding })
    });
    without_blind(judged.collect())
}

/// Norms that could not show a factor are no obstacle where another one can, and no evidence either.
fn without_blind(mut judged: Vec<Finding>) -> Vec<Finding> {
    let decides = |finding: &Finding| finding.status != Status::Inconclusive;
    if judged.iter().any(decides) {
        for blind in judged.iter_mut().filter(|finding| !decides(finding)) {
            (blind.check, blind.status) = (CheckKind::Coverage, Status::Note);
            blind.detail = Detail::Unseen(Unseen::NormFactor);
        }
    }
    judged
}

/// The factor of a norm in the first step, before any weight was trained.
fn factor_of_the_first_step(meter: &Meter) -> Option<f64> {
    let pairing = &meter.pairing;
    (pairing.iterations.first() == Some(&0)).then(|| pairing.difference[0].exp())
}

/// What ranks have to do with the factors that the norms have in the first step: where all are one factor, both runs began with the same weights,
/// and the factor is known well, whatever it becomes as the weights part. `None` where the norms have factors of their own, or there is but one.
fn of_equal_weights(factors: &[f64]) -> Option<Option<RankFactor>> {
    let (&first, others) = factors.split_first()?;
    let near = |factor: &f64| (factor / first - 1.0).abs() <= Limit::RankAgreement.value();
    (!others.is_empty() && others.iter().all(near)).then(|| ranks(first))
}

/// The number of ranks that explains a factor.
fn ranks(factor: f64) -> Option<RankFactor> {
    let whole = |value: f64| {
        let nearest = value.round();
        // Above twenty, each value is near one of the whole numbers.
        let near = (value / nearest - 1.0).abs() <= Limit::RankAgreement.value() && (value - nearest).abs() <= 0.2;
        ((2.0..1e6).contains(&nearest) && near).then_some(nearest as u32)
    };
    whole(1.0 / factor).map(RankFactor::Averaged).or_else(|| whole(factor).map(RankFactor::Summed))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gradients halved on purpose in the reference's own program: its norms are halves in the first step, and 0.546 to 0.6 of the others behind it.
    #[test]
    fn the_first_step_knows_the_factor_of_runs_that_begin_with_the_same_weights() {
        assert_eq!(of_equal_weights(&[0.5, 0.5, 0.5]), Some(Some(RankFactor::Averaged(2))));
        assert_eq!(of_equal_weights(&[1.0, 1.0, 1.0]), Some(None), "whatever the norms become, ranks are not why");
        assert_eq!(of_equal_weights(&[0.5, 0.9, 0.5]), None, "another seed");
        assert_eq!(of_equal_weights(&[0.5]), None, "nothing to agree with");
        assert_eq!(of_equal_weights(&[]), None);
    }

    /// Seen to pass: the norm of a head over 125000 steps, with an interval from 0.002 to 180000.
    #[test]
    fn a_norm_that_could_show_no_factor_is_no_evidence() {
        let of = |meter: &str, status| of_meter(CheckKind::NormFactor, status, meter, Detail::FewRuns);
        let alone = without_blind(vec![of("head", Status::Inconclusive)]);
        assert_eq!(alone[0].status, Status::Inconclusive);
        for status in [Status::Pass, Status::Fail] {
            let beside = without_blind(vec![of("head", Status::Inconclusive), of("backbone", status)]);
            let statuses: Vec<_> = beside.iter().map(|finding| (finding.check, finding.status)).collect();
            assert_eq!(statuses, [(CheckKind::Coverage, Status::Note), (CheckKind::NormFactor, status)]);
            assert_eq!(beside[0].detail, Detail::Unseen(Unseen::NormFactor));
        }
    }

    #[test]
    fn a_factor_near_the_reciprocal_of_a_whole_number_is_explained_by_ranks() {
        assert_eq!(ranks(0.127), Some(RankFactor::Averaged(8)));
        assert_eq!(ranks(8.1), Some(RankFactor::Summed(8)));
        assert_eq!(ranks(1.1), None);
        assert_eq!(ranks(0.7), None);
        assert_eq!(ranks(0.30575), None, "a run without warm-up");
        assert_eq!(ranks(0.00905), None, "a constant teacher temperature");
        assert_eq!(ranks(f64::NAN), None);
    }
}
