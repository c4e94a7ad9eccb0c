//! Why there is no merged config.

use dinov3_ground::{Hint, Hints};
use thiserror::Error;

use crate::yaml::{YamlError, YamlProblem};

/// Why there is no merged config.
#[derive(Debug, Error)]
pub enum MergeError {
    /// A file cannot be read, or is not YAML.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// A file that holds something else than sections.
    #[error("{0} is no config: it holds no mapping of sections")]
    NotAMapping(String),
    /// An override that cannot be read.
    #[error("the override `{text}` cannot be used: {problem}")]
    Override {
        /// As typed.
        text: String,
        /// Why.
        problem: MergeProblem,
    },
    /// An override whose value is not YAML, or no part of a config.
    #[error("the override `{text}` cannot be used: {problem}")]
    Value {
        /// As typed.
        text: String,
        /// Why.
        problem: YamlProblem,
    },
    /// A file, or all overrides together, that do not fit what is below.
    #[error("{layer} cannot be merged: {problem}")]
    Layer {
        /// Which.
        layer: String,
        /// Why.
        problem: MergeProblem,
    },
    /// An interpolation of the merged config.
    #[error("the merged config cannot be resolved: {0}")]
    Interpolation(MergeProblem),
    /// The config names no teacher.
    #[error("`distillation.full_cfg_path` names no config")]
    NoTeacher,
    /// A multi-distillation that cannot be set up.
    #[error("{base} gives rank {rank} of {world_size} no student: {problem}")]
    Student {
        /// The base config.
        base: String,
        /// Whose student.
        rank: usize,
        /// Of how many.
        world_size: usize,
        /// Why.
        problem: StudentProblem,
    },
    /// A learning rate that the scaling rule cannot scale.
    #[error("`optim.scaling_rule: {rule}` cannot be applied: `{key}` is {value}")]
    Scaling {
        /// The rule.
        rule: String,
        /// The key that is no number.
        key: &'static str,
        /// Its value.
        value: String,
    },
}

/// What is wrong with one key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MergeProblem {
    /// A list on a mapping, or a mapping on a list.
    #[error("`{key}` is a {below}, and a {above} cannot replace it")]
    Containers {
        /// The key.
        key: String,
        /// What is there.
        below: &'static str,
        /// What was given.
        above: &'static str,
    },
    /// A key that OmegaConf reads in part, or each version otherwise.
    #[error("{what} in a key")]
    Key {
        /// What the key holds.
        what: &'static str,
    },
    /// An index that is none, or beyond the list.
    #[error("`{index}` is no index of `{list}`, whose length is {length}")]
    Index {
        /// As typed.
        index: String,
        /// The list's key.
        list: String,
        /// Its items.
        length: usize,
    },
    /// An override that reaches into an interpolation.
    #[error("`{key}` is an interpolation, and OmegaConf's versions do not agree on what is then changed")]
    Through {
        /// The key.
        key: String,
    },
    /// `${…}` that is not closed or not a key.
    #[error("`{key}` holds `{text}`, which is no interpolation")]
    Grammar {
        /// The key.
        key: String,
        /// Its value.
        text: String,
    },
    /// `${name:…}`.
    #[error("`{key}` calls the resolver `{name}`, and resolvers are not run here")]
    Resolver {
        /// The key.
        key: String,
        /// The resolver.
        name: String,
    },
    /// An interpolation that has no value.
    #[error("`{key}` takes the value of `{target}`, {why}")]
    Target {
        /// The key.
        key: String,
        /// What it refers to.
        target: String,
        /// What is wrong with that.
        why: &'static str,
    },
}

/// Why a rank has no student.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StudentProblem {
    /// A world without ranks.
    #[error("a world has at least one rank")]
    NoRank,
    /// `multidistillation` itself cannot be resolved.
    #[error(transparent)]
    Section(#[from] MergeProblem),
    /// The config lists no students.
    #[error("`multidistillation.enabled` is not true there")]
    NotEnabled,
    /// The students are no list.
    #[error("`multidistillation.students` is no list")]
    NoList,
    /// A key whose value is of another kind.
    #[error("`{key}` is {value}")]
    Value {
        /// The key.
        key: String,
        /// Its value, as JSON.
        value: String,
        /// What it is to be.
        wanted: &'static str,
    },
    /// A range of ranks that is empty.
    #[error("`{key}` holds no rank")]
    EmptyRange {
        /// Its key.
        key: String,
    },
    /// The rank is in no range.
    #[error("no `ranks_range` holds it")]
    NoRange {
        /// Each student and its ranks.
        ranges: String,
    },
    /// A global batch that the student's ranks cannot share.
    #[error("`multidistillation.global_batch_size: {batch}` cannot be shared by the {ranks} ranks of `{student}`")]
    Batch {
        /// Images of all ranks.
        batch: u64,
        /// The student's ranks.
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
            Self::Through { .. } => "override the key that it stands for".into(),
            Self::Grammar { .. } => {
                "write `${section.key}`; a `${` that is meant as text takes a backslash before it".into()
            }
            Self::Resolver { .. } => "write the value itself".into(),
            Self::Target { key, .. } => format!("give `{key}` a value of its own, or mend the interpolation").into(),
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
