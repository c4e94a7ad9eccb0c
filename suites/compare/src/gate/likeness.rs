//! In what two runs must agree for their figures to be compared.

use std::str::FromStr;

use dinov3_reports::message::{Pen, Say};
use dinov3_reports::{Environment, Judged, Lang};

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

    /// What a run has of it. `timed` are the ids of its checks that have figures.
    pub(super) fn of(self, environment: &Environment, timed: &[String]) -> String {
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
