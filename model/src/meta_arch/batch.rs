//! What a step is given.

use tch::{Device, Kind, Tensor};

use crate::loss::ibot;

/// The crops of a batch and what is masked in them (`dinov3/data/collate.py`).
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

    /// The same with crops for the Gram teacher.
    pub fn with_gram_teacher_crops(self, crops: Option<Tensor>) -> Self {
        Self { gram_teacher_crops: crops, ..self }
    }

    /// The batch on another device and with its crops in another dtype.
    pub fn to(&self, device: Device, kind: Kind) -> Self {
        let crops = |crops: &Tensor| crops.to_device(device).to_kind(kind);
        Self {
            global_crops: crops(&self.global_crops),
            local_crops: crops(&self.local_crops),
            gram_teacher_crops: self.gram_teacher_crops.as_ref().map(crops),
            masks: self.masks.to_device(device),
            mask_indices: self.mask_indices.to_device(device),
            masks_weight: self.masks_weight.to_device(device),
        }
    }

    /// Images, B.
    pub fn images(&self) -> i64 {
        self.global_crops.size()[0] / 2
    }
}
