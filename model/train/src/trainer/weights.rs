//! The weights of all networks, as one rank has them: where they come from, and what they look like as a whole.

use std::cell::Cell;

use dinov3_config::SslConfig;
use dinov3_torch::device::{Device, HOST, host};
use dinov3_torch::shim::ShimError;
use dinov3_vit::meta_arch::{Network, SslMetaArch};
use dinov3_vit::module::{Module, Role, copy_buffers};
use tch::{Kind, Tensor, no_grad};

use super::{SUBMODULES, TrainError, Trainer, submodule_of};
use crate::shard::{Arithmetic, Parameters, ShardError, Sharding};

/// This rank's rows of every network's parameters.
#[derive(Debug)]
pub(super) struct Weights {
    pub(super) student: Parameters,
    /// The moving average, in the order of the student's.
    pub(super) teacher: Parameters,
    pub(super) distilled: Option<Parameters>,
    pub(super) gram_teacher: Option<Parameters>,
    /// Of the frozen teacher's rows, once it was asked for.
    fingerprint: Cell<Option<i64>>,
    /// How many of the student's belong to each of [`SUBMODULES`].
    pub(super) counts: [usize; 3],
}

impl Weights {
    /// The networks that compute, and their weights.
    pub(super) fn new(
        config: &SslConfig,
        kind: Kind,
        device: Device,
        sharding: &Sharding,
    ) -> Result<(SslMetaArch, Self), ShimError> {
        let master = if kind == Kind::Double { Kind::Double } else { Kind::Float };
        let arithmetic = Arithmetic { kind, master, device };
        // One whole network at a time, for its names and shapes.
        let (student, of_student) = Parameters::of(SslMetaArch::new_student(config), arithmetic, sharding, true)?;
        let (teacher, of_teacher) = Parameters::of(SslMetaArch::new_teacher(config), arithmetic, sharding, false)?;
        let shared = sharding.over_all();
        let frozen = |network| Parameters::of(network, arithmetic, &shared, false);
        let (distilled, of_distilled) = SslMetaArch::new_distilled(config).map(frozen).transpose()?.unzip();
        let frozen = |backbone| Parameters::of(backbone, arithmetic, &shared, false);
        let (gram_teacher, of_gram_teacher) = SslMetaArch::new_gram_teacher(config).map(frozen).transpose()?.unzip();
        let count =
            |submodule: &str| of_student.names().iter().filter(|name| submodule_of(name).0 == submodule).count();
        let weights = Self {
            counts: SUBMODULES.map(count),
            student: of_student,
            teacher: of_teacher,
            distilled: of_distilled,
            gram_teacher: of_gram_teacher,
            fingerprint: Cell::new(None),
        };
        Ok((SslMetaArch { student, teacher, distilled, gram_teacher, gram_teacher_initialized: false }, weights))
    }

    fn all(&self) -> impl Iterator<Item = &Parameters> {
        [&self.student, &self.teacher].into_iter().chain(&self.distilled).chain(&self.gram_teacher)
    }

    /// A number that the frozen teacher's rows here determine, where there is one: other weights have another one, and the sum over the ranks,
    /// modulo 2⁶⁴, is the same for any number of them. Reads all of the teacher once.
    pub(super) fn fingerprint_of_frozen(&self) -> Option<i64> {
        let frozen = self.distilled.as_ref()?;
        let known = self.fingerprint.get().unwrap_or_else(|| frozen.fingerprint());
        self.fingerprint.set(Some(known));
        Some(known)
    }

    /// Before a step.
    pub(super) fn rest(&self) -> Result<(), ShardError> {
        self.all().try_for_each(Parameters::rest)
    }

    /// After forward.
    pub(super) fn settled(&self) -> Result<(), ShardError> {
        self.all().try_for_each(Parameters::settled)
    }
}

impl Trainer {
    /// `init_weights`, from torch's global stream, which is drawn from on the host: the student, whose values its average gets, then a frozen
    /// teacher where the config names no checkpoint of it (`distillation.checkpoint_path: ignore`): one that is read takes nothing from the
    /// stream. Every rank draws all of it, and has one block at a time whole.
    pub fn init_weights(&mut self) {
        // Drawn in fp32, whatever the arithmetic.
        let mut student = SslMetaArch::new_student(&self.config);
        student.draw_weights(&mut |part| self.weights.student.take(part));
        copy_buffers(&self.arch.student, &student);
        copy_buffers(&self.arch.teacher, &student);
        self.weights.teacher.copy_from(&self.weights.student);
        if self.config.checkpoints.frozen_teacher.is_some() {
            return;
        }
        if let (Some(mut network), Some(weights), Some(mine)) =
            (SslMetaArch::new_distilled(&self.config), &self.weights.distilled, &self.arch.distilled)
        {
            network.draw_weights(&mut |part| weights.take(part));
            copy_buffers(mine, &network);
            self.weights.fingerprint.set(None);
        }
    }

