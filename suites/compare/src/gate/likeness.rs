//! In what two runs must agree for their figures to be compared.

use std::str::FromStr;

use dinov3_reports::message::{Pen, Say};
use dinov3_reports::{Check, Environment, Judged, Lang, RunReport, SuiteResult};

use super::GateError;

/// In what two runs may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trait {
    /// What computed.
    Device,
    /// What was computed.
    Recipe,
    /// In which arithmetic.
    Precision,
    /// By which libtorch.
    Version,
}

impl Trait {
    /// Every one, in the order in which they are looked at.
    pub const ALL: [Self; 4] = [Self::Device, Self::Recipe, Self::Precision, Self::Version];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Recipe => "recipe",
            Self::Precision => "precision",
            Self::Version => "version",
        }
    }

    /// Whether a run agrees with an accepted one in all of them but those that `despite` names. Its recipe is the checks that have figures of
    /// these keys.
    ///
    /// # Errors
    /// The first in which they differ.
    pub(super) fn agree(
        accepted: &RunReport,
        environment: &Environment,
        suites: &[SuiteResult],
        keys: &[&str],
        despite: &[Self],
    ) -> Result<(), GateError> {
        for of in Self::ALL {
            let was = of.of(&accepted.environment, &timed(&accepted.suites, keys));
            let is = of.of(environment, &timed(suites, keys));
            if was != is && !despite.contains(&of) {
                return Err(GateError::Other { of, was, is });
            }
        }
        Ok(())
    }

    /// What a run has of it. `timed` are the ids of its checks that have figures.
    fn of(self, environment: &Environment, timed: &[String]) -> String {
        match self {
            Self::Device => device(environment),
            Self::Recipe => timed.join(", "),
            Self::Precision => {
                let pins: Vec<String> =
                    environment.pins.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("{}, {}", environment.cpu_capability, pins.join(", "))
            }
            Self::Version => format!("libtorch {}", environment.libtorch),
        }
    }
}

/// The ids of the checks that have one of these figures.
fn timed(suites: &[SuiteResult], keys: &[&str]) -> Vec<String> {
    let has = |check: &&Check| keys.iter().any(|key| check.figures.iter().any(|figure| figure.key == *key));
    suites.iter().flat_map(|suite| &suite.checks).filter(has).map(|check| check.id.clone()).collect()
}

/// The device; of a run of our own trainer, the processor and its threads too, since they are what computes or feeds it.
fn device(environment: &Environment) -> String {
    match &environment.judged {
        Judged::Trainer { device, .. } => format!("{device}, {}, {} threads", environment.cpu, environment.threads),
        other => other.say(Lang::En, Pen::Plain),
    }
}

impl FromStr for Trait {
    type Err = GateError;

    fn from_str(name: &str) -> Result<Self, GateError> {
        Self::ALL
            .into_iter()
            .find(|it| it.name() == name)
            .ok_or_else(|| GateError::Rule { rule: format!("--despite {name}") })
    }
}
