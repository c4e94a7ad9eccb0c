//! The batch of a step.

use dinov3_data::augment::Crop;
use dinov3_data::collate;
use dinov3_ranks::GroupError;
use dinov3_torch::bytes::put;
use dinov3_torch::device::{Device, send, staging};
use tch::{Kind, Tensor};

use super::Shares;
use crate::hook::Hooks;
use crate::loss::ibot;

/// The crops of a batch and their masks (`dinov3/data/collate.py`).
#[derive(Debug)]
pub struct Batch {
    /// `[2 B, 3, H, W]`, all first crops before all second ones.
    pub global_crops: Tensor,
    /// `[n B, 3, h, w]`.
    pub local_crops: Tensor,
    /// `[2 B, 3, G, G]`: the global crops as the Gram teacher sees them, if it has its own size.
    pub gram_teacher_crops: Option<Tensor>,
    /// `[2 B, N]` bool: patches of the global crops that the student does not see.
    pub masks: Tensor,
    /// `[M]` int64: their indices among the 2 B · N patches.
    pub mask_indices: Tensor,
    /// `[M]` fp32: one over the number of masked patches of the image of each.
    pub masks_weight: Tensor,
}

impl Batch {
    /// Completes a batch from its crops and masks, as `collate_data_and_cast` does.
    pub fn new(global_crops: Tensor, local_crops: Tensor, masks: Tensor) -> Self {
        let mask_indices = masks.flatten(0, -1).nonzero().flatten(0, -1);
        let masks_weight = ibot::weight_of(&masks);
        Self { global_crops, local_crops, gram_teacher_crops: None, masks, mask_indices, masks_weight }
    }

    /// A batch of the loader, on the host in fp32.
    pub fn of(collated: &collate::Batch) -> Self {
        Self::staged(collated, Device::Cpu, Kind::Float)
    }

    /// A batch of the loader, on the host with its crops in fp32 or bf16, which [`Batch::to`] brings to `device` without the host's doing.
    pub fn staged(collated: &collate::Batch, device: Device, kind: Kind) -> Self {
        let masks = &collated.masks;
        let shape = [masks.images() as i64, masks.tokens() as i64];
        let masks = Tensor::from_slice(masks.values()).view(shape);
        let crops = |crops: &[Crop]| staged(crops, device, kind);
        let gram = collated.gram_teacher_crops.as_deref().map(crops);
        Self::new(crops(&collated.global_crops), crops(&collated.local_crops), masks).with_gram_teacher_crops(gram)
    }

    /// The same with crops for the Gram teacher.
    pub fn with_gram_teacher_crops(self, crops: Option<Tensor>) -> Self {
        Self { gram_teacher_crops: crops, ..self }
    }

    /// The batch on another device, with its crops in another dtype. From the host to a GPU it goes through page-locked memory, and is copied
    /// while the host goes on.
    pub fn to(&self, device: Device, kind: Kind) -> Self {
        let crops = |crops: &Tensor| send(crops, device, kind);
        Self {
            global_crops: crops(&self.global_crops),
            local_crops: crops(&self.local_crops),
            gram_teacher_crops: self.gram_teacher_crops.as_ref().map(crops),
            masks: send(&self.masks, device, Kind::Bool),
            mask_indices: send(&self.mask_indices, device, Kind::Int64),
            masks_weight: send(&self.masks_weight, device, self.masks_weight.kind()),
        }
    }

    /// Shows the tensors of the batch, `batch:global_crops` and so on, and gives the batch of the hook's answers.
    pub fn shown(self, hooks: &mut Hooks) -> Self {
        let mut show = |key, value: Tensor| hooks.operand("batch", key, &value).into_replacement().unwrap_or(value);
        Self {
            global_crops: show("global_crops", self.global_crops),
            local_crops: show("local_crops", self.local_crops),
            gram_teacher_crops: self.gram_teacher_crops.map(|crops| show("gram_teacher_crops", crops)),
            masks: show("masks", self.masks),
            mask_indices: show("mask_indices", self.mask_indices),
            masks_weight: show("masks_weight", self.masks_weight),
        }
    }

    /// The same tensors under other handles.
    pub fn again(&self) -> Self {
        Self {
            global_crops: self.global_crops.shallow_clone(),
            local_crops: self.local_crops.shallow_clone(),
            gram_teacher_crops: self.gram_teacher_crops.as_ref().map(Tensor::shallow_clone),
            masks: self.masks.shallow_clone(),
            mask_indices: self.mask_indices.shallow_clone(),
            masks_weight: self.masks_weight.shallow_clone(),
        }
    }

    /// The batch of a student's rank, of what all ranks have loaded: its share of the crops. The masks are the student's already.
    ///
    /// # Errors
    /// When a rank is gone.
    pub fn shared(&self, shares: &Shares) -> Result<Self, GroupError> {
        let images = self.images();
        let share = |crops: &Tensor| {
            let by_crop = crops.unflatten(0, [crops.size()[0] / images, images]);
            shares.of(&by_crop, 1).map(|share| share.flatten(0, 1))
        };
        Ok(Self { global_crops: share(&self.global_crops)?, local_crops: share(&self.local_crops)?, ..self.again() })
    }

    /// The number of images, B.
    pub fn images(&self) -> i64 {
        self.global_crops.size()[0] / 2
    }
}

/// `[n, 3, S, S]` of n crops `[3, S, S]`, on the host in fp32.
pub fn stacked(crops: &[Crop]) -> Tensor {
    staged(crops, Device::Cpu, Kind::Float)
}

/// The same in another dtype, ready to be sent to `device`.
fn staged(crops: &[Crop], device: Device, kind: Kind) -> Tensor {
    let side = crops.first().map_or(0, |crop| (crop.len() / 3).isqrt() as i64);
    let mut all = staging(&[crops.len() as i64, 3, side, side], kind, device);
    for (number, crop) in crops.iter().enumerate() {
        put(&mut all, number * crop.len(), crop);
    }
    all
}
