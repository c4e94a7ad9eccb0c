//! The report of a whole run: the JSON document, and what every renderer reads.

use crate::message::{Message, Pen, Say};
use crate::{Check, DoctorLine, Lang, Section, Verdict, number};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the JSON form of [`RunReport`]. A change that an older reader would misread gets the next number.
pub const SCHEMA_VERSION: u32 = 2;

/// The name of the suite that has the one check about the run itself: why it did not come to its end, or what was asked for in vain.
pub const RUN: &str = "run";

/// Everything that a run found out. [`crate::Collector`] makes one of the events of a run, [`crate::json`] keeps it, and
/// [`crate::RENDERERS`] show it:
///
/// ```
/// use dinov3_reports::{Gate, Lang, json, markdown};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/json/tests/schema-1.json");
/// let report = json::from_json(&std::fs::read_to_string(file)?)?;
/// assert_eq!(report.gate(), Gate::Fail);
///
/// // What makes the run fail, and the figure that decided.
/// for check in report.checks().filter(|check| report.gates_as_failure(check)) {
///     let why = check.line().map(|line| line.plain(Lang::En)).unwrap_or_default();
///     let figure = check.figures.first().map(|figure| figure.value);
///     println!("{}: {why} ({figure:?})", check.id);
/// }
///
/// // A page for people, in any language; as JSON it comes back to the last bit.
/// let page = markdown::markdown(&report, Lang::Zh, None);
/// assert!(page.starts_with("# dinov3-harness：失败"));
/// let text = json::to_json(&report)?;
/// assert_eq!(json::to_json(&json::from_json(&text)?)?, text);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RunReport {
    /// The program that ran.
    pub tool: Tool,
    /// What it ran on.
    pub environment: Environment,
    /// Ids of the checks that may be vacuous without failing the run.
    pub allow_vacuous: Vec<String>,
    /// Whether the run came to its end. What is known of one that was cut short cannot count as passed.
    pub complete: bool,
    /// What there was to remark, such as an image that cannot be used; each remark once.
    #[serde(default)]
    pub notes: Vec<Message>,
    /// The suites, in the order in which they ran.
    pub suites: Vec<SuiteResult>,
}

/// The program that made a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The git revision that it was built from, where known.
    pub revision: Option<String>,
}

impl std::fmt::Display for Tool {
    /// `dinov3-harness 0.1.0 (3f2a9c1)`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.name, self.version)?;
        match &self.revision {
            Some(revision) => write!(formatter, " ({revision})"),
            None => Ok(()),
        }
    }
}

/// What a run ran on. Figures of two runs compare only where these agree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Environment {
    /// Version of libtorch.
    pub libtorch: String,
    /// Whose tensors were judged.
    pub judged: Judged,
    /// Model name of the processor.
    pub cpu: String,
    /// The instruction set that libtorch uses, for example `AVX2`.
    pub cpu_capability: String,
    /// Threads of libtorch.
    pub threads: u32,
    /// Operating system.
    pub os: String,
    /// Processor architecture, for example `x86_64`.
    pub architecture: String,
    /// Environment variables that pin the arithmetic, with their values; an object in JSON.
    #[serde(with = "pins")]
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    pub pins: Vec<(String, String)>,
    /// What `doctor` finds of this machine for the run's device; empty where nobody looked.
    #[serde(default)]
    pub doctor: Vec<DoctorLine>,
    /// When the run began, as RFC 3339.
    pub started: Option<String>,
    /// Wall-clock time of the whole run, in seconds.
    #[serde(with = "number::float")]
    #[schemars(with = "number::Float")]
    pub seconds: f64,
}

