//! Student and teacher of self-supervised training: `SSLMetaArch` (`dinov3/train/ssl_meta_arch.py`) and
//! `MultiDistillationMetaArch` (`dinov3/train/multidist_meta_arch.py`).

mod batch;
mod losses;
mod outputs;
mod shares;

pub use batch::{Batch, stacked};
pub use losses::{LossTerm, Losses, Targets, compute_losses};
pub use outputs::{GramOutput, StudentOutput, TeacherOutput};
pub use shares::Shares;

use dinov3_config::{GramTeacher, HeadConfig, SslConfig, VitConfig};
use dinov3_torch::device::{Device, HOST, host};
use tch::{Kind, Tensor, no_grad};

use crate::layers::dino_head::DinoHead;
use crate::module::{Done, Module, Role, drawn};
use crate::residence::{Residence, Resident};
use crate::vit::VisionTransformer;

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
    /// Uninitialised, under the module path `root`.
    fn new(root: &str, backbone: &VitConfig, dino_head: HeadConfig, ibot_head: HeadConfig) -> Self {
        Self {
            backbone: VisionTransformer::new(format!("{root}.backbone"), backbone),
            dino_head: DinoHead::new(format!("{root}.dino_head"), dino_head),
            ibot_head: DinoHead::new(format!("{root}.ibot_head"), ibot_head),
        }
    }

    /// Initialises every tensor from torch's global generator. Tensors start as NaN, so a missed one shows.
    pub fn init_weights(&mut self) {
        self.backbone.init_weights();
        for head in [&mut self.dino_head, &mut self.ibot_head] {
            head.fill_with_nan();
            head.init_weights();
        }
    }

    /// The same values, of which each block's and head's are shown as soon as they are drawn, and gone then: whoever takes them needs no
    /// memory for the whole. Buffers get their values.
    pub fn draw_weights(&mut self, done: Done<'_>) {
        self.backbone.draw_weights(done);
        for head in [&self.dino_head, &self.ibot_head] {
            drawn(head, DinoHead::init_weights, done);
        }
    }

    /// See [`warm`].
    pub fn warm(&self, scale: f64) {
        warm(self, scale);
    }
}

/// Adds `scale` times standard normal noise to every parameter, in their order, on torch's global stream.
///
/// Fresh biases and mask tokens are zero and fresh LayerScales are 1e-5: a mistake that they multiply does not show.
/// Golden sets that are to find such mistakes are recorded from weights warmed like this.
pub fn warm(module: &impl Module, scale: f64) {
    no_grad(|| {
        module.visit(|_, role, parameter| {
            if role == Role::Parameter {
                let noise = Tensor::randn(parameter.size(), (Kind::Float, HOST)) * scale;
                // The sum is fp32 whatever holds it: what is widened is the weight that a run in fp32 has.
                parameter.shallow_clone().copy_(&(host(&parameter.to_kind(Kind::Float)) + noise));
            }
        });
    });
}

impl Resident for Network {
    fn reside(&mut self, residence: &mut dyn FnMut(&str) -> Residence) {
        self.backbone.reside(residence);
        self.dino_head.reside(residence);
        self.ibot_head.reside(residence);
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

/// Student and teachers.
#[derive(Debug)]
pub struct SslMetaArch {
    /// The network that is trained.
    pub student: Network,
    /// Its moving average: `model_ema`. The teacher, unless there is a frozen one.
    pub teacher: Network,
    /// In distillation, the frozen larger network that takes the teacher's place.
    pub distilled: Option<Network>,
    /// The backbone whose patch similarities the Gram loss keeps to, if it has one of its own.
    pub gram_teacher: Option<VisionTransformer>,
    /// Whether the Gram teacher has weights.
    pub gram_teacher_initialized: bool,
}

impl SslMetaArch {
    /// Builds the networks on the host, in fp32, uninitialised: their memory is not touched yet.
    pub fn new(config: &SslConfig) -> Self {
        Self {
            student: Self::new_student(config),
            teacher: Self::new_teacher(config),
            distilled: Self::new_distilled(config),
            gram_teacher: Self::new_gram_teacher(config),
            gram_teacher_initialized: false,
        }
    }

    /// The student alone, likewise.
    pub fn new_student(config: &SslConfig) -> Network {
        Network::new("student", &config.student, config.dino_head, config.ibot_head)
    }

    /// The average alone.
    pub fn new_teacher(config: &SslConfig) -> Network {
        Network::new("teacher", &config.student.teacher(), config.dino_head, config.ibot_head)
    }

    /// The frozen teacher alone, if there is one.
    pub fn new_distilled(config: &SslConfig) -> Option<Network> {
        let frozen = config.distillation.as_ref()?;
        Some(Network::new("teacher", &frozen.backbone, frozen.dino_head, frozen.ibot_head))
    }

    /// The Gram teacher alone, if it is a network of its own.
    pub fn new_gram_teacher(config: &SslConfig) -> Option<VisionTransformer> {
        let teacher = config.training.gram.as_ref().map(|gram| &gram.teacher);
        let backbone = || VisionTransformer::new("gram_teacher.backbone".to_owned(), &config.student.teacher());
        matches!(teacher, Some(GramTeacher::Own { .. })).then(backbone)
    }

    /// Initialises the student from torch's global stream, copies its values into its average, and draws a frozen teacher
    /// (`distillation.checkpoint_path: ignore`) from the same stream.
    pub fn init_weights(&mut self) {
        self.student.init_weights();
        self.teacher.copy_values_from(&self.student);
        if let Some(distilled) = &mut self.distilled {
            distilled.init_weights();
        }
    }

    /// See [`VisionTransformer::cast_tables_to_activations`], for all networks.
    pub fn cast_tables_to_activations(&mut self) {
        let networks = [&mut self.student, &mut self.teacher].into_iter().chain(&mut self.distilled);
        let backbones = networks.map(|network| &mut network.backbone).chain(&mut self.gram_teacher);
        backbones.for_each(VisionTransformer::cast_tables_to_activations);
    }

    /// The network that the student learns from.
    pub fn acting_teacher(&self) -> &Network {
        self.distilled.as_ref().unwrap_or(&self.teacher)
    }

    /// The copy of all networks that computes in `kind`; see [`Module::compute_copy`].
    pub fn compute_copy(&self, kind: Kind) -> Self {
        self.map(|network| network.compute_copy(kind), |backbone| backbone.compute_copy(kind))
    }

    /// The same on `device`.
    pub fn to_device(&self, device: Device) -> Self {
        self.map(|network| network.to_device(device), |backbone| backbone.to_device(device))
    }

    /// Whether the Gram loss has a teacher to ask: the average, or one of its own that has weights.
    pub fn gram_teacher_is_ready(&self) -> bool {
        self.gram_teacher.is_none() || self.gram_teacher_initialized
    }

    fn map(
        &self,
        network: impl Fn(&Network) -> Network,
        backbone: impl Fn(&VisionTransformer) -> VisionTransformer,
    ) -> Self {
        Self {
            student: network(&self.student),
            teacher: network(&self.teacher),
            distilled: self.distilled.as_ref().map(network),
            gram_teacher: self.gram_teacher.as_ref().map(backbone),
            gram_teacher_initialized: self.gram_teacher_initialized,
        }
    }
}
