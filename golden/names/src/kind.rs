//! The kinds of entries: the word before the colon, the stages that it belongs to, and how much a set stores of it.

use std::fmt;

use crate::named;

named! {
    /// The part of a training step that an entry belongs to.
    Stage, "stage", {
        /// Parameters and buffers after initialisation.
        Init = "init",
        /// The model's inputs.
        Data = "data",
        /// Activations.
        Forward = "forward",
        /// Loss terms.
        Loss = "loss",
        /// Gradients.
        Backward = "backward",
        /// Optimizer state and updates.
        Optimizer = "optimizer",
        /// The teacher's moving average.
        Ema = "ema",
        /// Learning rate, weight decay, momentum and temperature.
        Schedule = "schedule",
        /// Values over many steps.
        Trajectory = "trajectory",
    }
}

named! {
    /// The part of a value that a set stores.
    Keep, "amount of storage", {
        /// Only statistics and hash.
        Digest = "digest",
        /// As many elements as the sample limit allows.
        Limited = "sample",
        /// All elements, regardless of the limit: for short tables in which every element counts.
        Full = "full",
    }
}

named! {
    /// The kind of an entry. Every kind except [`Kind::Output`] is written before the path, with a colon.
    Kind, "kind of entry", {
        /// An output or input of a module. The kind has no prefix.
        Output = "output",
        /// A parameter or buffer.
        Param = "param",
        /// A tensor that the model receives, or a value of the battery of data.
        Data = "data",
        /// A random draw.
        Rng = "rng",
        /// A property of every parameter, in the parameters' order.
        Groups = "groups",
        /// A curve over all iterations.
        Schedule = "schedule",
        /// The teacher's assignments.
        Sinkhorn = "sinkhorn",
        /// Patches that the Gram loss compares.
        Gram = "gram",
        /// A term of the loss, or their sum.
        Loss = "loss",
        /// The gradient of a parameter before clipping.
        Grad = "grad",
        /// The gradient of the loss by an output of a module. The call and the port are those of the output.
        Gradout = "gradout",
        /// The norm of a submodule's gradients.
        GradNorm = "grad_norm",
        /// The first moment of a parameter's gradient.
        ExpAvg = "exp_avg",
        /// The second moment of a parameter's gradient.
        ExpAvgSq = "exp_avg_sq",
        /// A logged value, step by step.
        Trajectory = "trajectory",
        /// A meter's figures for a logged value.
        Metric = "metric",
        /// A parameter or moment after the last step.
        Final = "final",
    }
}

/// A row of the table of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The kind.
    pub kind: Kind,
    /// Whether an entry may have a call number, because the place is computed several times in a step.
    pub calls: bool,
    /// Whether an entry may have a port, because the place has several tensors.
    pub ports: bool,
    /// The stages that have entries of this kind, and the part that a set stores in each stage.
    pub stages: &'static [(Stage, Keep)],
    /// A description of the tensor, in one line.
    pub what: &'static str,
}

const fn row(kind: Kind, stages: &'static [(Stage, Keep)], what: &'static str) -> Row {
    Row { kind, calls: false, ports: false, stages, what }
}

/// One row for each kind, in the order of [`Kind::ALL`]; `kinds.json` says the same.
pub const fn table() -> &'static [Row] {
    use Keep::{Digest, Full, Limited};
    const TABLE: &[Row] = &[
        Row {
            calls: true,
            ports: true,
            ..row(Kind::Output, &[(Stage::Forward, Limited)], "a module's output or input")
        },
        row(
            Kind::Param,
            &[(Stage::Init, Digest), (Stage::Optimizer, Limited), (Stage::Ema, Limited)],
            "a parameter or buffer: as initialised, after the step, averaged",
        ),
        row(Kind::Data, &[(Stage::Data, Digest)], "what the model receives; a case of the battery of data"),
        Row {
            calls: true,
            ..row(Kind::Rng, &[(Stage::Forward, Limited)], "a random draw, after the module that drew")
        },
        row(Kind::Groups, &[(Stage::Optimizer, Full)], "a property of every student parameter, in their order"),
        row(Kind::Schedule, &[(Stage::Schedule, Limited)], "a curve over all iterations"),
        row(Kind::Sinkhorn, &[(Stage::Loss, Limited)], "the teacher's assignments"),
        row(Kind::Gram, &[(Stage::Loss, Limited)], "patches that the Gram loss compares"),
        row(Kind::Loss, &[(Stage::Loss, Limited)], "a term of the loss, or their sum; a case of the battery of losses"),
        row(Kind::Grad, &[(Stage::Backward, Limited)], "a gradient before clipping"),
        Row {
            calls: true,
            ports: true,
            ..row(Kind::Gradout, &[(Stage::Backward, Limited)], "the gradient of the loss by a module's output")
        },
        row(Kind::GradNorm, &[(Stage::Optimizer, Limited)], "the norm of a submodule's gradients"),
        row(Kind::ExpAvg, &[(Stage::Optimizer, Limited)], "a first moment after the step"),
        row(Kind::ExpAvgSq, &[(Stage::Optimizer, Limited)], "a second moment after the step"),
        row(Kind::Trajectory, &[(Stage::Trajectory, Full)], "a logged value, step by step"),
        row(Kind::Metric, &[(Stage::Trajectory, Full)], "what a meter makes of a logged value"),
        row(Kind::Final, &[(Stage::Trajectory, Digest)], "a parameter or moment after the last step"),
    ];
    TABLE
}

