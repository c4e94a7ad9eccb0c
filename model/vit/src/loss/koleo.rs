//! KoLeo, the Kozachenko-Leonenko entropy of CLS tokens (`dinov3/loss/koleo_loss.py`; Sablayrolles et al., 2018).

use dinov3_config::Distributed;
use dinov3_ranks::{Alone, Group, GroupError};
use dinov3_torch::shim;
use tch::{Kind, Tensor, no_grad};
use thiserror::Error;

use super::normalize;
use crate::module::at_least_float;

const EPS: f64 = 1e-8;

/// The reason why the distributed loss cannot be computed.
#[derive(Debug, Error)]
pub enum KoLeoError {
    /// The size of the group in which nearest neighbours are looked for does not fit the images.
    #[error(
        "`dino.koleo_distributed_loss_group_size` is {given}; it must be a multiple of the rank's {local} images and divide all {global}"
    )]
    GroupSize {
        /// The size.
        given: i64,
        /// Images of a rank.
        local: i64,
        /// Images of all ranks.
        global: i64,
    },
    /// A rank is gone.
    #[error(transparent)]
    Group(#[from] GroupError),
}

/// `KoLeoLoss`: normalises `features`, `[B, D]`, and gives minus the mean log distance of each to its nearest neighbour among them. A scalar in
/// their dtype.
pub fn koleo_loss(features: &Tensor) -> Tensor {
    from_normalized(&normalize(features, EPS))
}

/// [`koleo_loss`] of features that are normalised already.
pub fn from_normalized(x: &Tensor) -> Tensor {
    let nearest = no_grad(|| without_diagonal(x.mm(&x.transpose(0, 1)), 0).max_dim(1, false).1);
    let distances = Tensor::pairwise_distance(x, &x.index(&[Some(&nearest)]), 2.0, EPS, false);
    -(distances + EPS).log().mean(None::<Kind>)
}

/// `KoLeoLossDistributed` of `features`, `[B, D]`, for a run of one rank. A scalar in fp32 at least.
///
/// # Errors
/// If the groups do not fit the number of images.
pub fn koleo_loss_alone(options: Distributed, features: &Tensor) -> Result<Tensor, KoLeoError> {
    let x = normalize(features, EPS);
    of_normalized(options, &x, &x, &Alone)
}

/// The loss of this rank's `x`, `[B, D]`, with neighbours among `all`, `[R B, D]`; both are on the unit sphere.
fn of_normalized(options: Distributed, x: &Tensor, all: &Tensor, group: &dyn Group) -> Result<Tensor, KoLeoError> {
    let ((local, dim), global) = (x.size2().expect("features are [B, D]"), all.size()[0]);
    let given = options.group_size.unwrap_or(global);
    if given == 0 || given % local != 0 || global % given != 0 {
        return Err(KoLeoError::GroupSize { given, local, global });
    }
    let (groups, rank) = (global / given, group.rank() as i64);
    let ranks_a_group = group.size() as i64 / groups;
    let all = all.view([groups, given, dim]).select(0, rank / ranks_a_group);
    let nearest = no_grad(|| {
        let dots = without_diagonal(x.mm(&all.transpose(0, 1)), rank % ranks_a_group * local);
        dots.topk(options.topk, 1, true, true).1
    });
    let repeated = x.unsqueeze(1).repeat([1, options.topk, 1]).flatten(0, 1);
    let neighbours = all.index(&[Some(&nearest)]).flatten(0, 1);
    let distances = Tensor::pairwise_distance(&repeated, &neighbours, 2.0, EPS, false);
    Ok(-(at_least_float(&distances) + EPS).log().mean(None::<Kind>))
}

