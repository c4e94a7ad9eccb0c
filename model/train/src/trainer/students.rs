//! Several students, each with some of the ranks: `MultiDistillationMetaArch`.

use dinov3_config::{KoLeo, SslConfig};
use dinov3_ranks::GroupError;
use dinov3_vit::meta_arch::{Batch, Shares};

use super::{TrainError, Trainer};
use crate::phases::{Phase, Phases};
use crate::shard::Sharding;

/// Whether the ranks of `sharding` can train the student of `config`.
pub(super) fn check(config: &SslConfig, sharding: &Sharding) -> Result<(), TrainError> {
    let refuse = |option, reason| Err(TrainError::Unsupported { option, reason });
    let (ranks, training) = (sharding.group.size(), &config.training);
    if let Some(images) = training.global_batch_size.filter(|_| training.multi_distillation)
        && images % ranks as i64 != 0
    {
        let reason = "the ranks of a student share it evenly, as the reference asserts";
        return refuse("multidistillation.global_batch_size", reason);
    }
    if ranks == sharding.all.size() {
        return Ok(());
    }
    if !training.multi_distillation || training.global_batch_size.is_none() {
        let reason =
            "several students are trained by `MultiDistillationMetaArch` with `multidistillation.enabled` alone";
        return refuse("MODEL.META_ARCHITECTURE", reason);
    }
    if matches!(training.koleo, KoLeo::Distributed(_)) {
        let reason = "the reference gathers the features of all students for it, whose widths differ";
        return refuse("dino.koleo_loss_distributed", reason);
    }
    Ok(())
}

impl Trainer {
    /// How the batches of all ranks are shared.
    pub(super) fn shares(&self) -> Shares<'_> {
        let (rank, ranks) = (self.group.rank() as i64, self.group.size() as i64);
        Shares { all: self.all.as_ref(), rank, ranks, images: self.config.training.global_batch_size }
    }

    /// What of the batches that all ranks have loaded this rank's student computes: `loaded` itself, but for several students.
    pub(super) fn shared(&self, loaded: &Batch, phases: &mut Phases<'_>) -> Result<Batch, TrainError> {
        if !self.config.training.multi_distillation {
            return Ok(loaded.again());
        }
        self.fits(loaded)?;
        // The crops of other ranks come to this one's device.
        let shared: Result<Batch, GroupError> = phases.during(Phase::HostToDevice, || loaded.shared(&self.shares()));
        Ok(shared?)
    }

    /// The crops are of the loader's images, the masks of the student's.
    fn fits(&self, loaded: &Batch) -> Result<(), TrainError> {
        let shares = self.shares();
        let all = loaded.images() * self.all.size() as i64;
        let images = shares.images.unwrap_or(all);
        if images > all {
            let reason = "the ranks have loaded fewer images";
            return Err(TrainError::Unsupported { option: "multidistillation.global_batch_size", reason });
        }
        if loaded.masks.size()[0] != 2 * (images / shares.ranks) {
            let reason = "a batch has masks for another number of images than a rank of the student computes";
            return Err(TrainError::Unsupported { option: "multidistillation.global_batch_size", reason });
        }
        Ok(())
    }
}
