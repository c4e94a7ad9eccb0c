//! How fast this device is at matrix products, measured in the run.

use std::time::{Duration, Instant};

use dinov3_torch::device::{Device, HOST, moved};
use dinov3_torch::plugin::PluginError;
use tch::{Kind, Tensor};

use super::device::synchronise;

/// Products are taken for so long.
const PATIENCE: Duration = Duration::from_millis(800);

/// The best product, and its size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate {
    /// Floating-point operations a second.
    pub(super) flops: f64,
    /// Rows and columns of each of its matrices.
    pub(super) size: i64,
}

/// Operations a second in the best of some products of square matrices of `kind`, each larger than the one before, on all threads.
///
/// # Errors
/// When work on a plugin's device failed.
pub(super) fn of(device: Device, kind: Kind) -> Result<Rate, PluginError> {
    let largest = if device == Device::Cpu { 2048 } else { 8192 };
    let (begun, mut best, mut size) = (Instant::now(), Rate { flops: 0.0, size: 0 }, 512);
    loop {
        let matrix = || moved(&Tensor::randn([size, size], (Kind::Float, HOST)), device).to_kind(kind);
        let (a, b) = (matrix(), matrix());
        for _ in 0..3 {
            synchronise(device)?;
            let start = Instant::now();
            let product = a.matmul(&b);
            synchronise(device)?;
            let flops = 2.0 * (size as f64).powi(3) / start.elapsed().as_secs_f64();
            drop(product);
            if flops > best.flops {
                best = Rate { flops, size };
            }
        }
        size *= 2;
        // The next size takes eight times as long.
        if size > largest || begun.elapsed() * 8 > PATIENCE * 4 {
            return Ok(best);
        }
    }
}
