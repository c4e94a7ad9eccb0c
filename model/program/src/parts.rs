//! What a training is made of: the networks with their first weights, the loader, and who logs and saves.

use std::sync::Arc;

use dinov3_config::holds;
use dinov3_data::loader::{Start, Unusable};
use dinov3_torch::runtime;
use dinov3_train::meters::Meters;
use dinov3_train::run::{Images, Run, Wall};
use dinov3_train::shard::Sharding;
use dinov3_train::weights::Cast;
use dinov3_train::{Parts, Trainer};

use crate::banner::Banner;
use crate::images::Data;
use crate::journal::{Journal, OURS};
use crate::nudge::nudge;
use crate::program::Training;
use crate::progress::{METRICS, Progress};
use crate::saving::{Export, Saving};
use crate::stop::Stopping;
use crate::table::Table;
use crate::{Links, Plan, ProgramError};

/// Batches that are made ahead.
const PREFETCH: usize = 2;

impl Plan {
    /// The networks with their first weights.
    pub(crate) fn trainer(&self, links: &Links, journal: &Journal) -> Result<Trainer, ProgramError> {
        let banner = Banner { config: &self.scaled, journal };
        let sharding = Sharding::of_student(Arc::clone(&links.trains), Arc::clone(&links.shares));
        let (kind, device) = (self.kind(), self.asked.device);
        dinov3_torch::device::set_tf32(device, true);
        let mut trainer = Trainer::with_parts(&self.config, kind, device, &sharding, &Parts::of_program())?;
        let elements = trainer.groups().filter(|(name, ..)| name.starts_with("student.backbone."));
        let elements: i64 = elements.map(|(_, shape, _)| shape.iter().product::<i64>()).sum();
        banner.networks(elements as usize, self.config.student.size.embed_dim);
        banner.groups(&trainer);
        banner.schedules(self.config.training.batch_size_per_gpu as f64 * links.shares.size() as f64);
        let (rank, world) = (links.meets.rank() as u64, links.meets.size());
        if world > 1 {
            // All ranks draw the same network, of which each keeps its rows, and have a stream of their own from then on.
            runtime::manual_seed(u64::from(self.asked.seed));
            trainer.init_weights();
            if !self.students.is_empty() && self.config.checkpoints.frozen_teacher.is_none() {
                // It was drawn behind a student, which is of another size on other ranks, and is one for all.
                runtime::manual_seed(u64::from(self.asked.seed));
                trainer.init_frozen_teacher(0.0);
            }
            runtime::manual_seed(u64::from(self.asked.seed) + rank);
        } else {
            trainer.init_weights();
        }
        banner.checkpoints();
        for loaded in trainer.load_checkpoints()? {
            for Cast { from, to, tensors, first } in loaded.casts {
                let path = loaded.path.display();
                let which = if tensors == 1 { first } else { format!("{tensors} tensors, {first} the first") };
                journal.info(OURS, &format!("{path}: {from} is cast to {to}, as load_state_dict does: {which}"));
            }
        }
        if let Some(seed) = self.asked.ulp_seed {
            nudge(&mut trainer, seed).map_err(|source| ProgramError::Part {
                what: "the first weights cannot be moved",
                source: source.into(),
            })?;
        }
        Ok(trainer)
    }

    pub(crate) fn parts(
        &self,
        trainer: Trainer,
        links: &Links,
        journal: &Arc<Journal>,
        stop: Stopping,
    ) -> Result<Training<'static>, ProgramError> {
        let export = Export {
            folder: self.output.clone(),
            period: self.period("evaluation.eval_period_iterations"),
            sharded: holds(&self.merged.config, "train.sharded_eval_checkpoint"),
        };
        let checkpoints = Saving::new(self.folder(), Arc::clone(&links.saves), Arc::clone(journal), export);
        let iterations = self.config.training.iterations();
        let world = self.ranks.world;
        let log = Progress {
            journal: Arc::clone(journal),
            table: Table::new(iterations),
            metrics: (links.talks.rank() == 0).then(|| self.output.join(METRICS)),
            iterations,
            device: self.asked.device,
            global_batch: self.config.training.global_batch_size.map_or(self.data.batch_size * world, |it| it as usize),
            events: None,
            live: None,
            ratios: None,
        };
        Ok(Run {
            trainer,
            loader: self.images(0, links, journal),
            checkpoints: checkpoints.map_err(ProgramError::io(&self.output))?,
            log,
            clock: Wall::default(),
            stop,
            meters: Meters::new(),
            it: 0,
        })
    }

    pub(crate) fn images(&self, it: usize, links: &Links, journal: &Arc<Journal>) -> Data {
        let start = Start {
            rank: links.meets.rank(),
            world: self.ranks.world,
            iteration: it as u64,
            threads: self.asked.threads,
            prefetch: PREFETCH,
            broken_limit: self.asked.broken_limit,
        };
        let journal = Arc::clone(journal);
        let unusable = move |image: Unusable| journal.warning(OURS, &image.to_string());
        let images = Images::new(self.data.clone(), Arc::clone(&self.dataset) as _, start, Arc::new(unusable));
        let images = images.saved_by(links.saves.size()).staged_for(self.asked.device, self.kind());
        Data::new(images, &self.merged.config)
    }
}