impl Kind {
    /// The word before the colon; `None` for [`Kind::Output`].
    pub const fn prefix(self) -> Option<&'static str> {
        match self {
            Self::Output => None,
            _ => Some(self.as_str()),
        }
    }

    /// The kind with this prefix.
    pub fn of_prefix(prefix: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.prefix() == Some(prefix))
    }

    /// The kind's row of [`table`].
    pub const fn row(self) -> &'static Row {
        &table()[self as usize]
    }

    /// The part that a set stores of this kind's entries in `stage`; `None` if the stage has no entry of this kind.
    pub fn keep(self, stage: Stage) -> Option<Keep> {
        self.row().stages.iter().find(|(own, _)| *own == stage).map(|(_, keep)| *keep)
    }

    /// The path in `name`; `None` if `name` is not the name of an entry of this kind.
    pub fn path_in(self, name: &str) -> Option<&str> {
        let parsed: crate::EntryName = name.parse().ok()?;
        (parsed.kind() == self).then(|| &name[parsed.path_range()])
    }

    /// `kind:path`, the name of an entry without call and port, formatted on display. The path is not checked.
    pub const fn of<P: fmt::Display>(self, path: P) -> Named<P> {
        Named { kind: self, path }
    }

    /// `kind:path` as a `String`. The path is not checked.
    pub fn name(self, path: impl fmt::Display) -> String {
        self.of(path).to_string()
    }
}

/// The name of an entry without call and port, formatted on display; see [`Kind::of`].
#[derive(Debug, Clone, Copy)]
pub struct Named<P> {
    kind: Kind,
    path: P,
}

impl<P: fmt::Display> fmt::Display for Named<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind.prefix() {
            Some(prefix) => write!(f, "{prefix}:{}", self.path),
            None => write!(f, "{}", self.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_rows_are_in_the_order_of_the_kinds() {
        let kinds: Vec<Kind> = table().iter().map(|row| row.kind).collect();
        assert_eq!(kinds, Kind::ALL);
    }

    /// Seen to fail: without `gram` in the file.
    #[test]
    fn the_committed_table_is_this_one() {
        let stages = |row: &Row| row.stages.iter().map(|(stage, keep)| (stage.to_string(), json!(keep))).collect();
        let rows = table().iter().map(|row| {
            json!({
                "kind": row.kind, "prefix": row.kind.prefix(), "calls": row.calls, "ports": row.ports,
                "stages": Value::Object(stages(row)), "what": row.what,
            })
        });
        let committed: Value = serde_json::from_str(include_str!("../kinds.json")).expect("kinds.json is JSON");
        assert_eq!(committed, Value::Array(rows.collect()), "golden/names/kinds.json is not this table");
    }

    #[test]
    fn the_word_of_module_outputs_is_no_prefix() {
        assert_eq!((Kind::of_prefix("output"), Kind::of_prefix("loss")), (None, Some(Kind::Loss)));
        assert_eq!((Kind::Output.name("a.b"), Kind::Loss.name("b")), ("a.b".to_owned(), "loss:b".to_owned()));
        let paths = ["grad:a.b", "grad_norm:a.b", "a.b#1:in", "grad:"].map(|name| Kind::Grad.path_in(name));
        assert_eq!(paths, [Some("a.b"), None, None, None]);
        assert_eq!(Kind::Output.path_in("a.b#1:in"), Some("a.b"));
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = "forwards".parse::<Stage>().unwrap_err();
        insta::assert_snapshot!(error, @"`forwards` is not a stage");
        insta::assert_snapshot!(dinov3_ground::Hint::hints(&error), @"use one of init, data, forward, loss, backward, optimizer, ema, schedule, trajectory");
    }
}
