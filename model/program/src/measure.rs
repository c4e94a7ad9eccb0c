//! Who measures a training, and what it is told of it.

use dinov3_train::Trainer;
use dinov3_train::phases::Listener;
use dinov3_train::products::{Crops, Shape, Step, step_flops};
use serde_json::Value;

use crate::Plan;
use crate::banner::at;

/// Batches that are made beforehand where only the computation is measured.
pub(crate) const HELD: usize = 4;

/// Who measures a training, and which part of it.
pub struct Measure<'a> {
    /// Hears of every phase, and how long each iteration took.
    pub by: &'a mut dyn Measurer,
    /// What is left of the program.
    pub only: Only,
}

/// The part of the program that runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Only {
    /// All of it.
    #[default]
    Everything,
    /// The loader alone: batches are made, and nothing is computed.
    Data,
    /// The steps alone: a few batches are made beforehand, and taken over and over.
    Compute,
}

/// Measures a training.
pub trait Measurer: Listener {
    /// The first iteration follows.
    fn begins(&mut self, facts: &Facts);
}

/// What is known of a training before its first iteration.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Images in the dataset.
    pub dataset: usize,
    /// Images a step on one rank.
    pub batch: usize,
    /// The number of ranks.
    pub world: usize,
    /// Iterations of the whole training.
    pub iterations: usize,
    /// `evaluation.eval_period_iterations`.
    pub evaluation: u64,
    /// `checkpointing.period`.
    pub checkpoint: u64,
    /// The network that is trained; none where nothing is computed.
    pub network: Option<Network>,
}

/// The network that is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The student's parameters.
    pub parameters: u64,
    /// Floating-point operations of the matrix products of a step on one rank. The number of masked patches is the expected one.
    pub flops: f64,
}

impl Plan {
    pub(crate) fn facts(&self, trainer: Option<&Trainer>) -> Facts {
        let config = &self.merged.config;
        Facts {
            dataset: dinov3_data::dataset::Dataset::len(self.dataset.as_ref()),
            batch: self.data.batch_size,
            world: self.ranks.world,
            iterations: self.config.training.iterations(),
            evaluation: at(config, "evaluation.eval_period_iterations").as_u64().unwrap_or(0),
            checkpoint: at(config, "checkpointing.period").as_u64().unwrap_or(0),
            network: trainer.map(|trainer| self.network(trainer)),
        }
    }

    fn network(&self, trainer: &Trainer) -> Network {
        let shapes: Vec<Shape> = trainer.groups().map(|(name, shape, _)| (name.to_owned(), shape)).collect();
        let parameters = shapes.iter().map(|(_, shape)| shape.iter().product::<i64>() as u64).sum();
        Network { parameters, flops: step_flops(&shapes, &self.work()) }
    }

    /// What a step on one rank computes on. Of several resolutions, the first.
    fn work(&self) -> Step {
        let config = &self.merged.config;
        let (images, student) = (self.data.batch_size as i64, &self.config.student);
        let side = |key| match at(config, key) {
            Value::Array(sizes) => sizes.first().and_then(Value::as_i64),
            size => size.as_i64(),
        };
        let crops = |number, key| {
            let patches = side(key).unwrap_or(0) / student.patch_size;
            Crops { number, patches: patches * patches }
        };
        let number = |key: &str| at(config, key).as_f64().unwrap_or(0.0);
        let global = crops(2 * images, "crops.global_crops_size");
        let ratio = |end: usize| at(config, "ibot.mask_ratio_min_max").get(end).and_then(Value::as_f64).unwrap_or(0.0);
        let masked = global.number as f64 * number("ibot.mask_sample_probability") * f64::midpoint(ratio(0), ratio(1));
        Step {
            local: crops(self.config.local_crops_number * images, "crops.local_crops_size"),
            masked: (masked * global.patches as f64) as i64,
            prefix: 1 + student.n_storage_tokens,
            drop_path: student.drop_path_rate,
            global,
        }
    }
}
