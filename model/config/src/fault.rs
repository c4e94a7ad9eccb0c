//! Planted defects: the trainer broken on purpose, one known way at a time.
//!
//! A check that cannot fail proves nothing. Each of these is a mistake that a port of DINOv3 has made or could make;
//! the suites must catch it and name the layer. Nothing plants one unless asked to by name.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// One known way to break the trainer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// GELU by its tanh approximation in place of the exact one.
    GeluTanh,
    /// LayerNorm with the other epsilon: 1e-5 for 1e-6, or the reverse.
    LayerNormEps,
    /// RoPE rotates the prefix tokens (CLS and storage) too.
    RopeOnPrefix,
    /// RoPE's tables and rotation in fp32 in place of `pos_embed_rope_dtype`.
    RopeFp32,
    /// `mask_k_bias` without its mask: the keys keep their bias.
    NoKBiasMask,
    /// Queries and keys taken from the qkv projection in the wrong order.
    SwappedQkv,
    /// LayerScale left out of the attention and MLP branches.
    NoLayerScale,
    /// Stochastic depth adds the kept branches without the scale that makes up for the dropped ones.
    StochasticDepthScale,
    /// The teacher's moving average only decays: the published Ascend port adds the student into a list that nobody reads.
    EmaWithoutStudent,
    /// Biases decay like weights.
    WeightDecayOnBiases,
    /// Gradients are averaged over the ranks, where the reference sums them.
    GradientAveraged,
    /// Gradients are clipped by the norm of all of them, not a submodule at a time.
    ClipAllTogether,
    /// The prototypes learn from the first step on.
    LastLayerNotFrozen,
    /// Two rounds of Sinkhorn-Knopp in place of three.
    TwoSinkhornIterations,
    /// KoLeo on features that are not on the unit sphere.
    KoLeoNotNormalised,
    /// iBOT's loss is divided by the images that have a mask, not by all.
    IbotDividedByMaskedImages,
    /// The teacher's temperature has no warm-up.
    ConstantTeacherTemperature,
    /// The sums behind logged averages are float32, as in the published Ascend port.
    Float32MetricTotals,
    /// PREMUL_SUM ignores its factor, as c10d's Gloo does in `reduce_scatter`.
    PremulIgnored,
    /// PREMUL_SUM applies its factor twice.
    PremulTwice,
    /// PREMUL_SUM gives zeros for bf16 tensors and factors that are powers of two, as NCCL has been reported to.
    PremulBf16Zeros,
    /// AVG stands for SUM and PREMUL_SUM(1).
    AvgForSum,
    /// `reduce_scatter` gives the next rank's chunk.
    WrongChunk,
    /// The last element of a tensor of an odd length stays what it was on each rank.
    LostElement,
    /// fp32 tensors are summed in bf16.
    Bf16Accumulation,
}

impl Fault {
    /// All of them, in the order of their names on the command line.
    pub const ALL: [Fault; 25] = [
        Fault::GeluTanh,
        Fault::LayerNormEps,
        Fault::RopeOnPrefix,
        Fault::RopeFp32,
        Fault::NoKBiasMask,
        Fault::SwappedQkv,
        Fault::NoLayerScale,
        Fault::StochasticDepthScale,
        Fault::EmaWithoutStudent,
        Fault::WeightDecayOnBiases,
        Fault::GradientAveraged,
        Fault::ClipAllTogether,
        Fault::LastLayerNotFrozen,
        Fault::TwoSinkhornIterations,
        Fault::KoLeoNotNormalised,
        Fault::IbotDividedByMaskedImages,
        Fault::ConstantTeacherTemperature,
        Fault::Float32MetricTotals,
        Fault::PremulIgnored,
        Fault::PremulTwice,
        Fault::PremulBf16Zeros,
        Fault::AvgForSum,
        Fault::WrongChunk,
        Fault::LostElement,
        Fault::Bf16Accumulation,
    ];

