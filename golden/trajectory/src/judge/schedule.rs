//! Columns that the config decides: they agree exactly, or the runs have other configs.

use super::{Comparison, of_meter, pass_if};
use crate::finding::{CheckKind, Detail, Finding, Parting};
use crate::limits::Limit;
use crate::meters::{MeterKind, kind};
use crate::run::Series;
use crate::stats::median;

pub(super) fn findings(comparison: &Comparison) -> Vec<Finding> {
    let decided = |series: &&Series| matches!(kind(&series.meter), Some(MeterKind::Schedule | MeterKind::Setting));
    let series = comparison.against.series.iter().filter(decided);
    series.filter_map(|series| Some(column(comparison, comparison.candidate.series(&series.meter)?, series))).collect()
}

fn column(comparison: &Comparison, own: &Series, series: &Series) -> Finding {
    let top = series.values.iter().fold(0.0_f64, |top, value| top.max(value.abs()));
    let ulps = Limit::ScheduleUlps.value() * f64::EPSILON * top;
    let (mut compared, mut differing, mut parting, mut factors) = (0, 0, None, Vec::new());
    for &iteration in &comparison.covered.expected {
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
