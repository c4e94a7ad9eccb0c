//! Why there is no merged config.

use thiserror::Error;

use crate::yaml::{YamlError, YamlProblem};

/// Why there is no merged config; the message ends in a line that begins with `hint: `.
#[derive(Debug, Error)]
pub enum MergeError {
    /// A file cannot be read, or is not YAML.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// A file that holds something else than sections.
    #[error("{0} is no config: it holds no mapping of sections\nhint: a config looks like `optim: {{lr: 0.001}}`")]
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
    #[error("`distillation.full_cfg_path` names no config\nhint: give the teacher's YAML file there")]
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
        problem: String,
    },
    /// A learning rate that the scaling rule cannot scale.
    #[error(
        "`optim.scaling_rule: {rule}` cannot be applied: `{key}` is {value}\nhint: give a number, or `optim.scaling_rule=none`"
    )]
    Scaling {
        /// The rule.
        rule: String,
        /// The key that is no number.
        key: &'static str,
        /// Its value.
        value: String,
    },
}

/// What is wrong with one key; ends in a line that begins with `hint: `.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MergeProblem {
    /// A list on a mapping, or a mapping on a list.
    #[error("`{key}` is a {below}, and a {above} cannot replace it\nhint: {hint}", hint = containers_hint(.below))]
    Containers {
        /// The key.
        key: String,
        /// What is there.
        below: &'static str,
        /// What was given.
        above: &'static str,
    },
    /// A key that OmegaConf reads in part, or each version otherwise.
    #[error("{what} in a key\nhint: write `a.b=value` or `a[b]=value`")]
    Key {
        /// What the key holds.
        what: &'static str,
    },
    /// An index that is none, or beyond the list.
    #[error(
        "`{index}` is no index of `{list}`, whose length is {length}\nhint: the first item is 0; a list can be given whole: `{list}=[…]`"
    )]
    Index {
        /// As typed.
        index: String,
        /// The list's key.
        list: String,
        /// Its items.
        length: usize,
    },
    /// An override that reaches into an interpolation.
    #[error(
        "`{key}` is an interpolation, and OmegaConf's versions do not agree on what is then changed\nhint: override the key that it stands for"
    )]
    Through {
        /// The key.
        key: String,
    },
    /// `${…}` that is not closed or not a key.
    #[error(
        "`{key}` holds `{text}`, which is no interpolation\nhint: write `${{section.key}}`; a `${{` that is meant as text takes a backslash before it"
    )]
    Grammar {
        /// The key.
        key: String,
        /// Its value.
        text: String,
    },
    /// `${name:…}`.
    #[error("`{key}` calls the resolver `{name}`, and resolvers are not run here\nhint: write the value itself")]
    Resolver {
        /// The key.
        key: String,
        /// The resolver.
        name: String,
    },
    /// An interpolation that has no value.
    #[error(
        "`{key}` takes the value of `{target}`, {why}\nhint: give `{key}` a value of its own, or mend the interpolation"
    )]
    Target {
        /// The key.
        key: String,
        /// What it refers to.
        target: String,
        /// What is wrong with that.
        why: &'static str,
    },
}

fn containers_hint(below: &str) -> &'static str {
    match below {
        "list" => "a list is replaced by a whole list: `key=[1, 2]`; one item of it cannot be set",
        _ => "set its keys one by one, or set it to null",
    }
}
