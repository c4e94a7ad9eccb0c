//! Columns that the config decides: they agree exactly, or the runs have other configs.

use super::{Comparison, of_meter, pass_if};
use crate::finding::{CheckKind, Detail, Finding, Parting};
use crate::limits::Limit;
use crate::meters::{MeterKind, kind};
use crate::run::{Run, Series};
use crate::stats::median;

/// The steps of a median.
const MEDIAN: u64 = 20;

pub(super) fn findings(comparison: &Comparison) -> Vec<Finding> {
    let decided = |series: &&Series| matches!(kind(&series.meter), Some(MeterKind::Schedule | MeterKind::Setting));
    let series = comparison.against.series.iter().filter(decided);
    series.filter_map(|series| Some(column(comparison, comparison.candidate.series(&series.meter)?, series))).collect()
}

fn column(comparison: &Comparison, own: &Series, series: &Series) -> Finding {
    let top = series.values.iter().fold(0.0_f64, |top, value| top.max(value.abs()));
    let ulps = Limit::ScheduleUlps.value() * f64::EPSILON * top;
    let (mut compared, mut differing, mut parting, mut factors) = (0, 0, None, Vec::new());
    let begun = [begun(comparison.candidate), begun(comparison.against)];
    for &iteration in &comparison.covered.expected {
        if fresh(&begun[0], iteration) != fresh(&begun[1], iteration) {
            continue;
        }
        let (Some(candidate), Some(against)) = (own.at(iteration), series.at(iteration)) else { continue };
        compared += 1;
        let agree = own.resolution.agree(candidate, series.resolution, against) || (candidate - against).abs() <= ulps;
        if !agree {
            differing += 1;
            let meter = series.meter.clone();
            parting.get_or_insert(Parting { iteration, meter, candidate, against });
            factors.extend(Some(candidate / against).filter(|factor| factor.is_finite()));
        }
    }
    let factor = (!factors.is_empty()).then(|| median(&mut factors));
    let resolution = own.resolution.coarser(series.resolution);
    let detail = Detail::Column { compared, differing, parting, factor, resolution };
    of_meter(CheckKind::Schedule, pass_if(differing == 0), &series.meter, detail)
}

/// The iterations with which programs began after a restart, and that of a log which does not begin with the first step.
fn begun(run: &Run) -> Vec<u64> {
    let falls = run.logged.windows(2).filter(|pair| pair[1] <= pair[0]).map(|pair| pair[1]);
    let starts = run.starts.iter().map(|start| start.iteration);
    falls.chain(starts).chain(run.logged.first().copied()).filter(|iteration| *iteration > 0).collect()
}

/// The beginning of the program whose median at `iteration` covers fewer than 20 steps. A curve's median over another
/// number of steps is another number.
fn fresh(begun: &[u64], iteration: u64) -> Option<u64> {
    begun.iter().copied().filter(|begun| (*begun..begun.saturating_add(MEDIAN - 1)).contains(&iteration)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_nineteen_steps_of_a_program_that_went_on_have_other_medians() {
        let run = Run { logged: vec![0, 10, 80, 90, 100, 90, 100], ..Run::default() };
        assert_eq!(begun(&run), [90]);
        assert_eq!([89, 90, 108, 109].map(|iteration| fresh(&[90], iteration)), [None, Some(90), Some(90), None]);
    }
}
