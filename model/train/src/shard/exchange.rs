//! Gathering a unit's parameters and scattering their gradients. Large tensors are sent from their own memory, small ones together.
//!
//! FSDP2 scatters all gradients of a unit in one buffer, and the place of a gradient in it decides the order in which more than two ranks add
//! it up. Each gradient is added up here as in that buffer.

use dinov3_ranks::{GroupError, Pending, Within};
use dinov3_torch::device::Device;
use tch::{Kind, Tensor};

use super::Sharding;
use super::layout::Layout;

/// The least bytes of a rank's rows for which a parameter or a gradient is sent by itself, if all ranks have as many rows. A copy into the
/// common buffer would cost more than another collective.
const LARGE: i64 = 1 << 18;

/// Parameters that are being gathered.
#[derive(Debug)]
pub(super) struct Gathering {
    direct: Vec<Pending>,
    together: Option<Together>,
}

/// The small parameters, and the buffer of their shards.
#[derive(Debug)]
struct Together {
    which: Vec<usize>,
    layout: Layout,
    shards: Pending,
}

impl Gathering {
    /// Starts to gather the parameters of `shard`, `[shard]`, in the dtype that computes, into `wholes`. Both must stay until the wait returns.
    pub(super) fn start(
        layout: &Layout,
        sharding: &Sharding,
        shard: &Tensor,
        wholes: &[Tensor],
    ) -> Result<Self, GroupError> {
        let group = &sharding.group;
        let (large, small) = apart(layout, shard.kind(), group.size());
        let rows = layout.views(shard);
        let direct = large.iter().map(|&i| group.start_all_gather_into(&rows[i], &wholes[i]));
        let direct = direct.collect::<Result<_, _>>()?;
        if small.is_empty() {
            return Ok(Self { direct, together: None });
        }
        let padded: Vec<Tensor> = small.iter().map(|&i| layout.padded(i, &rows[i])).collect();
        let shards = group.start_all_gather(&Tensor::cat(&padded, 0))?;
        let together = Some(Together { layout: layout.of(&small), which: small, shards });
        Ok(Self { direct, together })
    }

    /// Waits until `wholes` are complete.
    pub(super) fn wait(self, wholes: &[Tensor]) -> Result<(), GroupError> {
        // Waits for all, even after one has failed, since they write to memory that must stay.
        let direct: Vec<_> = self.direct.into_iter().map(Pending::wait).collect();
        if let Some(Together { which, layout, shards }) = self.together {
            let small: Vec<Tensor> = which.iter().map(|&i| wholes[i].shallow_clone()).collect();
            layout.unpack(&shards.wait()?, &small);
        }
        direct.into_iter().try_for_each(|gathered| gathered.map(drop))
    }
}

/// Gradients that are being reduced.
#[derive(Debug)]
pub(super) struct Scattering {
    /// The numbers of the gradients, and their results.
    direct: Vec<(usize, Pending)>,
    together: Option<(Vec<usize>, Layout, Pending)>,
}

impl Scattering {
    /// Starts to reduce whole gradients, each with the number of its parameter in the layout, and to scatter them in `master`, on `device`.
    pub(super) fn start(
        layout: &Layout,
        sharding: &Sharding,
        grads: Vec<(usize, Tensor)>,
        (master, device): (Kind, Device),
    ) -> Result<Self, GroupError> {
        let Sharding { group, gradient_op, .. } = sharding;
        let which: Vec<usize> = grads.iter().map(|(i, _)| *i).collect();
        // As FSDP2 would send them.
        let sent = layout.of(&which);
        let within =
            |of: &[usize]| Within { runs: of.iter().map(|&at| sent.run(at)).collect(), chunk: sent.shard() as usize };
        let (large, _) = apart(&sent, master, group.size());
        let by_itself = |at: &usize| {
            let grad = &grads[*at].1;
            // Whether a gradient is contiguous must not decide: ranks could differ in it.
            grad.kind() == master && Device::of(grad) == device && large.contains(at)
        };
        let (large, small): (Vec<usize>, Vec<usize>) = (0..sent.len()).partition(by_itself);
        let start = |&at: &usize| {
            let grad = grads[at].1.reshape([-1]);
            Ok((which[at], group.start_reduce_scatter_within(&grad, *gradient_op, &within(&[at]))?))
        };
        let direct = large.iter().map(start).collect::<Result<_, GroupError>>()?;
        if small.is_empty() {
            return Ok(Self { direct, together: None });
        }
        let layout = sent.of(&small);
        let packed: Vec<Tensor> = small.iter().map(|&at| grads[at].1.shallow_clone()).collect();
        let packed = layout.pack(&packed, master, device);
        let pending = group.start_reduce_scatter_within(&packed, *gradient_op, &within(&small))?;
        Ok(Self { direct, together: Some((small.iter().map(|&at| which[at]).collect(), layout, pending)) })
    }

