//! What is trained on.

use dinov3_config::SslConfig;
use dinov3_torch::device::HOST;
use dinov3_torch::runtime;
use dinov3_vit::meta_arch::Batch;
use serde_json::Value;
use tch::{Kind, Tensor};

use super::{BATCHES, Recorded};

/// On the host.
pub const FP32: (Kind, tch::Device) = (Kind::Float, HOST);

/// Batches of noise for a rank. The reference's side draws the same numbers in the same order.
///
/// # Errors
/// The key of a size that the recorded config lacks.
pub fn draw(recorded: &Recorded, config: &SslConfig, images: i64, rank: u64) -> Result<Vec<Batch>, &'static str> {
    let size = |key| recorded.config.pointer(key).and_then(Value::as_i64).ok_or(key);
    let (large, small) = (size("/crops/global_crops_size")?, size("/crops/local_crops_size")?);
    runtime::manual_seed(recorded.seed + 100 + rank);
    let batch = |_| {
        let global = Tensor::randn([2 * images, 3, large, large], FP32);
        let local = Tensor::randn([config.local_crops_number * images, 3, small, small], FP32);
        let with_masks = Tensor::rand([2 * images, 1], FP32).lt(0.5);
        let patches = (large / config.student.patch_size).pow(2);
        let masks = with_masks.logical_and(&Tensor::rand([2 * images, patches], FP32).lt(0.3));
        Batch::new(global, local, masks)
    };
    Ok((0..BATCHES).map(batch).collect())
}
