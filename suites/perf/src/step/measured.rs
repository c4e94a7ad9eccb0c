//! What a process of a round hands back, and whether two of them may be compared.

use dinov3_golden::tolerance::same_loss;
use serde::{Deserialize, Serialize};

/// The line that a process prints.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// The version of libtorch.
    pub libtorch: String,
    /// The instruction set of ATen's kernels.
    pub capability: String,
    /// Intra-op threads.
    pub threads: u32,
    /// The total loss of the first step, of those that warm up.
    pub first_loss: f64,
    /// That of the last step on the clock.
    pub last_loss: f64,
    /// Steps on the clock.
    pub steps: u32,
    /// What they took.
    pub seconds: f64,
    /// The most memory that the process has had resident.
    pub peak_bytes: u64,
    /// What of it was there before the model was built: interpreter and libraries.
    pub libraries_bytes: u64,
    /// Whether MKL takes the kernels that it has for Intel's processors on one of another maker: on our side alone.
    #[serde(default)]
    pub mkl_is_mistaken: bool,
    /// What is known of our side alone.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub products: Option<Products>,
}

/// The matrix products that a step cannot do without, and how fast this machine is at them.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Products {
    /// Floating-point operations of a step's products, averaged over the batches.
    pub step_flops: f64,
    /// Floating-point operations a second in the best of some square fp32 products.
    pub gemm_flops: f64,
}

impl Measured {
    /// Steps a second.
    pub fn rate(&self) -> f64 {
        f64::from(self.steps) / self.seconds
    }

    /// Why `reference` computes something else than this: `None` where it is the same.
    pub fn differs_from(&self, reference: &Measured) -> Option<String> {
        let unlike = |what: &str, ours: &str, theirs: &str| {
            (ours != theirs).then(|| format!("{what} is {ours} on our side, {theirs} on the reference's"))
        };
        let (mine, theirs) = (self.first_loss, reference.first_loss);
        unlike("libtorch", &self.libtorch, &reference.libtorch)
            .or_else(|| unlike("the instruction set", &self.capability, &reference.capability))
            .or_else(|| unlike("the number of threads", &self.threads.to_string(), &reference.threads.to_string()))
            .or_else(|| unlike("the number of steps", &self.steps.to_string(), &reference.steps.to_string()))
            .or_else(|| {
                let message = format!("the loss of the first step is {mine} on our side, {theirs} on the reference's");
                (!same_loss(mine, theirs)).then_some(message)
            })
    }
}
