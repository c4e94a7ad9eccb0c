//! Our side of a round.

use std::sync::Arc;
use std::time::Instant;

use dinov3_config::SslConfig;
use dinov3_ranks::Alone;
use dinov3_torch::device::Device;
use dinov3_torch::{runtime, shim};
use dinov3_train::Trainer;
use dinov3_train::products::{Crops, Shape, Step, step_flops};
use dinov3_vit::hook::Hooks;
use dinov3_vit::meta_arch::Batch;
use dinov3_vit::module::{Module, Role};
use tch::{Kind, Tensor};

use super::measured::{Measured, Products};
use crate::failure::{FAILED, Failure};
use crate::training::{BATCHES, FP32, ITERATION, Recipe, draw, peak_bytes};

/// Builds, warms up, and takes the steps on the clock, in this process.
///
/// # Errors
/// When the recipe cannot be read or trained.
pub fn measure(recipe: Recipe, threads: u32) -> Result<Measured, Failure> {
    runtime::keep_freed_memory();
    runtime::set_threads(threads);
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(FAILED, format!("{} cannot be trained: {error}", recipe.name()), "look at its config")
    };
    let recorded = recipe.recorded()?;
    let libraries_bytes = peak_bytes()?;
    let config = SslConfig::from_merged(&recorded.config).map_err(|error| failed(&error))?;
    let mut trainer =
        Trainer::new(&config, Kind::Float, Device::Cpu, Arc::new(Alone)).map_err(|error| failed(&error))?;
    runtime::manual_seed(recorded.seed);
    trainer.init_weights();
    if recorded.warm > 0.0 {
        runtime::manual_seed(recorded.seed + 1);
        trainer.warm(recorded.warm);
    }
    let batches = draw(&recorded, &config, recipe.images(), 0).map_err(|key| failed(&format!("`{key}` is no size")))?;
    runtime::manual_seed(recorded.seed + 2);

    let mut step = |number: usize| {
        let log = trainer.step(&batches[number % BATCHES], ITERATION + number, &mut Hooks::none());
        log.map(|log| f64::from(log.metrics[0].1)).map_err(|error| failed(&error))
    };
    let (first, end) = (recipe.warm_up(), recipe.warm_up() + recipe.steps());
    let warm_up = (0..first).map(&mut step).collect::<Result<Vec<_>, _>>()?;
    let start = Instant::now();
    let timed = (first..end).map(&mut step).collect::<Result<Vec<_>, _>>()?;
    let seconds = start.elapsed().as_secs_f64();
    let peak_bytes = peak_bytes()?;
    let step_flops = (first..end).map(|number| flops(&trainer, &config, &batches[number % BATCHES])).sum::<f64>();
    Ok(Measured {
        libtorch: shim::torch_version(),
        capability: shim::cpu_capability(),
        threads: runtime::threads(),
        first_loss: warm_up[0],
        last_loss: timed[timed.len() - 1],
        steps: recipe.steps() as u32,
        seconds,
        peak_bytes,
        libraries_bytes,
        mkl_is_mistaken: runtime::mkl_is_mistaken(),
        products: Some(Products { step_flops: step_flops / recipe.steps() as f64, gemm_flops: gemm_flops() }),
    })
}

/// The operations of a step with this batch.
fn flops(trainer: &Trainer, config: &SslConfig, batch: &Batch) -> f64 {
    let all = trainer.arch().student.state_dict().into_iter();
    let parameters: Vec<Shape> =
        all.filter(|(_, role, _)| *role == Role::Parameter).map(|(name, _, tensor)| (name, tensor.size())).collect();
    let crops = |images: &Tensor| {
        let size = images.size();
        Crops {
            number: size[0],
            patches: (size[2] / config.student.patch_size) * (size[3] / config.student.patch_size),
        }
    };
    let step = Step {
        global: crops(&batch.global_crops),
        local: crops(&batch.local_crops),
        masked: batch.mask_indices.size()[0],
        prefix: 1 + config.student.n_storage_tokens,
        drop_path: config.student.drop_path_rate,
    };
    step_flops(&parameters, &step)
}

/// Operations a second in the best of some square fp32 products, on as many threads as the steps had.
fn gemm_flops() -> f64 {
    let rate = |size: i64| {
        let (a, b) = (Tensor::randn([size, size], FP32), Tensor::randn([size, size], FP32));
        let start = Instant::now();
        let product = a.matmul(&b);
        let seconds = start.elapsed().as_secs_f64();
        drop(product);
        2.0 * (size as f64).powi(3) / seconds
    };
    [1024, 2048].into_iter().flat_map(|size| [size; 6]).map(rate).fold(0.0, f64::max)
}
