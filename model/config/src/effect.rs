//! Settings without an effect: what nothing in the reference reads, and what nothing here reads.
//!
//! `reads.json` holds every key that the reference's training program reads at the commit. A test compares it with the
//! sources of a checkout.

use std::fmt;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use crate::defaults::defaults;
use crate::read::at;
use crate::refusals::same;

/// The keys that the reference's training program reads.
#[derive(Debug, Deserialize)]
pub struct Reads {
    /// The commit that they were recorded at.
    pub commit: String,
    /// The keys that decide something. `*` matches any item of a list.
    pub read: Vec<String>,
    /// The keys that are only written into log lines.
    pub logged: Vec<String>,
    /// Keys that only `--eval-only` reads, which fails at this commit.
    pub unreachable: Vec<String>,
}

static READS: LazyLock<Reads> =
    LazyLock::new(|| serde_json::from_str(include_str!("reads.json")).expect("a test parses it"));

/// The recorded reads.
pub fn reads() -> &'static Reads {
    &READS
}

/// A setting of a config that has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithoutEffect {
    /// The option.
    pub key: String,
    /// The given value, as JSON.
    pub given: String,
    /// The reason.
    pub why: NoEffect,
}

/// The reason why an option has no effect in the reference at this commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoEffect {
    /// Nothing reads it.
    NeverRead {
        /// The value in effect, as JSON; the default where nothing is in effect.
        used: String,
    },
    /// Nothing reads it, and another option decides.
    DecidedBy {
        /// The deciding option.
        option: &'static str,
    },
    /// The option applies to parameters whose name within their head contains a word, and there are none.
    NoSuchParameter {
        /// The word.
        part: &'static str,
    },
}

impl fmt::Display for WithoutEffect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, given, why } = self;
        write!(formatter, "`{key}: {given}` has no effect: the reference ")?;
        match why {
            NoEffect::NeverRead { used } => write!(formatter, "at this commit never reads it and uses {used}"),
            NoEffect::DecidedBy { option } => {
                write!(formatter, "at this commit never reads it and uses that of `{option}`")
            }
            NoEffect::NoSuchParameter { part } => {
                write!(formatter, "applies it to parameters whose name within their head holds `{part}`, and none does")
            }
        }
    }
}

/// The keys of the defaults that nothing reads, each with its default, which is what is in effect; and `patch_drop`, of
/// which published configs have a value.
pub fn never_read() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    leaves(&defaults(), "", &mut found);
    let below = |key: &str, section: &str| key.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'));
    found.retain(|(key, _)| !reads().read.iter().any(|read| read == key || below(read, key)));
    found.push(("student.patch_drop".to_owned(), Value::from(0.0)));
    found
}

/// The values that are no mappings, with their dotted keys.
fn leaves(value: &Value, key: &str, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, value) in map {
                leaves(value, &if key.is_empty() { name.clone() } else { format!("{key}.{name}") }, found);
            }
        }
        value => found.push((key.to_owned(), value.clone())),
    }
}

/// Keys without anything in effect in their place: what they are for is not in the training program.
const FOR_NOTHING: [&str; 7] = [
    "MODEL.WEIGHTS",
    "train.data_config",
    "hrft.checkpoint_path",
    "optim.dump_fsdp_weights_path",
    "evaluation.low_freq_every",
    "evaluation.config_files.high_freq",
    "evaluation.config_files.low_freq",
];

/// The settings of a config that have no effect in the reference, and none here.
pub(crate) fn without_effect(config: &Value) -> Vec<WithoutEffect> {
    let by_name = ("optim.dino_head_wd_multiplier".to_owned(), Value::from(1.0));
    let unread = never_read().into_iter().chain([by_name]).filter_map(|(key, always)| {
        let given = at(config, &key).filter(|given| !same(given, &always))?;
        let why = match key.as_str() {
            "student.ffn_ratio" => NoEffect::DecidedBy { option: "student.arch" },
            "train.saveckp_freq" => NoEffect::DecidedBy { option: "checkpointing.period" },
            "optim.dino_head_wd_multiplier" => NoEffect::NoSuchParameter { part: "dino_head" },
            other if FOR_NOTHING.contains(&other) => NoEffect::NeverRead { used: "none".to_owned() },
            _ => NoEffect::NeverRead { used: always.to_string() },
        };
        Some(WithoutEffect { given: given.to_string(), key, why })
    });
    unread.collect()
}
