//! A batch of micro size, for tests and for measurements of milliseconds. Its config is `dinov3_config::micro`.

use dinov3_torch::device::HOST;
use dinov3_torch::runtime;
use tch::{Kind, Tensor};

use crate::meta_arch::Batch;

/// Two images of noise, drawn from libtorch's global stream after `seed`: global crops `[4, 3, 32, 32]`, local crops `[8, 3, 16, 16]`, masks
/// `[4, 16]`. Every second row of the masks masks some patches.
pub fn batch(seed: u64) -> Batch {
    let options = (Kind::Float, HOST);
    runtime::manual_seed(seed);
    let with_masks = Tensor::from_slice(&[true, false, true, false]).unsqueeze(-1);
    let masks = Tensor::rand([4, 16], options).lt(0.4).logical_and(&with_masks);
    Batch::new(Tensor::randn([4, 3, 32, 32], options), Tensor::randn([8, 3, 16, 16], options), masks)
}
