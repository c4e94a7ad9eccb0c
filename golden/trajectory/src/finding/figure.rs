//! The one number of a finding that a table shows.

use serde::Serialize;

use super::{Detail, Finding};

/// The number of a finding that a table shows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: Unit,
    /// Its limit, in the same unit.
    pub limit: Option<f64>,
    /// Its p-value, with the correction for the number of tests where there is one.
    pub p: Option<f64>,
    /// Its interval, in the same unit.
    pub interval: Option<(f64, f64)>,
}

/// The unit of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A count of iterations or steps.
    Steps,
    /// A part of a whole.
    Share,
    /// Standard errors or deviations.
    Deviations,
    /// The unit of the meter; natural logarithms for norms.
    Meter,
    /// A ratio.
    Factor,
}

impl Finding {
    /// The number that a table shows; `None` where there is none.
    pub fn figure(&self) -> Option<Figure> {
        let plain = |value, unit| Figure { value, unit, limit: None, p: None, interval: None };
        Some(match &self.detail {
            Detail::Covered(common) => Figure { limit: Some(1.0), ..plain(common.share(), Unit::Share) },
            Detail::Missing(its) | Detail::Repeated(its) | Detail::OutOfOrder(its) | Detail::Restarted(its) => {
                plain(its.count as f64, Unit::Steps)
            }
            Detail::Truncated { last, expected } => {
                let steps = last.map_or(0.0, |last| last as f64);
                Figure { limit: Some(*expected as f64), ..plain(steps, Unit::Steps) }
            }
            Detail::BeginsLate { first: value, expected } | Detail::Longer { last: value, expected } => {
                Figure { limit: Some(*expected as f64), ..plain(*value as f64, Unit::Steps) }
            }
            Detail::NotFinite { nan, infinite, .. } => plain((nan + infinite) as f64, Unit::Steps),
            Detail::Prefix { steps, of, .. } => Figure { limit: Some(*of as f64), ..plain(*steps as f64, Unit::Steps) },
            Detail::Column { differing, .. } => Figure { limit: Some(0.0), ..plain(*differing as f64, Unit::Steps) },
            Detail::Deviation { deviation, limit, adjusted, .. } => {
                Figure { limit: Some(*limit), p: Some(*adjusted), ..plain(*deviation, Unit::Deviations) }
            }
            Detail::Equivalence { difference, lower, upper, margin, p, .. } => Figure {
                limit: Some(*margin),
                p: Some(*p),
                interval: Some((*lower, *upper)),
                ..plain(*difference, Unit::Meter)
            },
            Detail::Slope { change, lower, upper, adjusted, .. } => {
                Figure { p: Some(*adjusted), interval: Some((*lower, *upper)), ..plain(*change, Unit::Meter) }
            }
            Detail::Spike { largest, limit, .. } => Figure { limit: Some(*limit), ..plain(*largest, Unit::Deviations) },
            Detail::Factor { factor, lower, upper, p, limit, .. } => Figure {
                limit: Some(*limit),
                p: Some(*p),
                interval: Some((*lower, *upper)),
                ..plain(*factor, Unit::Factor)
            },
            Detail::TooFew { have, need } => Figure { limit: Some(*need as f64), ..plain(*have as f64, Unit::Steps) },
            Detail::TwoNumbers { difference, margin, .. } => {
                Figure { limit: Some(*margin), ..plain(*difference, Unit::Meter) }
            }
            Detail::FewRuns
            | Detail::Horizon { .. }
            | Detail::Cadence { .. }
            | Detail::MeterMissing
            | Detail::MeterUnknown
            | Detail::Rounded(_)
            | Detail::Unseen(_) => return None,
        })
    }
}
