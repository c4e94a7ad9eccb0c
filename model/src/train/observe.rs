//! What a step logs, and what it shows to an observer.

use tch::{Kind, Tensor};

use super::{NANS_ALLOWED, StepLog, TrainError, Trainer};
use crate::meta_arch::{Batch, Losses};
use crate::module::Module;
use crate::tap::Taps;

/// `loss:<term>`, then `loss:total_loss`.
pub(super) fn losses(losses: &Losses, taps: &mut Taps) {
    if taps.is_on() {
        for (name, term) in &losses.terms {
            taps.value(&format!("loss:{name}"), &term.to_tensor());
        }
        taps.value("loss:total_loss", &losses.total.detach());
    }
}

/// `grad_norm:<submodule>`.
pub(super) fn norms(norms: &[(&'static str, Tensor)], taps: &mut Taps) {
    if taps.is_on() {
        for (submodule, norm) in norms {
            taps.value(&format!("grad_norm:{submodule}"), norm);
        }
    }
}

impl Trainer {
    /// Total loss and metrics, averaged over the ranks.
    pub(super) fn log(
        &mut self,
        batch: &Batch,
        losses: &Losses,
        norms: &[(&'static str, Tensor)],
    ) -> Result<StepLog, TrainError> {
        let totals = self.group.all_gather(&losses.total.detach())?;
        let total = Tensor::stack(&totals, 0).mean(None::<Kind>);
        self.count_nans(&totals)?;
        let images = batch.images() as f64;
        let sizes: &[(&str, f64)] = match self.config.training.multi_distillation {
            true => &[("batch_size", images)],
            false => &[("local_batch_size", images), ("global_batch_size", images * self.group.size() as f64)],
        };
        let sizes = sizes.iter().map(|(name, size)| ((*name).to_owned(), Tensor::from(*size)));
        let terms = losses.terms.iter().map(|(name, term)| ((*name).to_owned(), term.to_tensor()));
        let norms = norms.iter().map(|(name, norm)| (format!("{name}_grad_norm"), norm.shallow_clone()));
        let (names, values): (Vec<String>, Vec<Tensor>) = sizes.chain(terms).chain(norms).unzip();
        let values: Vec<Tensor> =
            values.iter().map(|value| value.to_kind(Kind::Float).to_device(total.device())).collect();
        let means = self.group.mean(&Tensor::stack(&values, 0))?;
        let means = Vec::<f32>::try_from(means).expect("metrics are a vector of fp32");
        let first = ("total_loss".to_owned(), total.double_value(&[]) as f32);
        Ok(StepLog { metrics: std::iter::once(first).chain(names.into_iter().zip(means)).collect() })
    }

    fn count_nans(&mut self, totals: &[Tensor]) -> Result<(), TrainError> {
        let is_nan = |loss: &Tensor| loss.double_value(&[]).is_nan();
        let ranks: Vec<usize> = (0..totals.len()).filter(|rank| is_nan(&totals[*rank])).collect();
        self.nans = if ranks.is_empty() { 0 } else { self.nans + 1 };
        if self.nans > NANS_ALLOWED && !self.config.training.multi_distillation {
            return Err(TrainError::TooManyNans { count: self.nans, ranks });
        }
        Ok(())
    }

    pub(super) fn tap_gradients(&self, grads: &[Option<Tensor>], taps: &mut Taps) {
        if taps.is_on() {
            for (name, grad) in self.parameters.names.iter().zip(grads) {
                if let Some(grad) = grad {
                    taps.value(&format!("grad:{name}"), grad);
                }
            }
        }
    }

    pub(super) fn tap_optimizer(&self, taps: &mut Taps) {
        if taps.is_on() {
            for (name, slot) in self.parameters.names.iter().zip(self.optimizer.slots()) {
                taps.value(&format!("exp_avg:{name}"), &slot.exp_avg);
                taps.value(&format!("exp_avg_sq:{name}"), &slot.exp_avg_sq);
                taps.value(&format!("param:{name}"), &slot.param.detach());
            }
        }
    }

    /// The average after its update, and a Gram teacher that took new weights in this step.
    pub(super) fn tap_teachers(&self, gram_teacher_changed: bool, taps: &mut Taps) {
        if !taps.is_on() {
            return;
        }
        for (name, tensor) in self.parameters.names.iter().zip(&self.parameters.teacher) {
            taps.value(&format!("param:{}", of_teacher(name)), tensor);
        }
        if let Some(backbone) = self.arch.gram_teacher.as_ref().filter(|_| gram_teacher_changed) {
            for (name, tensor) in backbone.parameters() {
                taps.value(&format!("param:{name}"), &tensor);
            }
        }
    }

    /// Shows what multiplies learning rate and weight decay of each of the student's P parameters: `groups:lr_multiplier` and
    /// `groups:wd_multiplier`, `[P]` float64, and `groups:is_last_layer`, `[P]` bool.
    pub fn tap_groups(&self, taps: &mut Taps) {
        let all: Vec<_> = self.optimizer.slots().iter().map(|slot| slot.multipliers).collect();
        let of = |f: fn(&crate::optim::Multipliers) -> f64| Tensor::from_slice(&all.iter().map(f).collect::<Vec<_>>());
        taps.value("groups:lr_multiplier", &of(|it| it.lr));
        taps.value("groups:wd_multiplier", &of(|it| it.weight_decay));
        taps.value("groups:is_last_layer", &of(|it| f64::from(it.is_last_layer)).to_kind(Kind::Bool));
    }

    /// Shows the curves over all iterations: `schedule:lr` and so on, float64.
    pub fn tap_schedules(&self, taps: &mut Taps) {
        let total = self.config.training.iterations();
        let mut show = |name: &str, curve: &crate::schedule::Curve| {
            taps.value(&format!("schedule:{name}"), &Tensor::from_slice(&curve.over(total)));
        };
        for (name, curve) in self.schedules.named() {
            show(name, curve);
        }
        for (name, curve) in
            [("dino_local_loss_weight", &self.local_loss_weight), ("gram_loss_weight", &self.gram_loss_weight)]
        {
            if let Some(curve) = curve {
                show(name, curve);
            }
        }
    }

    /// Shows weights and moments as they are now: `final:student.…`, `final:teacher.…`, `final:exp_avg.student.…`,
    /// `final:exp_avg_sq.student.…`.
    pub fn tap_final(&self, taps: &mut Taps) {
        let names = &self.parameters.names;
        for (name, tensor) in names.iter().zip(&self.parameters.student) {
            taps.value(&format!("final:{name}"), &tensor.detach());
        }
        for (name, tensor) in names.iter().zip(&self.parameters.teacher) {
            taps.value(&format!("final:{}", of_teacher(name)), tensor);
        }
        for (name, slot) in names.iter().zip(self.optimizer.slots()) {
            taps.value(&format!("final:exp_avg.{name}"), &slot.exp_avg);
        }
        for (name, slot) in names.iter().zip(self.optimizer.slots()) {
            taps.value(&format!("final:exp_avg_sq.{name}"), &slot.exp_avg_sq);
        }
    }
}

/// `student.backbone.cls_token` to `teacher.backbone.cls_token`.
pub(super) fn of_teacher(name: &str) -> String {
    format!("teacher.{}", name.split_once('.').map_or(name, |(_, within)| within))
}
