//! What a step logs, and what it shows to an observer.

use dinov3_names::Kind as EntryKind;
use dinov3_vit::meta_arch::{Batch, Losses};
use dinov3_vit::tap::Taps;
use tch::{Kind, Tensor};

use super::weights::wholes;
use super::{NANS_ALLOWED, StepLog, TrainError, Trainer};
use crate::optim::adamw::Slot;

/// `loss:<term>`, then `loss:total_loss`.
pub(super) fn losses(losses: &Losses, taps: &mut Taps) {
    if taps.is_on() {
        for (name, term) in &losses.terms {
            taps.value(EntryKind::Loss.of(name), &term.to_tensor());
        }
        taps.value(EntryKind::Loss.of("total_loss"), &losses.total.detach());
    }
}

/// `grad_norm:<submodule>`.
pub(super) fn norms(norms: &[(&'static str, Tensor)], taps: &mut Taps) {
    if taps.is_on() {
        for (submodule, norm) in norms {
            taps.value(EntryKind::GradNorm.of(submodule), norm);
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

    pub(super) fn tap_gradients(&self, grads: &[Option<Tensor>], taps: &mut Taps) -> Result<(), TrainError> {
        if taps.is_on() {
            let student = &self.weights.student;
            for (i, (name, grad)) in student.names().iter().zip(grads).enumerate() {
                if let Some(grad) = grad {
                    taps.value(EntryKind::Grad.of(name), &student.whole(i, grad)?);
                }
            }
        }
        Ok(())
    }

    pub(super) fn tap_optimizer(&self, taps: &mut Taps) -> Result<(), TrainError> {
        if taps.is_on() {
            let student = &self.weights.student;
            for (i, (name, slot)) in student.names().iter().zip(self.optimizer.slots()).enumerate() {
                taps.value(EntryKind::ExpAvg.of(name), &student.whole(i, &slot.exp_avg)?);
                taps.value(EntryKind::ExpAvgSq.of(name), &student.whole(i, &slot.exp_avg_sq)?);
                taps.value(EntryKind::Param.of(name), &student.whole(i, &slot.param)?);
            }
        }
        Ok(())
    }

    /// The average after its update, and a Gram teacher that took new weights in this step.
    pub(super) fn tap_teachers(&self, gram_teacher_changed: bool, taps: &mut Taps) -> Result<(), TrainError> {
        if !taps.is_on() {
            return Ok(());
        }
        let gram_teacher = self.weights.gram_teacher.as_ref().filter(|_| gram_teacher_changed);
        for parameters in [&self.weights.teacher].into_iter().chain(gram_teacher) {
            for (name, tensor) in wholes(parameters, parameters.rows())? {
                taps.value(EntryKind::Param.of(name), &tensor);
            }
        }
        Ok(())
    }

    /// Shows what multiplies learning rate and weight decay of each of the student's P parameters: `groups:lr_multiplier` and
    /// `groups:wd_multiplier`, `[P]` float64, and `groups:is_last_layer`, `[P]` bool.
    pub fn tap_groups(&self, taps: &mut Taps) {
        let all: Vec<_> = self.optimizer.slots().iter().map(|slot| slot.multipliers).collect();
        let of = |f: fn(&crate::optim::Multipliers) -> f64| Tensor::from_slice(&all.iter().map(f).collect::<Vec<_>>());
        taps.value(EntryKind::Groups.of("lr_multiplier"), &of(|it| it.lr));
        taps.value(EntryKind::Groups.of("wd_multiplier"), &of(|it| it.weight_decay));
        taps.value(EntryKind::Groups.of("is_last_layer"), &of(|it| f64::from(it.is_last_layer)).to_kind(Kind::Bool));
    }

    /// Shows the curves over all iterations: `schedule:lr` and so on, float64.
    pub fn tap_schedules(&self, taps: &mut Taps) {
        let total = self.config.training.iterations();
        let mut show = |name: &str, curve: &crate::schedule::Curve| {
            taps.value(EntryKind::Schedule.of(name), &Tensor::from_slice(&curve.over(total)));
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
    /// `final:exp_avg_sq.student.…`. Every rank calls it, observed like the others.
    ///
    /// # Errors
    /// When a rank is gone.
    pub fn tap_final(&self, taps: &mut Taps) -> Result<(), TrainError> {
        let student = &self.weights.student;
        let moments = |f: fn(&Slot) -> &Tensor| -> Vec<Tensor> {
            self.optimizer.slots().iter().map(|slot| f(slot).shallow_clone()).collect()
        };
        let mut show = |prefix: &str, all: Vec<(String, Tensor)>| {
            all.iter()
                .for_each(|(name, tensor)| taps.value(EntryKind::Final.of(format_args!("{prefix}{name}")), tensor));
        };
        show("", self.student()?);
        show("", self.teacher()?);
        show("exp_avg.", wholes(student, &moments(|slot| &slot.exp_avg))?);
        show("exp_avg_sq.", wholes(student, &moments(|slot| &slot.exp_avg_sq))?);
        Ok(())
    }
}

/// `student.backbone.cls_token` to `teacher.backbone.cls_token`.
pub(super) fn of_teacher(name: &str) -> String {
    format!("teacher.{}", name.split_once('.').map_or(name, |(_, within)| within))
}
