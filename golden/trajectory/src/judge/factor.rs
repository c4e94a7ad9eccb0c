//! A constant factor between the norms of gradients.
//!
//! Adam does not see the size of a gradient, so a run that averages gradients over N ranks where the other one sums them
//! has nearly the same losses, and norms smaller by N. The pinned commit of the reference sums; newer ones average.

use super::{Comparison, of_meter, pass_if};
use crate::finding::{CheckKind, Detail, Finding, RankFactor};
use crate::grid;
use crate::limits::Limit;
use crate::meters::MeterKind;

pub(super) fn findings(comparison: &Comparison) -> Vec<Finding> {
    let settled = grid::settled(comparison.covered.whole);
    let partial = comparison.partial();
    let window = if partial { comparison.last_window() } else { Some(settled) };
    let Some(window) = window else { return Vec::new() };
    let norms: Vec<_> = comparison.meters.iter().filter(|meter| meter.kind == MeterKind::GradientNorm).collect();
    // Bonferroni's correction: the interval is what is judged.
    let outside = Limit::FactorLevel.value() / norms.len().max(1) as f64;
    let findings = norms.iter().filter_map(|meter| {
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
            ranks: ranks(factor),
        };
        let passes = low.exp() <= limit && high.exp() >= 1.0 / limit;
        let finding = of_meter(CheckKind::NormFactor, pass_if(passes), meter.name(), detail);
        Some(Finding { window: Some(window), ..finding })
    });
    findings.collect()
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