    /// Draws weights for the frozen teacher, where there is one, and warms them. Golden sets of several students have these: what
    /// [`init_weights`](Self::init_weights) draws comes after a student, which is of another size on other ranks.
    pub fn init_frozen_teacher(&mut self, scale: f64) {
        if let Some(mut fresh) = SslMetaArch::new_distilled(&self.config) {
            fresh.init_weights();
            if scale > 0.0 {
                fresh.warm(scale);
            }
            self.take_distilled(&fresh);
        }
    }

    /// Makes `student` the student, and its average.
    pub(super) fn take_student(&self, student: &Network) {
        self.weights.student.assign(student);
        copy_buffers(&self.arch.student, student);
        self.weights.teacher.copy_from(&self.weights.student);
        copy_buffers(&self.arch.teacher, student);
    }

    /// Makes `network` the frozen teacher, where there is one.
    pub(super) fn take_distilled(&self, network: &Network) {
        if let (Some(weights), Some(mine)) = (&self.weights.distilled, &self.arch.distilled) {
            weights.assign(network);
            copy_buffers(mine, network);
            self.weights.fingerprint.set(None);
        }
    }

    /// Adds `scale` times standard normal noise to the student's fresh weights, then to a frozen teacher's, and makes the average the student
    /// again; see [`dinov3_vit::meta_arch::warm`].
    pub fn warm(&mut self, scale: f64) {
        warm(&self.weights.student, scale);
        self.weights.teacher.copy_from(&self.weights.student);
        if let Some(distilled) = &self.weights.distilled {
            warm(distilled, scale);
            self.weights.fingerprint.set(None);
        }
    }

    /// Bytes that this rank keeps between steps: its rows of all networks' parameters, and of both moments.
    pub fn bytes_at_rest(&self) -> usize {
        let bytes = |tensor: &Tensor| tensor.numel() * tensor.kind().elt_size_in_bytes();
        let moments = self.optimizer.slots().iter().map(|slot| bytes(&slot.exp_avg) + bytes(&slot.exp_avg_sq));
        self.weights.all().flat_map(Parameters::rows).map(bytes).chain(moments).sum()
    }

    /// Elements of the student's parameters, over all ranks.
    pub fn student_elements(&self) -> u64 {
        let student = &self.weights.student;
        (0..student.names().len()).map(|i| student.shape(i).iter().product::<i64>() as u64).sum()
    }

    /// The student's parameters, whole, in fp32 (float64 for the truth). Every rank calls it.
    ///
    /// # Errors
    /// When a rank is gone.
    pub fn student(&self) -> Result<Vec<(String, Tensor)>, TrainError> {
        wholes(&self.weights.student, self.weights.student.rows())
    }

    /// The moving average's, likewise.
    ///
    /// # Errors
    /// When a rank is gone.
    pub fn teacher(&self) -> Result<Vec<(String, Tensor)>, TrainError> {
        wholes(&self.weights.teacher, self.weights.teacher.rows())
    }
}

impl Trainer {
    /// The `state_dict` of the moving average: parameters, whole, and buffers, in the reference's order, under names within the network
    /// (`backbone.cls_token`). Every rank calls it.
    ///
    /// # Errors
    /// When a rank is gone.
    pub fn teacher_state_dict(&self) -> Result<Vec<(String, Tensor)>, TrainError> {
        let mut parameters = self.teacher()?.into_iter();
        let all = self.arch.teacher.state_dict().into_iter().filter_map(|(name, role, tensor)| match role {
            Role::Parameter => parameters.next(),
            Role::Buffer => Some((name, tensor)),
        });
        let within = |name: String| name.split_once('.').map_or(name.clone(), |(_, within)| within.to_owned());
        Ok(all.map(|(name, tensor)| (within(name), tensor)).collect())
    }
}

/// The whole of `rows`, a tensor a parameter, with the parameters' names.
pub(super) fn wholes(parameters: &Parameters, rows: &[Tensor]) -> Result<Vec<(String, Tensor)>, TrainError> {
    let whole = |(i, (name, rows)): (usize, (&String, &Tensor))| Ok((name.clone(), parameters.whole(i, rows)?));
    parameters.names().iter().zip(rows).enumerate().map(whole).collect()
}

fn warm(parameters: &Parameters, scale: f64) {
    no_grad(|| {
        for (i, rows) in parameters.rows().iter().enumerate() {
            let noise = Tensor::randn(parameters.shape(i), (Kind::Float, HOST)) * scale;
            let noise = parameters.rows_of(i, &noise);
            // The sum is fp32 whatever holds it: what is widened is the weight that a run in fp32 has.
            rows.shallow_clone().copy_(&(host(&rows.to_kind(Kind::Float)) + noise));
        }
    });
}