    /// Waits for this rank's rows of each gradient, and gives them with the parameter's number.
    pub(super) fn wait(self, layout: &Layout) -> Result<Vec<(usize, Tensor)>, GroupError> {
        // Waits for all, even after one has failed, since a dropped message leaves its receiver waiting.
        let direct: Vec<_> = self.direct.into_iter().map(|(i, pending)| (i, pending.wait())).collect();
        let together = self.together.map(|(which, layout, pending)| (which, layout, pending.wait()));
        let mut rows = Vec::new();
        for (i, shard) in direct {
            rows.extend(layout.of(&[i]).views(&shard?).into_iter().map(|grad| (i, grad)));
        }
        if let Some((which, layout, shard)) = together {
            rows.extend(which.into_iter().zip(layout.views(&shard?)));
        }
        Ok(rows)
    }
}

/// The parameters that are sent by themselves, and those that are sent together.
fn apart(layout: &Layout, kind: Kind, ranks: usize) -> (Vec<usize>, Vec<usize>) {
    let bytes = kind.elt_size_in_bytes() as i64;
    let is_large = |i: &usize| layout.even(*i).is_some_and(|elements| elements * bytes >= LARGE);
    (0..layout.len()).partition(|i| ranks > 1 && is_large(i))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use dinov3_ranks::threads;
    use dinov3_torch::device::HOST;

    /// Two large gradients between small ones, some of which ranks cannot share evenly: what each rank gets has the bits of one buffer that
    /// is reduced and scattered as a whole. In that, the ring's parts are not quite the ranks' chunks, so that first elements of the first
    /// gradient are added up in another order than the rest.
    ///
    /// Seen red: large ones that are added up as if they lay in no buffer.
    #[test]
    fn gradients_sent_by_themselves_are_added_up_as_in_one_buffer() {
        const RANKS: usize = 4;
        let shapes = || [vec![512, 512], vec![8, 3], vec![5], vec![512, 520], vec![1]];
        let grad = |rank: usize, i: usize, shape: &[i64]| {
            let places = Tensor::arange(shape.iter().product::<i64>(), (Kind::Double, HOST));
            // Of four, two cancel out: what is left of the others depends on the order.
            let scale = [1.0, 1e8, 1.0, -1e8][rank];
            ((places * 0.37 + (10 * i) as f64).sin() * scale).to_kind(Kind::Float).view(shape)
        };
        thread::scope(|scope| {
            for (rank, group) in threads(RANKS).into_iter().enumerate() {
                scope.spawn(move || {
                    let layout = Layout::new(shapes(), rank, RANKS);
                    let sharding = Sharding::over(group);
                    let grads: Vec<Tensor> = shapes().iter().enumerate().map(|(i, it)| grad(rank, i, it)).collect();
                    assert_eq!(apart(&layout, Kind::Float, RANKS).0, [0, 3]);
                    let packed = layout.pack(&grads, Kind::Float, Device::Cpu);
                    let whole = sharding.group.start_reduce_scatter(&packed, sharding.gradient_op).unwrap();
                    let expected = layout.views(&whole.wait().unwrap());

                    let numbered = grads.into_iter().enumerate().collect();
                    let to = (Kind::Float, Device::Cpu);
                    let scattering = Scattering::start(&layout, &sharding, numbered, to).unwrap();
                    let rows = scattering.wait(&layout).unwrap();
                    assert_eq!(rows.len(), expected.len());
                    for (i, rows) in rows {
                        assert_eq!(rows, expected[i], "rank {rank}, parameter {i}");
                    }
                });
            }
        });
    }
}
