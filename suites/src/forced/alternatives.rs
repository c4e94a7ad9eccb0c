//! Known mistakes of layers that change each element too little to show in one: what the layer would have given with the
//! mistake in it, from the same inputs.

use dinov3_golden::{EntryName, Kind};
use tch::Tensor;

/// A mistake of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alternative {
    /// GELU's tanh approximation.
    GeluTanh,
    /// 1e-5 for 1e-6 in a norm, or the reverse.
    NormEps,
    /// Logits of attention that are a hundredth larger.
    AttentionScale,
    /// Sine and cosine exchanged in the rotation of queries and keys.
    SinCosSwapped,
    /// Two rounds of Sinkhorn-Knopp for three.
    SinkhornRounds,
}

impl Alternative {
    /// The mistake that is tried at an entry.
    pub(super) fn at(name: &EntryName) -> Option<Self> {
        match name.kind() {
            Kind::Output => {}
            Kind::Sinkhorn => return Some(Self::SinkhornRounds),
            _ => return None,
        }
        let path = name.path();
        let last = name.parts().last().unwrap_or_default();
        match name.port() {
            Some(_) if last == "apply_rope" => Some(Self::SinCosSwapped),
            Some("in") => path.ends_with(".attn.proj").then_some(Self::AttentionScale),
            Some(_) => None,
            None if path.ends_with(".mlp.act") => Some(Self::GeluTanh),
            None if path.contains("_head.mlp.") && matches!(last, "1" | "3") => Some(Self::GeluTanh),
            None if last.contains("norm") => Some(Self::NormEps),
            None => None,
        }
    }

    /// The output with the mistake, computed by a hook from `input`, where it is not by changed operands.
    pub(super) fn of(self, input: &Tensor) -> Option<Tensor> {
        (self == Self::GeluTanh).then(|| input.gelu("tanh"))
    }
}

/// What multiplies queries for [`Alternative::AttentionScale`].
pub(super) const SCALE: f64 = 1.01;

/// The other of the reference's two epsilons.
pub(super) fn other_eps(eps: f64) -> f64 {
    if eps == 1e-6 { 1e-5 } else { 1e-6 }
}
