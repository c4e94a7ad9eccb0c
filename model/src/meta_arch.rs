//! Student and teacher of self-supervised training, as far as their outputs: the forward half of `SSLMetaArch`
//! (`dinov3/train/ssl_meta_arch.py`).

use tch::{Device, Kind, Tensor, no_grad};

use crate::config::SslConfig;
use crate::layers::dino_head::DinoHead;
use crate::module::{Module, Role};
use crate::tap::Taps;
use crate::vit::{Crops, VisionTransformer};

/// A backbone with its two heads: `student` or `teacher`.
#[derive(Debug)]
pub struct Network {
    /// The vision transformer.
    pub backbone: VisionTransformer,
    /// DINO's head, on CLS tokens.
    pub dino_head: DinoHead,
    /// iBOT's head, on masked patch tokens.
    pub ibot_head: DinoHead,
}

impl Network {
    /// All NaN, under the module path `root`.
    fn new(root: &str, config: &SslConfig, teacher: bool) -> Self {
        let backbone = if teacher { config.student.teacher() } else { config.student.clone() };
        let network = Self {
            backbone: VisionTransformer::new(format!("{root}.backbone"), &backbone),
            dino_head: DinoHead::new(format!("{root}.dino_head"), config.dino_head),
            ibot_head: DinoHead::new(format!("{root}.ibot_head"), config.ibot_head),
        };
        network.fill_with_nan();
        network
    }

    fn init_weights(&mut self) {
        self.backbone.init_weights();
        self.dino_head.init_weights();
        self.ibot_head.init_weights();
    }

    /// Adds `scale` times standard normal noise to every parameter, in their order, on torch's global stream.
    ///
    /// Fresh biases and mask tokens are zero and fresh LayerScales are 1e-5: a fault that they multiply does not show.
    /// Golden sets that are to find such faults are recorded from weights warmed like this.
    pub fn warm(&self, scale: f64) {
        no_grad(|| {
            self.visit(|_, role, parameter| {
                if role == Role::Parameter {
                    let noise = Tensor::randn(parameter.size(), (Kind::Float, Device::Cpu)) * scale;
                    let _ = parameter.shallow_clone().g_add_(&noise);
                }
            });
        });
    }
}

impl Module for Network {
    fn map_tensors(&self, f: &mut dyn FnMut(&str, Role, &Tensor) -> Tensor) -> Self {
        Self {
            backbone: self.backbone.map_tensors(f),
            dino_head: self.dino_head.map_tensors(f),
            ibot_head: self.ibot_head.map_tensors(f),
        }
    }
}

/// The crops of a batch and what is masked in them (`dinov3/data/collate.py`).
#[derive(Debug)]
pub struct Batch {
    /// `[2 B, 3, H, W]`, all first crops before all second ones.
    pub global_crops: Tensor,
    /// `[n B, 3, h, w]`.
    pub local_crops: Tensor,
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
        let per_image = masks.sum_dim_intlist(&[-1i64][..], false, Kind::Int64).clamp_min(1.0);
        let weights = per_image.reciprocal().unsqueeze(-1).expand_as(&masks);
        let masks_weight = weights.masked_select(&masks);
        Self { global_crops, local_crops, masks, mask_indices, masks_weight }
    }

    /// The batch on another device and with its crops in another dtype.
    pub fn to(&self, device: Device, kind: Kind) -> Self {
        Self {
            global_crops: self.global_crops.to_device(device).to_kind(kind),
            local_crops: self.local_crops.to_device(device).to_kind(kind),
            masks: self.masks.to_device(device),
            mask_indices: self.mask_indices.to_device(device),
            masks_weight: self.masks_weight.to_device(device),
        }
    }
}

/// What the teacher gives, before centering.
#[derive(Debug)]
pub struct TeacherOutput {
    /// `[2 B, K]`: logits of the CLS tokens.
    pub cls_after_head: Tensor,
    /// `[M, K]`: logits of the patches that are masked for the student.
    pub masked_patch_after_head: Tensor,
}

/// What the student gives.
#[derive(Debug)]
pub struct StudentOutput {
    /// `[2 B, D]`: CLS tokens of the global crops.
    pub global_cls_pre_head: Tensor,
    /// `[2 B, K]`.
    pub global_cls_after_head: Tensor,
    /// `[n B, K]`.
    pub local_cls_after_head: Tensor,
    /// `[M, K]`.
    pub masked_patch_after_head: Tensor,
}

/// Student and teacher.
#[derive(Debug)]
pub struct SslMetaArch {
    /// The network that is trained.
    pub student: Network,
    /// Its moving average: `model_ema`.
    pub teacher: Network,
}

impl SslMetaArch {
    /// Builds both networks on the host, in fp32, every value NaN until it is initialised.
    pub fn new(config: &SslConfig) -> Self {
        Self { student: Network::new("student", config, false), teacher: Network::new("teacher", config, true) }
    }

    /// Initialises the student from torch's global stream and copies its values into the teacher.
    pub fn init_weights(&mut self) {
        self.student.init_weights();
        self.teacher.copy_values_from(&self.student);
    }

    /// The copy of both networks that computes in `kind` on `device`; see [`Module::compute_copy`].
    pub fn compute_copy(&self, kind: Kind, device: Device) -> Self {
        Self {
            student: self.student.compute_copy(kind).to_device(device),
            teacher: self.teacher.compute_copy(kind).to_device(device),
        }
    }

    /// `get_teacher_output`, up to the logits: the global crops, unmasked, in evaluation mode.
    pub fn teacher_output(&self, batch: &Batch, taps: &mut Taps) -> TeacherOutput {
        no_grad(|| {
            let Network { backbone, dino_head, ibot_head } = &self.teacher;
            let crops = Crops { images: &batch.global_crops, masks: None };
            let features = backbone.forward_features(crops, false, taps);
            let masked = features.patches.flatten(0, 1).index_select(0, &batch.mask_indices);
            let masked_patch_after_head = ibot_head.forward(&masked, taps);
            TeacherOutput { cls_after_head: dino_head.forward(&features.cls, taps), masked_patch_after_head }
        })
    }

    /// `get_student_output`: global crops with their masks and local crops, jointly, in training mode.
    pub fn student_output(&self, batch: &Batch, taps: &mut Taps) -> StudentOutput {
        let Network { backbone, dino_head, ibot_head } = &self.student;
        let global = Crops { images: &batch.global_crops, masks: Some(&batch.masks) };
        let local = Crops { images: &batch.local_crops, masks: None };
        let features = backbone.forward_features_of_list(&[global, local], true, taps);
        let (global, local) = (&features[0], &features[1]);
        let masked = global.patches.flatten(0, 1).index_select(0, &batch.mask_indices);
        let masked_patch_after_head = ibot_head.forward(&masked, taps);
        let sizes = [global.cls.size()[0], local.cls.size()[0]];
        let cls = Tensor::cat(&[&global.cls, &local.cls], 0);
        let mut logits = dino_head.forward(&cls, taps).split_with_sizes(&sizes[..], 0).into_iter();
        let mut next = || logits.next().expect("two sizes were asked for");
        StudentOutput {
            global_cls_pre_head: global.cls.shallow_clone(),
            global_cls_after_head: next(),
            local_cls_after_head: next(),
            masked_patch_after_head,
        }
    }
}
