//! The terms of the loss and their sum: `compute_losses`.

use dinov3_config::{GramConfig, KoLeo, TrainingConfig};
use dinov3_names::Kind as EntryKind;
use dinov3_ranks::Group;
use tch::{Tensor, no_grad};

use super::{Batch, GramOutput, StudentOutput};
use crate::hook::Hooks;
use crate::loss::dino::dino_loss;
use crate::loss::gram::gram_loss;
use crate::loss::ibot;
use crate::loss::koleo::{KoLeoError, koleo_loss, koleo_loss_alone, koleo_loss_over_ranks, mean};

/// One entry of the reference's `loss_dict`.
#[derive(Debug)]
pub enum LossTerm {
    /// A loss, without dimensions.
    Value(Tensor),
    /// A weight out of a schedule.
    Weight(f64),
}

impl LossTerm {
    /// The term as a tensor; a weight is float64.
    pub fn to_tensor(&self) -> Tensor {
        match self {
            LossTerm::Value(value) => value.detach(),
            LossTerm::Weight(weight) => Tensor::from(*weight),
        }
    }
}

/// The loss of a step.
#[derive(Debug)]
pub struct Losses {
    /// The sum that is differentiated.
    pub total: Tensor,
    /// `loss_dict`, in its order.
    pub terms: Vec<(&'static str, LossTerm)>,
}

/// The targets, and the weights of this iteration.
#[derive(Debug)]
pub struct Targets<'a> {
    /// `[2, B, K]`.
    pub cls_centered: &'a Tensor,
    /// `[M, K]`.
    pub masked_patch_centered: &'a Tensor,
    /// `dino.local_loss_weight_schedule` at this iteration, or one.
    pub local_weight: f64,
    /// The inputs of the Gram loss, and its weight.
    pub gram: Option<(&'a GramConfig, &'a GramOutput, f64)>,
}

/// Sums the terms in the reference's order, from the student's outputs and the targets. Shows each term before adding it, `loss:<term>`, and
/// then `loss:total_loss`.
///
/// # Errors
/// If the groups of the distributed KoLeo do not fit the batch.
pub fn compute_losses(
    config: &TrainingConfig,
    batch: &Batch,
    student: &StudentOutput,
    targets: &Targets,
    group: &dyn Group,
    hooks: &mut Hooks,
) -> Result<Losses, KoLeoError> {
    let images = batch.images();
    let by_crop = |x: &Tensor| x.unflatten(0, [x.size()[0] / images, images]);
    let (global, local) = (by_crop(&student.global_cls_after_head), by_crop(&student.local_cls_after_head));
    let (global_scale, local_scale) = scales(global.size()[0], local.size()[0], config.global_ignore_diagonal);
    let mut terms = Terms::default();

    let dino_local = dino_loss(&local, targets.cls_centered, false);
    let dino_local = terms.value("dino_local_crops_loss", dino_local, hooks);
    let local_weight = terms.weight("dino_local_loss_weight", targets.local_weight, hooks);
    let mut total = dino_local * (config.dino_loss_weight * local_scale * local_weight);

    let dino_global = dino_loss(&global, targets.cls_centered, config.global_ignore_diagonal);
    let dino_global = terms.value("dino_global_crops_loss", dino_global, hooks);
    total += dino_global * (config.dino_loss_weight * global_scale);

    let crops = by_crop(&student.global_cls_pre_head).unbind(0);
    total += koleo_term(config, &crops, group, &mut terms, hooks)?;

    let ibot = terms.value("ibot_loss", ibot_loss(batch, student, targets), hooks);
    total += ibot * config.ibot_loss_weight;

    if let Some((gram, output, weight)) = targets.gram {
        let weight = terms.weight("gram_loss_weight", weight, hooks);
        let loss = gram_loss(gram.loss, &output.student, &output.teacher, gram.img_level);
        total += terms.value("gram_loss", loss, hooks) * weight;
        if gram.compute_stats {
            for (name, loss) in gram_statistics(gram, output, &batch.masks) {
                let _ = terms.value(name, loss, hooks);
            }
        }
    }
    let total = hooks.value(EntryKind::Loss.of("total_loss"), total);
    Ok(Losses { total, terms: terms.0 })
}

