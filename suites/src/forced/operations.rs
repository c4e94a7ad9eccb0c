//! What kind of arithmetic makes each entry.

use dinov3_config::{NormLayer, SslConfig};
use dinov3_golden::tolerance::Operation;
use dinov3_golden::{EntryName, Kind};

/// The kind of arithmetic between the recorded inputs of an entry and its value; `None` for what is not computed in
/// floating point, or is not replayed.
pub(super) fn operation(name: &EntryName, config: &SslConfig) -> Option<Operation> {
    match name.kind() {
        Kind::Output => Some(of_module(name, config)),
        Kind::Loss if name.path() == "koleo_loss" => Some(Operation::Neighbours),
        Kind::Gradout if name.port().is_some_and(|port| port.ends_with("x_norm_clstoken")) => {
            Some(Operation::Neighbours)
        }
        Kind::Loss | Kind::GradNorm => Some(Operation::Loss),
        Kind::Gradout => Some(of_gradient(name)),
        Kind::Grad if is_of_a_norm(name) => Some(Operation::NormGradient),
        Kind::Sinkhorn | Kind::Gram | Kind::Grad => Some(Operation::Several),
        Kind::Param | Kind::ExpAvg | Kind::ExpAvgSq => Some(Operation::Update),
        _ => None,
    }
}

/// Whether a gradient is by the weight or the bias of a norm.
fn is_of_a_norm(name: &EntryName) -> bool {
    let parts: Vec<&str> = name.parts().collect();
    matches!(parts.as_slice(), [.., module, "weight" | "bias"] if module.contains("norm"))
}

/// The gradient of an output comes from what the output goes into: one product, one operation on each element, or several of them.
fn of_gradient(name: &EntryName) -> Operation {
    let parts: Vec<&str> = name.parts().collect();
    match parts.as_slice() {
        [.., "mlp", "act" | "1" | "3"] | [.., "norm1" | "norm2"] => Operation::Product,
        [.., "mlp", "fc1" | "fc2" | "0" | "2"] | [.., "attn", "proj"] => Operation::Rounded,
        _ => Operation::Several,
    }
}

fn of_module(name: &EntryName, config: &SslConfig) -> Operation {
    let parts: Vec<&str> = name.parts().collect();
    let last = parts.last().copied().unwrap_or_default();
    let before = parts.len().checked_sub(2).map_or("", |at| parts[at]);
    match (name.port(), before, last) {
        (Some("in"), "attn", "proj") => Operation::Attention,
        (Some("in"), _, "last_layer") => Operation::Normalised,
        // A residual sum; a gate and its product.
        (Some("in"), ..) => Operation::Several,
        (_, _, "apply_rope" | "rope_embed") => Operation::Rotation,
        (_, "blocks", _) => Operation::Several,
        (_, "patch_embed", "proj") => Operation::Convolution,
        // Linear layers. A head of one layer is one.
        (_, _, "qkv" | "proj" | "fc1" | "fc2" | "w1" | "w2" | "w3" | "last_layer" | "mlp") => Operation::Product,
        (_, "mlp", "0" | "2" | "4") => Operation::Product,
        (_, _, last) if last.contains("norm") && config.student.norm_layer == NormLayer::RmsNorm => Operation::Several,
        _ => Operation::Rounded,
    }
}
