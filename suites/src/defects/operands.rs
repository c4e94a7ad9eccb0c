//! Defects that replace operands.

use dinov3_torch::device::beside;
use dinov3_vit::hook::Hook;
use tch::{Kind, Tensor};

/// Changes the operands with these names, in one block or everywhere.
pub(super) struct Operands {
    pub(super) block: Option<usize>,
    pub(super) of: &'static [&'static str],
    pub(super) becomes: fn(f64) -> f64,
}

impl Hook for Operands {
    fn tensor(&mut self, _: &str, _: &Tensor) -> Option<Tensor> {
        None
    }

    fn operand(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        let within = match self.block {
            Some(block) => within(name, block)?,
            None => name,
        };
        self.of.contains(&within).then(|| each(value, self.becomes))
    }
}

/// `value` with `becomes` of each element: exact for a number, and for 0 and 1.
fn each(value: &Tensor, becomes: fn(f64) -> f64) -> Tensor {
    let elements = Vec::<f64>::try_from(value.to_kind(Kind::Double).flatten(0, -1)).expect("a tensor of numbers");
    let changed: Vec<f64> = elements.into_iter().map(becomes).collect();
    beside(&Tensor::from_slice(&changed).view(value.size().as_slice()).to_kind(value.kind()), value)
}

/// The rest of a name after `….blocks.<block>`: `mlp.act`, `norm1:in`, `:residual_scale`.
pub(super) fn within(name: &str, block: usize) -> Option<&str> {
    let (_, rest) = name.split_once(".blocks.")?;
    let rest = rest.strip_prefix(&block.to_string())?;
    rest.strip_prefix('.').or_else(|| rest.starts_with(':').then_some(rest))
}

/// A name without the number of its call: `attn.apply_rope#3:0` gives `attn.apply_rope` and `0`.
pub(super) fn uncalled(name: &str) -> (&str, &str) {
    let (path, port) = name.split_once(':').unwrap_or((name, ""));
    (path.split_once('#').map_or(path, |(path, _)| path), port)
}
