//! How a unit's parameters are gathered: large ones straight into their own memory, small ones together.
//!
//! Gradients are scattered together, since their places in one buffer decide in which order more than two ranks add them up.

use tch::{Kind, Tensor};

use super::Sharding;
use super::layout::Layout;
use crate::dist::{GroupError, Pending};

/// Bytes of a rank's rows, of as many rows on each rank, from which a parameter is sent by itself: a copy into what is sent together costs
/// more than one collective more.
const LARGE: i64 = 1 << 18;

/// Parameters on their way.
#[derive(Debug)]
pub(super) struct Gathering {
    direct: Vec<Pending>,
    together: Option<Together>,
}

/// Small parameters, and what all of their shards become.
#[derive(Debug)]
struct Together {
    which: Vec<usize>,
    layout: Layout,
    shards: Pending,
}

impl Gathering {
    /// Starts to gather the parameters of `shard`, `[shard]`, in the dtype that computes, into `wholes`. Both stay until the end was waited for.
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

    /// Waits until `wholes` are there.
    pub(super) fn wait(self, wholes: &[Tensor]) -> Result<(), GroupError> {
        // All are waited for, also after one has failed: they write to memory that must stay.
        let direct: Vec<_> = self.direct.into_iter().map(Pending::wait).collect();
        if let Some(Together { which, layout, shards }) = self.together {
            let small: Vec<Tensor> = which.iter().map(|&i| wholes[i].shallow_clone()).collect();
            layout.unpack(&shards.wait()?, &small);
        }
        direct.into_iter().try_for_each(|gathered| gathered.map(drop))
    }
}

/// The parameters that are sent by themselves, and the others.
fn apart(layout: &Layout, kind: Kind, ranks: usize) -> (Vec<usize>, Vec<usize>) {
    let bytes = kind.elt_size_in_bytes() as i64;
    let is_large = |i: &usize| layout.even(*i).is_some_and(|elements| elements * bytes >= LARGE);
    (0..layout.len()).partition(|i| ranks > 1 && is_large(i))
}
