//! KoLeo, the Kozachenko-Leonenko entropy of CLS tokens (`dinov3/loss/koleo_loss.py`; Sablayrolles et al., 2018).

use tch::{Kind, Tensor, no_grad};
use thiserror::Error;

use super::normalize;
use crate::module::at_least_float;

const EPS: f64 = 1e-8;

/// A group of images that the nearest neighbours cannot be looked for in.
#[derive(Debug, Error)]
#[error(
    "`dino.koleo_distributed_loss_group_size` is {given}; it must be a multiple of the rank's {local} images and divide all {global}"
)]
pub struct GroupSizeError {
    given: i64,
    local: i64,
    global: i64,
}

/// `KoLeoLoss`: minus the mean log distance of each of `features`, `[B, D]`, to its nearest neighbour among them, once they
/// are on the unit sphere. A scalar in their dtype.
pub fn koleo_loss(features: &Tensor) -> Tensor {
    from_normalized(&normalize(features, EPS))
}

/// [`koleo_loss`] of features that are taken for normalised.
pub(crate) fn from_normalized(x: &Tensor) -> Tensor {
    let nearest = no_grad(|| without_diagonal(x.mm(&x.transpose(0, 1)), 0).max_dim(1, false).1);
    let distances = Tensor::pairwise_distance(x, &x.index(&[Some(&nearest)]), 2.0, EPS, false);
    -(distances + EPS).log().mean(None::<Kind>)
}

/// `KoLeoLossDistributed` of one rank: the `topk` nearest neighbours of each of `features`, `[B, D]`, in groups of `group_size`
/// images (`None`: all). A scalar, fp32 at least.
///
/// # Errors
/// When the groups do not fit the number of images.
pub fn koleo_loss_distributed(features: &Tensor, topk: i64, group_size: Option<i64>) -> Result<Tensor, GroupSizeError> {
    let (local, dim) = features.size2().expect("features are [B, D]");
    let given = group_size.unwrap_or(local);
    // One rank: its own images are all there are.
    if given == 0 || given % local != 0 || local % given != 0 {
        return Err(GroupSizeError { given, local, global: local });
    }
    let x = normalize(features, EPS);
    let all = x.view([local / given, given, dim]).select(0, 0);
    let nearest = no_grad(|| without_diagonal(x.mm(&all.transpose(0, 1)), 0).topk(topk, 1, true, true).1);
    let repeated = x.unsqueeze(1).repeat([1, topk, 1]).flatten(0, 1);
    let distances = Tensor::pairwise_distance(&repeated, &all.index(&[Some(&nearest)]).flatten(0, 1), 2.0, EPS, false);
    Ok(-(at_least_float(&distances) + EPS).log().mean(None::<Kind>))
}

/// Dot products `[B, G]` with -1 where a row meets itself, which is at column `first` of the first.
fn without_diagonal(dots: Tensor, first: i64) -> Tensor {
    let _ = dots.diagonal(first, 0, 1).fill_(-1.0);
    dots
}
