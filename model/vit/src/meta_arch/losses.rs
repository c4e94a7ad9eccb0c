//! The terms of the loss and their sum: `compute_losses`.

use dinov3_config::fault::Fault;
use dinov3_config::{GramConfig, KoLeo, TrainingConfig};
use dinov3_ranks::Group;
use tch::{Tensor, no_grad};

use super::{Batch, GramOutput, StudentOutput};
use crate::loss::dino::dino_loss;
use crate::loss::gram::gram_loss;
use crate::loss::ibot;
use crate::loss::koleo::{self, KoLeoError, koleo_loss, koleo_loss_alone, koleo_loss_over_ranks};

/// One entry of the reference's `loss_dict`.
#[derive(Debug)]
pub enum LossTerm {
    /// A loss, without dimensions.
    Value(Tensor),
    /// A weight out of a schedule.
    Weight(f64),
}

impl LossTerm {
    /// As a tensor: a weight is float64.
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
    /// What is differentiated.
    pub total: Tensor,
    /// `loss_dict`, in its order.
    pub terms: Vec<(&'static str, LossTerm)>,
}

/// The targets, and what holds at this iteration.
#[derive(Debug)]
pub struct Targets<'a> {
    /// `[2, B, K]`.
    pub cls_centered: &'a Tensor,
    /// `[M, K]`.
    pub masked_patch_centered: &'a Tensor,
    /// `dino.local_loss_weight_schedule` at this iteration, or one.
    pub local_weight: f64,
    /// What the Gram loss compares and its weight.
    pub gram: Option<(&'a GramConfig, &'a GramOutput, f64)>,
}

/// Sums the terms as the reference does, in its order, from what the student gives and what it is held against.
///
/// # Errors
/// When the groups of the distributed KoLeo do not fit the batch.
pub fn compute_losses(
    config: &TrainingConfig,
    batch: &Batch,
    student: &StudentOutput,
    targets: &Targets,
    group: &dyn Group,
    fault: Option<Fault>,
) -> Result<Losses, KoLeoError> {
    let images = batch.images();
    let by_crop = |x: &Tensor| x.unflatten(0, [x.size()[0] / images, images]);
    let (global, local) = (by_crop(&student.global_cls_after_head), by_crop(&student.local_cls_after_head));
    let (global_scale, local_scale) = scales(global.size()[0], local.size()[0], config.global_ignore_diagonal);
    let mut terms = Vec::new();

    let dino_local = dino_loss(&local, targets.cls_centered, false);
    let mut total = &dino_local * (config.dino_loss_weight * local_scale * targets.local_weight);
    terms.push(("dino_local_crops_loss", LossTerm::Value(dino_local)));
    terms.push(("dino_local_loss_weight", LossTerm::Weight(targets.local_weight)));

    let dino_global = dino_loss(&global, targets.cls_centered, config.global_ignore_diagonal);
    total += &dino_global * (config.dino_loss_weight * global_scale);
    terms.push(("dino_global_crops_loss", LossTerm::Value(dino_global)));

    let crops = by_crop(&student.global_cls_pre_head).unbind(0);
    let (koleo, weighted) = koleo_term(config, &crops, group, fault)?;
    total += weighted;
    terms.push(("koleo_loss", LossTerm::Value(koleo)));

    let ibot = ibot_loss(batch, student, targets, fault);
    total += &ibot * config.ibot_loss_weight;
    terms.push(("ibot_loss", LossTerm::Value(ibot)));

    if let Some((gram, output, weight)) = targets.gram {
        terms.push(("gram_loss_weight", LossTerm::Weight(weight)));
        let loss = gram_loss(gram.loss, &output.student, &output.teacher, gram.img_level);
        total += &loss * weight;
        terms.push(("gram_loss", LossTerm::Value(loss)));
        if gram.compute_stats {
            terms.extend(gram_statistics(gram, output, &batch.masks));
        }
    }
    Ok(Losses { total, terms })
}

/// The shares of the pairs that are global-global and global-local.
fn scales(global_crops: i64, local_crops: i64, ignore_diagonal: bool) -> (f64, f64) {
    let global = global_crops * if ignore_diagonal { global_crops - 1 } else { global_crops };
    let local = global_crops * local_crops;
    let all = (global + local) as f64;
    (global as f64 / all, local as f64 / all)
}

/// The mean KoLeo of the global crops, `[B, D]` each, and what it adds to the loss.
fn koleo_term(
    config: &TrainingConfig,
    crops: &[Tensor],
    group: &dyn Group,
    fault: Option<Fault>,
) -> Result<(Tensor, Tensor), KoLeoError> {
    let weight = config.koleo_loss_weight * crops.len() as f64;
    let of_crop = |x: &Tensor| match config.koleo {
        _ if fault == Some(Fault::KoLeoNotNormalised) => Ok(koleo::from_normalized(x)),
        KoLeo::Local => Ok(koleo_loss(x)),
        KoLeo::Distributed(distributed) => koleo_loss_alone(distributed, x),
    };
    if let (KoLeo::Distributed(distributed), true) = (config.koleo, group.size() > 1) {
        return koleo_loss_over_ranks(distributed, crops, weight, group);
    }
    let losses: Result<Vec<Tensor>, _> = crops.iter().map(of_crop).collect();
    let mean = koleo::mean(&losses?);
    let weighted = &mean * weight;
    Ok((mean, weighted))
}

fn ibot_loss(batch: &Batch, student: &StudentOutput, targets: &Targets, fault: Option<Fault>) -> Tensor {
    let loss = ibot::forward_masked(
        &student.masked_patch_after_head,
        targets.masked_patch_centered,
        &batch.masks,
        Some(&batch.masks_weight),
    );
    if fault == Some(Fault::IbotDividedByMaskedImages) {
        let masked = batch.masks.any_dim(-1, false).sum(None).double_value(&[]);
        return loss * (batch.masks.size()[0] as f64 / masked);
    }
    loss
}

/// The Gram loss of masked and of other patches, over the whole batch.
fn gram_statistics(gram: &GramConfig, output: &GramOutput, masks: &Tensor) -> [(&'static str, LossTerm); 2] {
    let over = |mask: &Tensor| {
        let chosen = |patches: &Tensor| crate::loss::gram::chosen(patches, mask);
        let student = chosen(&output.all_student.detach());
        LossTerm::Value(no_grad(|| gram_loss(gram.loss, &student, &chosen(&output.all_teacher), false)))
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
