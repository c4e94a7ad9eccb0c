//! Ten thousand indices of each sampler, and choices among loaders.

use dinov3_data::combined::{self, CombinedChoice};
use dinov3_data::samplers::{EpochSampler, InfiniteSampler, SamplerSettings, ShardedInfiniteSampler};
use dinov3_golden::GoldenSet;
use dinov3_golden::Kind;
use dinov3_vit::hook::Hook;
use tch::Tensor;

use crate::SuiteError;

/// The number of indices of each sampler.
const DRAWS: usize = 10_000;
/// The shares of three loaders.
const RATIOS: [f64; 3] = [0.5, 0.3, 0.2];

/// Shows the indices and the choices.
///
/// # Errors
/// If a sampler refuses arguments that the reference's accepts.
pub(super) fn show(set: &GoldenSet, hook: &mut dyn Hook) -> Result<(), SuiteError> {
    let refused = |name: &str, error: &dyn std::fmt::Display| {
        SuiteError::input(set, Kind::Data.name(format_args!("sampler.{name}")), error)
    };
    let mut show = |name: &str, indices: &mut dyn Iterator<Item = usize>| {
        let indices: Vec<_> = indices.take(DRAWS).map(|index| index as i64).collect();
        hook.summary(&Kind::Data.name(format_args!("sampler.{name}")), &Tensor::from_slice(&indices));
    };
    for (name, settings, advance) in [
        ("infinite", SamplerSettings { sample_count: 5000, shuffle: true, seed: 3, start: 0, step: 1 }, 0),
        ("infinite_rank", SamplerSettings { sample_count: 5000, shuffle: true, seed: 3, start: 1, step: 3 }, 777),
        ("infinite_plain", SamplerSettings { sample_count: 700, shuffle: false, seed: 0, start: 1, step: 2 }, 5),
    ] {
        show(name, &mut InfiniteSampler::new(settings, advance).map_err(|error| refused(name, &error))?);
    }
    for (name, new_shuffle) in [("sharded", false), ("sharded_new", true)] {
        let settings = SamplerSettings { sample_count: 5003, shuffle: true, seed: 5, start: 2, step: 4 };
        let sampler = ShardedInfiniteSampler::new(settings, 6000, new_shuffle);
        show(name, &mut sampler.map_err(|error| refused(name, &error))?);
    }
    for (name, settings, size, epoch) in [
        ("epoch", SamplerSettings { sample_count: 1281, shuffle: true, seed: 0, start: 0, step: 1 }, DRAWS, 2),
        (
            "epoch_rank",
            SamplerSettings { sample_count: 1_281_167, shuffle: true, seed: 7, start: 3, step: 4 },
            4 * DRAWS,
            5,
        ),
    ] {
        let mut sampler = EpochSampler::new(settings, size).map_err(|error| refused(name, &error))?;
        sampler.set_epoch(epoch);
        show(name, &mut sampler.iter());
    }
    let choices = CombinedChoice::new(&RATIOS, combined::SEED);
    show("combined", &mut choices.map_err(|error| refused("combined", &error))?);
    Ok(())
}
