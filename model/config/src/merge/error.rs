//! The reasons why a merge fails.

use dinov3_ground::{Hint, Hints};
use thiserror::Error;

use crate::yaml::{YamlError, YamlProblem};

/// The reasons why a merge fails.
#[derive(Debug, Error)]
pub enum MergeError {
    /// A file cannot be read, or is not YAML.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// A file does not hold a mapping of sections.
    #[error("{0} is not a config: it holds no mapping of sections")]
    NotAMapping(String),
    /// An override cannot be read.
    #[error("the override `{text}` cannot be used: {problem}")]
    Override {
        /// The text as typed.
        text: String,
        /// The problem.
        problem: MergeProblem,
    },
    /// An override's value is not YAML or cannot be part of a config.
    #[error("the override `{text}` cannot be used: {problem}")]
    Value {
        /// The text as typed.
        text: String,
        /// The problem.
        problem: YamlProblem,
    },
    /// A file, or all overrides together, do not fit the layers below.
    #[error("{layer} cannot be merged: {problem}")]
    Layer {
        /// The file or the overrides.
        layer: String,
        /// The problem.
        problem: MergeProblem,
    },
    /// An interpolation of the merged config cannot be resolved.
    #[error("the merged config cannot be resolved: {0}")]
    Interpolation(MergeProblem),
    /// The config names no teacher.
    #[error("`distillation.full_cfg_path` names no config")]
    NoTeacher,
    /// A multi-distillation cannot be set up.
    #[error("{base} gives rank {rank} of {world_size} no student of its own: {problem}")]
    Student {
        /// The base config.
        base: String,
        /// The rank.
        rank: usize,
        /// The number of ranks.
        world_size: usize,
        /// The problem.
        problem: StudentProblem,
    },
    /// The scaling rule cannot scale the learning rate.
    #[error("`optim.scaling_rule: {rule}` cannot be applied: `{key}` is {value}")]
    Scaling {
        /// The rule.
        rule: String,
        /// The key whose value is not a number.
        key: &'static str,
        /// Its value.
        value: String,
    },
}

/// A problem with one key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MergeProblem {
    /// A list would replace a mapping, or a mapping a list.
    #[error("`{key}` is a {below}, and a {above} cannot replace it")]
    Containers {
        /// The key.
        key: String,
        /// The kind of the existing value.
        below: &'static str,
        /// The kind of the new value.
        above: &'static str,
    },
    /// OmegaConf reads only a part of the key, or its versions read it differently.
    #[error("{what} in a key")]
    Key {
        /// The forbidden part of the key.
        what: &'static str,
    },
    /// An index is not a number, or is beyond the list.
    #[error("`{index}` is not an index of `{list}`, whose length is {length}")]
    Index {
        /// The text as typed.
        index: String,
        /// The list's key.
        list: String,
        /// The number of items.
        length: usize,
    },
    /// An override sets a key below an interpolation.
    #[error("`{key}` is an interpolation, and OmegaConf's versions disagree about the effect of the override")]
    Through {
        /// The key.
        key: String,
    },
    /// A `${…}` is not closed or not a key.
    #[error("`{key}` holds `{text}`, which is not an interpolation")]
    Grammar {
        /// The key.
        key: String,
        /// Its value.
        text: String,
    },
    /// A value calls a resolver, `${name:…}`.
    #[error("`{key}` calls the resolver `{name}`, and resolvers are not supported")]
    Resolver {
        /// The key.
        key: String,
        /// The resolver.
        name: String,
    },
    /// An interpolation has no value.
    #[error("`{key}` takes the value of `{target}`, {why}")]
    Target {
        /// The key.
        key: String,
        /// The target.
        target: String,
        /// The problem with the target.
        why: &'static str,
    },
}

