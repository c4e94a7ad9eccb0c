//! What a step logs, and what it shows beside its forward pass.

use dinov3_names::Kind as EntryKind;
use dinov3_torch::device::{beside, host};
use dinov3_vit::meta_arch::{Batch, Losses};

use super::weights::wholes;
use super::{NANS_ALLOWED, StepLog, TrainError, Trainer};
use crate::optim::adamw::Slot;
use crate::shard::Parameters;
use dinov3_vit::hook::Hooks;
use tch::{Kind, Tensor, no_grad};

/// Shows the whole of parameter `i`, or of one of its moments, and overwrites this rank's `rows` if a hook puts something in its place.
/// Every rank calls it.
fn show_rows(
    parameters: &Parameters,
    i: usize,
    rows: &Tensor,
    kind: EntryKind,
    hooks: &mut Hooks,
) -> Result<(), TrainError> {
    let name = kind.of(&parameters.names()[i]);
    if let Some(whole) = hooks.look(name, &parameters.whole(i, rows)?).into_replacement() {
        no_grad(|| rows.shallow_clone().copy_(&parameters.rows_of(i, &whole)));
    }
    Ok(())
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
        let totals = Tensor::stack(&totals, 0);
        let total = totals.mean(None::<Kind>);
        let images = batch.images() as f64;
        let sizes: &[(&str, f64)] = match self.config.training.multi_distillation {
            true => &[("batch_size", images)],
            false => &[("local_batch_size", images), ("global_batch_size", images * self.all.size() as f64)],
        };
        let sizes = sizes.iter().map(|(name, size)| ((*name).to_owned(), Tensor::from(*size)));
        let terms = losses.terms.iter().map(|(name, term)| ((*name).to_owned(), term.to_tensor()));
        let norms = norms.iter().map(|(name, norm)| (format!("{name}_grad_norm"), norm.shallow_clone()));
        let (names, values): (Vec<String>, Vec<Tensor>) = sizes.chain(terms).chain(norms).unzip();
        let values: Vec<Tensor> = values.iter().map(|value| beside(&value.to_kind(Kind::Float), &total)).collect();
        let means = self.group.mean(&Tensor::stack(&values, 0))?;
        // All figures of a step come to the host at once: for each copy it waits until the device has done all its work.
        let figures = [&total.reshape([1]), &means, &totals].map(|figures| figures.to_kind(Kind::Float));
        let figures = Vec::<f32>::try_from(host(&Tensor::cat(&figures, 0))).expect("figures are a vector of fp32");
        let (metrics, totals) = figures.split_at(1 + names.len());
        let names = std::iter::once("total_loss".to_owned()).chain(names);
        self.count_nans(totals, names.zip(metrics.iter().copied()).collect())
    }

    /// The log of a step whose loss is one of `totals` on each rank.
    fn count_nans(&mut self, totals: &[f32], metrics: Vec<(String, f32)>) -> Result<StepLog, TrainError> {
        let ranks: Vec<usize> = (0..totals.len()).filter(|rank| totals[*rank].is_nan()).collect();
        self.nans = if ranks.is_empty() { 0 } else { self.nans + 1 };
        let count = self.nans;
        let log = StepLog { metrics, nan_ranks: ranks, nans_in_a_row: count, gram_loaded: false, gram_updated: false };
        if count > NANS_ALLOWED && !self.config.training.multi_distillation {
            return Err(TrainError::TooManyNans { count, ranks: log.nan_ranks.clone(), log: Box::new(log) });
        }
        Ok(log)
    }

    /// `grad:<parameter>`.
    pub(super) fn show_gradients(&self, grads: &mut [Option<Tensor>], hooks: &mut Hooks) -> Result<(), TrainError> {
        if hooks.is_on() {
            let student = &self.weights.student;
            for (i, (name, slot)) in student.names().iter().zip(grads).enumerate() {
                let Some(grad) = slot else { continue };
                let whole = hooks.look(EntryKind::Grad.of(name), &student.whole(i, grad)?).into_replacement();
                if let Some(whole) = whole {
                    *slot = Some(student.rows_of(i, &whole));
                }
            }
        }
        Ok(())
    }

    /// `exp_avg:<parameter>`, `exp_avg_sq:<parameter>`, `param:<parameter>`.
    pub(super) fn show_optimizer(&self, hooks: &mut Hooks) -> Result<(), TrainError> {
        if hooks.is_on() {
            let student = &self.weights.student;
            for (i, slot) in self.optimizer.slots().iter().enumerate() {
                show_rows(student, i, &slot.exp_avg, EntryKind::ExpAvg, hooks)?;
                show_rows(student, i, &slot.exp_avg_sq, EntryKind::ExpAvgSq, hooks)?;
                show_rows(student, i, &slot.param, EntryKind::Param, hooks)?;
            }
        }
        Ok(())
    }

    /// The average after its update, and a Gram teacher that took new weights in this step: `param:<parameter>`.
    pub(super) fn show_teachers(&self, gram_teacher_changed: bool, hooks: &mut Hooks) -> Result<(), TrainError> {
        if !hooks.is_on() {
            return Ok(());
        }
        let gram_teacher = self.weights.gram_teacher.as_ref().filter(|_| gram_teacher_changed);
        for parameters in [&self.weights.teacher].into_iter().chain(gram_teacher) {
            for (i, rows) in parameters.rows().iter().enumerate() {
                show_rows(parameters, i, rows, EntryKind::Param, hooks)?;
            }
        }
        Ok(())
    }

    /// Shows what multiplies learning rate and weight decay of each of the student's P parameters: `groups:lr_multiplier` and
    /// `groups:wd_multiplier`, `[P]` float64, and `groups:is_last_layer`, `[P]` bool.
    pub fn show_groups(&self, hooks: &mut Hooks) {
        let all: Vec<_> = self.optimizer.slots().iter().map(|slot| slot.multipliers).collect();
        let of = |f: fn(&crate::optim::Multipliers) -> f64| Tensor::from_slice(&all.iter().map(f).collect::<Vec<_>>());
        hooks.summary(EntryKind::Groups.of("lr_multiplier"), &of(|it| it.lr));
        hooks.summary(EntryKind::Groups.of("wd_multiplier"), &of(|it| it.weight_decay));
        hooks.summary(EntryKind::Groups.of("is_last_layer"), &of(|it| f64::from(it.is_last_layer)).to_kind(Kind::Bool));
    }

    /// Shows the curves over all iterations: `schedule:lr` and so on, float64.
    pub fn show_schedules(&self, hooks: &mut Hooks) {
        let total = self.config.training.iterations();
        let mut show = |name: &str, curve: &crate::schedule::Curve| {
            hooks.summary(EntryKind::Schedule.of(name), &Tensor::from_slice(&curve.over(total)));
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
    /// `final:exp_avg_sq.student.…`. Every rank calls it, with a hook on all or on none.
    ///
    /// # Errors
    /// When a rank is gone.
    pub fn show_final(&self, hooks: &mut Hooks) -> Result<(), TrainError> {
        let student = &self.weights.student;
        let moments = |f: fn(&Slot) -> &Tensor| -> Vec<Tensor> {
            self.optimizer.slots().iter().map(|slot| f(slot).shallow_clone()).collect()
        };
        let mut show = |prefix: &str, all: Vec<(String, Tensor)>| {
            all.iter()
                .for_each(|(name, tensor)| hooks.summary(EntryKind::Final.of(format_args!("{prefix}{name}")), tensor));
        };
        show("", self.student()?);
        show("", self.teacher()?);
        show("exp_avg.", wholes(student, &moments(|slot| &slot.exp_avg))?);
        show("exp_avg_sq.", wholes(student, &moments(|slot| &slot.exp_avg_sq))?);
        Ok(())
    }
}

/// The name of the average of a student's parameter: `teacher.backbone.cls_token` of `student.backbone.cls_token`.
pub fn of_teacher(name: &str) -> String {
    format!("teacher.{}", name.split_once('.').map_or(name, |(_, within)| within))
}
