//! Names of msprobe, and what they are called in a golden set.

use dinov3_golden::{Kind, WRAPPERS, compose};

use crate::dump::{Dumped, Part};

/// What `DistributedDataParallel` puts into the paths of the modules within it. A module of the network may have this name, so it is none of
/// [`WRAPPERS`].
const PARALLEL: &str = "module";

/// A call of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The module's path, without the parts that wrappers add.
    pub path: String,
    /// Its class, which FSDP renames.
    pub class: String,
    /// What was dumped.
    pub direction: Direction,
    /// The number of the call, from 0.
    pub call: u32,
}

/// What was dumped of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Arguments and results.
    Forward,
    /// Gradients by the results, and by the arguments.
    Backward,
    /// Gradients by the parameters.
    ParametersGrad,
}

impl Place {
    /// Parses `Module.{path}.{Class}.{forward|backward}.{call}` and `Module.{path}.{Class}.parameters_grad[.{n}]`, from the right. `None` for
    /// the name of an operator.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let mut parts: Vec<&str> = name.strip_prefix("Module.")?.split('.').collect();
        let call = parts.last()?.parse().ok();
        if call.is_some() {
            parts.pop();
        }
        let direction = match parts.pop()? {
            "forward" => Direction::Forward,
            "backward" => Direction::Backward,
            "parameters_grad" => Direction::ParametersGrad,
            _ => return None,
        };
        let class = parts.pop()?.to_owned();
        // A list of models has its number in front.
        let numbered = parts.first().is_some_and(|first| first.bytes().all(|byte| byte.is_ascii_digit()));
        let inserted = |part: &&str| *part == PARALLEL || WRAPPERS.contains(part);
        let path: Vec<&str> = parts.into_iter().skip(usize::from(numbered)).filter(|part| !inserted(part)).collect();
        (!path.is_empty()).then(|| Self { path: path.join("."), class, direction, call: call.unwrap_or(0) })
    }
}

/// What a golden set may call a tensor of a dump. The first that the set has is meant.
pub(crate) fn ours(tensor: &Dumped) -> Vec<String> {
    let Place { path, direction, call, .. } = &tensor.place;
    match (direction, &tensor.part) {
        (Direction::Forward, Part::Output(count, steps)) => vec![output(Kind::Output, path, *call, *count, steps)],
        (Direction::Forward, Part::Input(steps))
            if steps.first().is_some_and(|first| first == "0") && steps.len() == 1 =>
        {
            vec![compose(Kind::Output, path, *call, Some("in"))]
        }
        (Direction::ParametersGrad, Part::Parameter(parameter)) => vec![format!("grad:{path}.{parameter}")],
        _ => Vec::new(),
    }
}

/// One result has no number of its own; what is within it has.
fn output(kind: Kind, path: &str, call: u32, count: usize, steps: &[String]) -> String {
    let steps = if count == 1 { steps.get(1..).unwrap_or_default() } else { steps };
    let port = steps.join(".");
    compose(kind, path, call, (!port.is_empty()).then_some(port.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> Option<(String, Direction, u32)> {
        Place::parse(name).map(|it| (it.path, it.direction, it.call))
    }

    #[test]
    fn names_are_parsed_from_the_right() {
        let path = "student.backbone.blocks.0.attn.qkv".to_owned();
        let cases = [
            ("Module.student.backbone.blocks.0.attn.qkv.Linear.forward.1", Direction::Forward, 1),
            ("Module.0.module.student.backbone.blocks.0.attn.qkv.FSDPLinear.backward.0", Direction::Backward, 0),
            ("Module.student.backbone.blocks.0.attn.qkv.Linear.parameters_grad", Direction::ParametersGrad, 0),
            ("Module.student.backbone.blocks.0.attn.qkv.Linear.parameters_grad.0", Direction::ParametersGrad, 0),
        ];
        for (name, direction, call) in cases {
            assert_eq!(place(name), Some((path.clone(), direction, call)), "{name}");
        }
        for other in ["Functional.linear.0.forward", "Module.Linear.forward.0", "Module.a.Linear.sideways.0", "Module."]
        {
            assert_eq!(place(other), None, "{other}");
        }
    }
}
