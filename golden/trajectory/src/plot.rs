//! The data of a plot: both curves, smoothed and thinned, with the band of the spread.

use serde::Serialize;

use crate::finding::Window;
use crate::meters::MeterKind;
use crate::pairing::scaled;
use crate::run::Series;
use crate::spread::{MeterSpread, middle};
use crate::stats;

/// Half the width of the band, in standard deviations.
const BAND: f64 = 3.0;

/// The curves of one meter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plot {
    /// The meter.
    pub meter: String,
    /// At most some 400 points, early ones closer together.
    pub points: Vec<Point>,
}

/// A point of a plot: the means over a few iterations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// The middle of the iterations.
    pub iteration: f64,
    /// The candidate; `None` where its log has no number.
    pub candidate: Option<f64>,
    /// The run that it is held against.
    pub against: Option<f64>,
    /// The band: three standard deviations around the mean of the runs. `None` without further runs.
    pub low: Option<f64>,
    /// See [`Point::low`].
    pub high: Option<f64>,
}

/// Equal bins of the whole run.
const EQUAL: u64 = 256;
/// Bins of equal length on a logarithmic scale: the first steps fall most.
const LOGARITHMIC: i32 = 144;

/// The bins of a plot of a run with these logged iterations.
pub(crate) fn bins(iterations: &[u64]) -> Vec<Window> {
    let (Some(&first), Some(&last)) = (iterations.first(), iterations.last()) else { return Vec::new() };
    let steps = last - first + 1;
    let mut edges: Vec<u64> = (1..=EQUAL).map(|bin| (steps as f64 * bin as f64 / EQUAL as f64) as u64).collect();
    let ratio = (steps as f64).powf(1.0 / f64::from(LOGARITHMIC));
    edges.extend((0..LOGARITHMIC).map(|bin| ratio.powi(bin) as u64));
    edges.push(steps);
    edges.sort_unstable();
    let (mut bins, mut from) = (Vec::new(), first);
    for edge in edges {
        let to = first + edge;
        let filled =
            to > from && iterations.partition_point(|at| *at < to) > iterations.partition_point(|at| *at < from);
        if filled {
            bins.push(Window { from, to });
            from = to;
        }
    }
    bins
}

/// The plot of a meter over the iterations of the run that the candidate is held against.
pub(crate) fn plot(
    kind: MeterKind,
    candidate: Option<&Series>,
    against: &Series,
    iterations: &[u64],
    spread: Option<&MeterSpread>,
) -> Plot {
    let back = |value: f64| if kind == MeterKind::GradientNorm { value.exp() } else { value };
    let mean = |series: &Series, window: Window| {
        let range = series.iterations.partition_point(|at| *at < window.from)
            ..series.iterations.partition_point(|at| *at < window.to);
        let values: Vec<f64> = series.values[range].iter().map(|value| scaled(kind, *value)).collect();
        Some(back(stats::mean(&values))).filter(|mean| mean.is_finite())
    };
    let points = bins(iterations).into_iter().map(|window| {
        let iteration = middle(iterations, window);
        let band = spread.and_then(|spread| spread.band.iter().find(|band| band.iteration == iteration));
        Point {
            iteration,
            candidate: candidate.and_then(|series| mean(series, window)),
            against: mean(against, window),
            low: band.map(|band| back(band.mean - BAND * band.deviation)),
            high: band.map(|band| back(band.mean + BAND * band.deviation)),
        }
    });
    Plot { meter: against.meter.clone(), points: points.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bins_cover_the_run_and_are_some_four_hundred() {
        let iterations: Vec<u64> = (0..12_500).map(|line| line * 10).chain([124_999]).collect();
        let bins = bins(&iterations);
        assert_eq!((bins[0].from, bins.last().unwrap().to), (0, 125_000));
        assert!(bins.windows(2).all(|pair| pair[0].to == pair[1].from));
        assert!((280..=400).contains(&bins.len()), "{}", bins.len());
        assert_eq!(super::bins(&[7]), [Window { from: 7, to: 8 }]);
    }
}