/// Whose tensors a run judges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Judged {
    /// Our own trainer's.
    Trainer {
        /// Where it computes: `cpu`, `cuda:0`, `npu:0`.
        device: String,
        /// The defect that was planted in it, if one was. The run of a trainer broken on purpose can be taken for no other.
        planted: Option<String>,
    },
    /// Those of sets recorded elsewhere.
    Candidate {
        /// The folder.
        folder: String,
    },
    /// Logs and reports of runs, laid beside each other.
    Runs {
        /// Their names.
        names: Vec<String>,
    },
    /// What a report of schema 1 says.
    Stated {
        /// Its words.
        device: String,
    },
}

impl Judged {
    /// Whether it was computed before this run, maybe elsewhere.
    pub fn is_brought(&self) -> bool {
        matches!(self, Self::Candidate { .. } | Self::Runs { .. })
    }
}

impl Say for Judged {
    fn en(&self, pen: Pen) -> String {
        match self {
            Self::Trainer { device, planted: None } => pen.text(device),
            Self::Trainer { device, planted: Some(defect) } => {
                format!("{} with {} planted", pen.text(device), pen.name(defect))
            }
            Self::Candidate { folder } => format!("recordings in {}", pen.name(folder)),
            Self::Runs { names } => format!("the runs {}", pen.names(names, ", ")),
            Self::Stated { device } => pen.text(device),
        }
    }

    fn zh(&self, pen: Pen) -> String {
        match self {
            Self::Trainer { device, planted: None } => pen.text(device),
            Self::Trainer { device, planted: Some(defect) } => {
                format!("{}（已注入缺陷 {}）", pen.text(device), pen.name(defect))
            }
            Self::Candidate { folder } => format!("{} 中采集的数据", pen.name(folder)),
            Self::Runs { names } => format!("运行 {}", pen.names(names, "、")),
            Self::Stated { device } => pen.text(device),
        }
    }
}

/// What one suite found out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SuiteResult {
    /// Name of the suite, for example `layers`.
    pub suite: String,
    /// The group that it belongs to, for example `precision`.
    pub group: Option<String>,
    /// What it proves when it passes, in one sentence.
    pub proves: Message,
    /// Its checks, in the order in which they ran.
    pub checks: Vec<Check>,
    /// Tables and plots that belong to the suite as a whole.
    pub sections: Vec<Section>,
    /// Wall-clock time, in seconds.
    #[serde(with = "number::float")]
    #[schemars(with = "number::Float")]
    pub seconds: f64,
}

impl SuiteResult {
    /// Whether it has looked at anything: one of its checks was made.
    pub(crate) fn looked(&self) -> bool {
        self.checks.iter().any(|check| !matches!(check.verdict, Verdict::Skipped { .. }))
    }

    /// Whether one of its checks passed, without which it proves nothing.
    pub(crate) fn proved(&self) -> bool {
        self.checks.iter().any(|check| check.verdict == Verdict::Pass)
    }

    /// The suite and its group; see [`name_and_group`].
    pub(crate) fn name_and_group(&self, lang: Lang) -> String {
        name_and_group(&self.suite, self.group.as_deref(), lang)
    }
}

/// `layers (precision)`, or `layers` where there is no group. Both are names that the command line takes, the same in all languages.
pub(crate) fn name_and_group(suite: &str, group: Option<&str>, lang: Lang) -> String {
    match group {
        Some(group) => format!("{suite}{}{group}{}", lang.of(" (", "（"), lang.of(")", "）")),
        None => suite.to_owned(),
    }
}

/// An ordered list of pairs as a JSON object.
pub(crate) mod pins {
    use serde::de::{Deserializer, MapAccess, Visitor};
    use serde::ser::Serializer;

    pub fn serialize<S: Serializer>(pins: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(pins.iter().map(|(name, value)| (name, value)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, String)>, D::Error> {
        deserializer.deserialize_map(Pins)
    }

    struct Pins;

    impl<'de> Visitor<'de> for Pins {
        type Value = Vec<(String, String)>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("an object of strings")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pins = Vec::new();
            while let Some(pin) = map.next_entry()? {
                pins.push(pin);
            }
            Ok(pins)
        }
    }
}