    /// Whether it sits in a block: else it is the whole step's, and the number of a block says nothing.
    pub fn is_in_a_block(self) -> bool {
        matches!(
            self,
            Fault::GeluTanh
                | Fault::LayerNormEps
                | Fault::RopeOnPrefix
                | Fault::RopeFp32
                | Fault::NoKBiasMask
                | Fault::SwappedQkv
                | Fault::NoLayerScale
                | Fault::StochasticDepthScale
        )
    }

    /// Whether it sits in the collectives of processes, and in nothing that one rank computes alone.
    pub fn is_of_the_collectives(self) -> bool {
        matches!(
            self,
            Fault::PremulIgnored
                | Fault::PremulTwice
                | Fault::PremulBf16Zeros
                | Fault::AvgForSum
                | Fault::WrongChunk
                | Fault::LostElement
                | Fault::Bf16Accumulation
        )
    }

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Fault::GeluTanh => "gelu-tanh",
            Fault::LayerNormEps => "layer-norm-eps",
            Fault::RopeOnPrefix => "rope-on-prefix",
            Fault::RopeFp32 => "rope-fp32",
            Fault::NoKBiasMask => "no-k-bias-mask",
            Fault::SwappedQkv => "swapped-qkv",
            Fault::NoLayerScale => "no-layer-scale",
            Fault::StochasticDepthScale => "stochastic-depth-scale",
            Fault::EmaWithoutStudent => "ema-without-student",
            Fault::WeightDecayOnBiases => "weight-decay-on-biases",
            Fault::GradientAveraged => "gradient-averaged",
            Fault::ClipAllTogether => "clip-all-together",
            Fault::LastLayerNotFrozen => "last-layer-not-frozen",
            Fault::TwoSinkhornIterations => "two-sinkhorn-iterations",
            Fault::KoLeoNotNormalised => "koleo-not-normalised",
            Fault::IbotDividedByMaskedImages => "ibot-divided-by-masked-images",
            Fault::ConstantTeacherTemperature => "constant-teacher-temperature",
            Fault::Float32MetricTotals => "float32-metric-totals",
            Fault::PremulIgnored => "premul-ignored",
            Fault::PremulTwice => "premul-twice",
            Fault::PremulBf16Zeros => "premul-bf16-zeros",
            Fault::AvgForSum => "avg-for-sum",
            Fault::WrongChunk => "wrong-chunk",
            Fault::LostElement => "lost-element",
            Fault::Bf16Accumulation => "bf16-accumulation",
        }
    }
}

/// A [`Fault`] and the block that has it, of the student and of the teacher alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plant {
    /// What is broken.
    pub fault: Fault,
    /// The index of the broken block.
    pub block: usize,
}

impl fmt::Display for Plant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault.is_in_a_block() {
            true => write!(f, "{}@{}", self.fault.name(), self.block),
            false => f.write_str(self.fault.name()),
        }
    }
}

/// A text that is not `FAULT[@BLOCK]`.
#[derive(Debug, Error)]
#[error("`{given}` is not a planted defect; known are {}, those of a layer with an optional `@BLOCK`", names())]
pub struct UnknownFault {
    given: String,
}

fn names() -> String {
    Fault::ALL.map(Fault::name).join(", ")
}

impl FromStr for Plant {
    type Err = UnknownFault;

    /// `gelu-tanh` (in block 0) or `gelu-tanh@2`.
    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let unknown = || UnknownFault { given: text.to_owned() };
        let (name, block) = match text.split_once('@') {
            Some((name, block)) => (name, block.parse().map_err(|_| unknown())?),
            None => (text, 0),
        };
        let fault = Fault::ALL.into_iter().find(|fault| fault.name() == name).ok_or_else(unknown)?;
        if text.contains('@') && !fault.is_in_a_block() {
            return Err(unknown());
        }
        Ok(Plant { fault, block })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for fault in Fault::ALL {
            let plant = Plant { fault, block: if fault.is_in_a_block() { 2 } else { 0 } };
            assert_eq!(plant.to_string().parse::<Plant>().unwrap(), plant);
        }
        assert_eq!("gelu-tanh".parse::<Plant>().unwrap().block, 0);
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = "gelu@x".parse::<Plant>().unwrap_err().to_string();
        assert!(error.contains("`gelu@x`") && error.contains("swapped-qkv"), "{error}");
    }
}