/// `KoLeoLossDistributed` of several crops, `[B, D]` each. Gives the mean loss over crops and ranks, detached, and a term whose value is
/// `weight` times the mean and whose gradient is right.
///
/// A rank's features are neighbours of other ranks' features too, so other ranks' losses have gradients for them. libtorch offers no
/// collective that can be differentiated here. Therefore the gradients at the normalised features are computed first, exchanged as the
/// backward pass of the reference's `all_gather` does, and joined to the graph by a product with the features.
///
/// # Errors
/// If the groups do not fit the number of images, or a rank is gone.
pub fn koleo_loss_over_ranks(
    options: Distributed,
    crops: &[Tensor],
    weight: f64,
    group: &dyn Group,
) -> Result<(Tensor, Tensor), KoLeoError> {
    let leaf = |x: &Tensor| x.detach().set_requires_grad(true);
    let (mut normalised, mut losses, mut leaves) = (Vec::new(), Vec::new(), Vec::new());
    for crop in crops {
        let x = normalize(crop, EPS);
        let own = leaf(&x);
        let gathered: Vec<Tensor> = group.all_gather(&x)?.iter().map(leaf).collect();
        losses.push(of_normalized(options, &own, &Tensor::cat(&gathered, 0), group)?);
        normalised.push(x);
        leaves.push((own, gathered));
    }
    let mean = mean(&losses);
    (&mean * weight).backward();
    let mut carrier = mean.detach().zeros_like();
    for (x, (own, gathered)) in normalised.iter().zip(&leaves) {
        carrier += (x * gradient(own, gathered, group)?).sum(None::<Kind>);
    }
    let value = mean.detach() * weight;
    let term = value + (&carrier - carrier.detach());
    Ok((mean.detach(), term))
}

/// The mean of scalars, added one after another.
pub fn mean(losses: &[Tensor]) -> Tensor {
    let sum = losses[1..].iter().fold(losses[0].shallow_clone(), |sum, loss| sum + loss);
    sum / losses.len() as i64
}

/// The gradient at this rank's features: from its own losses, and from every rank's losses in which they are neighbours.
fn gradient(own: &Tensor, gathered: &[Tensor], group: &dyn Group) -> Result<Tensor, GroupError> {
    let taken = |leaf: &Tensor| shim::take_grad(leaf).unwrap_or_else(|| leaf.zeros_like().set_requires_grad(false));
    let for_all = Tensor::stack(&gathered.iter().map(taken).collect::<Vec<_>>(), 0);
    let from_all = group.all_gather(&for_all)?;
    let mine: Vec<Tensor> = from_all.iter().map(|grads| grads.select(0, group.rank() as i64)).collect();
    Ok(taken(own) + Tensor::stack(&mine, 0).sum_dim_intlist(&[0i64][..], false, None::<Kind>))
}

/// Dot products `[B, G]`, with -1 where a feature meets itself: on the diagonal that begins at column `first`.
fn without_diagonal(dots: Tensor, first: i64) -> Tensor {
    let _ = dots.diagonal(first, 0, 1).fill_(-1.0);
    dots
}

#[cfg(test)]
mod tests {
    use super::*;
    use dinov3_ranks::threads;
    use dinov3_torch::device::HOST;

    /// Two ranks with half the images each have, together, the loss and the gradient of one rank with all of them.
    #[test]
    fn ranks_are_each_others_neighbours() {
        let koleo = Distributed { topk: 2, group_size: None };
        let features = Tensor::rand([8, 5], (Kind::Double, HOST)) - 0.5;
        let whole = features.copy().set_requires_grad(true);
        let expected = koleo_loss_alone(koleo, &whole).unwrap();
        expected.backward();
        let ranks: Vec<(Tensor, Tensor)> = std::thread::scope(|scope| {
            let parts = features.split_with_sizes(&[4i64, 4][..], 0);
            let ranks = threads(2).into_iter().zip(parts).map(|(group, part)| {
                scope.spawn(move || {
                    let part = part.copy().set_requires_grad(true);
                    let (mean, term) =
                        koleo_loss_over_ranks(koleo, &[part.shallow_clone()], 1.0, group.as_ref()).unwrap();
                    term.backward();
                    (mean, part.grad())
                })
            });
            ranks.collect::<Vec<_>>().into_iter().map(|rank| rank.join().unwrap()).collect()
        });
        let loss = (&ranks[0].0 + &ranks[1].0) / 2.0;
        assert!((loss - expected.detach()).abs().double_value(&[]) < 1e-12);
        let grad = Tensor::cat(&[&ranks[0].1, &ranks[1].1], 0) / 2.0;
        assert!((grad - whole.grad()).abs().max().double_value(&[]) < 1e-12);
    }
}