/// The terms so far.
#[derive(Default)]
struct Terms(Vec<(&'static str, LossTerm)>);

impl Terms {
    /// Shows a loss, and gives the loss to add.
    fn value(&mut self, name: &'static str, loss: Tensor, hooks: &mut Hooks) -> Tensor {
        let loss = hooks.value(EntryKind::Loss.of(name), loss);
        self.0.push((name, LossTerm::Value(loss.shallow_clone())));
        loss
    }

    /// Shows the weight of a schedule in float64, and gives the weight to multiply by.
    fn weight(&mut self, name: &'static str, weight: f64, hooks: &mut Hooks) -> f64 {
        let weight = match hooks.is_on() {
            true => hooks.value(EntryKind::Loss.of(name), Tensor::from(weight)).double_value(&[]),
            false => weight,
        };
        self.0.push((name, LossTerm::Weight(weight)));
        weight
    }
}

/// The shares of global-global and global-local pairs.
fn scales(global_crops: i64, local_crops: i64, ignore_diagonal: bool) -> (f64, f64) {
    let global = global_crops * if ignore_diagonal { global_crops - 1 } else { global_crops };
    let local = global_crops * local_crops;
    let all = (global + local) as f64;
    (global as f64 / all, local as f64 / all)
}

/// The term of the mean KoLeo of the global crops, `[B, D]` each.
fn koleo_term(
    config: &TrainingConfig,
    crops: &[Tensor],
    group: &dyn Group,
    terms: &mut Terms,
    hooks: &mut Hooks,
) -> Result<Tensor, KoLeoError> {
    let weight = config.koleo_loss_weight * crops.len() as f64;
    let of_crop = |x: &Tensor| match config.koleo {
        KoLeo::Local => Ok(koleo_loss(x)),
        KoLeo::Distributed(distributed) => koleo_loss_alone(distributed, x),
    };
    if let (KoLeo::Distributed(distributed), true) = (config.koleo, group.size() > 1) {
        let (mean, weighted) = koleo_loss_over_ranks(distributed, crops, weight, group)?;
        let shown = hooks.look(EntryKind::Loss.of("koleo_loss"), &mean).into_replacement();
        terms.0.push(("koleo_loss", LossTerm::Value(shown.as_ref().unwrap_or(&mean).shallow_clone())));
        // The derivative is that of `weighted`: a hook's answer for the mean changes the value only.
        return Ok(shown.map_or(weighted.shallow_clone(), |mean| mean * weight + (&weighted - weighted.detach())));
    }
    let losses: Result<Vec<Tensor>, _> = crops.iter().map(of_crop).collect();
    Ok(terms.value("koleo_loss", mean(&losses?), hooks) * weight)
}

fn ibot_loss(batch: &Batch, student: &StudentOutput, targets: &Targets) -> Tensor {
    ibot::forward_masked(
        &student.masked_patch_after_head,
        targets.masked_patch_centered,
        &batch.masks,
        Some(&batch.masks_weight),
    )
}

/// The Gram losses of masked and of unmasked patches, over the whole batch.
fn gram_statistics(gram: &GramConfig, output: &GramOutput, masks: &Tensor) -> [(&'static str, Tensor); 2] {
    let over = |mask: &Tensor| {
        let chosen = |patches: &Tensor| crate::loss::gram::chosen(patches, mask);
        let student = chosen(&output.all_student.detach());
        no_grad(|| gram_loss(gram.loss, &student, &chosen(&output.all_teacher), false))
    };
    [("stats_only/masked_gram_loss", over(masks)), ("stats_only/unmasked_gram_loss", over(&masks.logical_not()))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_weighted_by_their_number() {
        assert_eq!(scales(2, 8, true), (2.0 / 18.0, 16.0 / 18.0));
        assert_eq!(scales(2, 8, false), (4.0 / 20.0, 16.0 / 20.0));
    }
}