/// The reason why a rank has no student.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StudentProblem {
    /// The number of ranks is zero.
    #[error("a world has at least one rank")]
    NoRank,
    /// `multidistillation` itself cannot be resolved.
    #[error(transparent)]
    Section(#[from] MergeProblem),
    /// The config lists no students.
    #[error("`multidistillation.enabled` is not true there")]
    NotEnabled,
    /// The students are not a list.
    #[error("`multidistillation.students` is no list")]
    NoList,
    /// A value has the wrong kind.
    #[error("`{key}` is {value}")]
    Value {
        /// The key.
        key: String,
        /// Its value, as JSON.
        value: String,
        /// The expected kind.
        wanted: &'static str,
    },
    /// A range of ranks is empty.
    #[error("`{key}` holds no rank")]
    EmptyRange {
        /// Its key.
        key: String,
    },
    /// No range contains the rank.
    #[error("no `ranks_range` contains it")]
    NoRange {
        /// Each student and its ranks.
        ranges: String,
    },
    /// Several ranges contain the rank.
    #[error("`{first}` and `{second}` both have it")]
    Twice {
        /// A student.
        first: String,
        /// The other one.
        second: String,
    },
    /// A range reaches beyond the last rank.
    #[error("the ranks of `{student}` reach to {last}")]
    Beyond {
        /// The student.
        student: String,
        /// Its last rank.
        last: usize,
    },
    /// The student's ranks cannot share the global batch evenly.
    #[error("`multidistillation.global_batch_size: {batch}` cannot be shared by the {ranks} ranks of `{student}`")]
    Batch {
        /// Images over all ranks.
        batch: u64,
        /// The number of the student's ranks.
        ranks: u64,
        /// The student's name.
        student: String,
    },
}

impl Hint for MergeError {
    fn hints(&self) -> Hints {
        match self {
            Self::Yaml(error) => error.hints(),
            Self::NotAMapping(_) => "a config looks like `optim: {lr: 0.001}`".into(),
            Self::Value { problem, .. } => problem.hints(),
            Self::Override { problem, .. } | Self::Layer { problem, .. } | Self::Interpolation(problem) => {
                problem.hints()
            }
            Self::NoTeacher => "give the teacher's YAML file there".into(),
            Self::Student { problem, .. } => problem.hints(),
            Self::Scaling { .. } => "give a number, or `optim.scaling_rule=none`".into(),
        }
    }
}

impl Hint for MergeProblem {
    fn hints(&self) -> Hints {
        match self {
            Self::Containers { below, .. } => containers_hint(below).into(),
            Self::Key { .. } => "write `a.b=value` or `a[b]=value`".into(),
            Self::Index { list, .. } => format!("the first item is 0; a list can be given whole: `{list}=[…]`").into(),
            Self::Through { .. } => "override the key that the interpolation refers to".into(),
            Self::Grammar { .. } => "write `${section.key}`; write `\\${` for the literal text `${`".into(),
            Self::Resolver { .. } => "write the value itself".into(),
            Self::Target { key, .. } => format!("give `{key}` a value of its own, or correct the interpolation").into(),
        }
    }
}

impl Hint for StudentProblem {
    fn hints(&self) -> Hints {
        match self {
            Self::NoRank => "give the number of all ranks".into(),
            Self::Section(problem) => problem.hints(),
            Self::NotEnabled => "give the base config, the one that lists the students".into(),
            Self::NoList => "list each student's name, config_path and ranks_range".into(),
            Self::Value { wanted, .. } => format!("give {wanted}").into(),
            Self::EmptyRange { .. } => "give the first rank and the one after the last".into(),
            Self::NoRange { ranges } => ranges.clone().into(),
            Self::Twice { .. } => "every rank trains one student".into(),
            Self::Beyond { last, .. } => format!("start {} ranks, or give it fewer", last + 1).into(),
            Self::Batch { ranks, .. } => format!("give a multiple of {ranks}").into(),
        }
    }
}

fn containers_hint(below: &str) -> &'static str {
    match below {
        "list" => "a list is replaced by a whole list: `key=[1, 2]`; one item of it cannot be set",
        _ => "set its keys one by one, or set it to null",
    }
}
