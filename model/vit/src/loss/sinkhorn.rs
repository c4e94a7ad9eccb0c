//! Sinkhorn-Knopp centering of the teacher's logits (Caron et al., 2020): `sinkhorn_knopp_teacher` of DINO and of iBOT.

use dinov3_ranks::{Group, GroupError};
use tch::{Tensor, no_grad};

use crate::module::at_least_float;

/// The number of rounds. The reference's caller never passes another.
pub const ITERATIONS: usize = 3;

/// The number of samples over all ranks, by which the columns are divided.
#[derive(Debug)]
pub enum Samples<'a> {
    /// Every rank has as many as this one: DINO.
    Equal,
    /// `[1]` int64, the number of this rank: iBOT. The tensor is summed over the ranks **in place**, as the reference does.
    Counted(&'a mut Tensor),
}

/// Turns teacher logits `[B, K]` into assignments `[B, K]`, fp32 at least. Rows sum to one; columns, over all ranks, are as even as
/// `iterations` rounds make them.
///
/// The matrix is transposed, as in the reference: libtorch's sums run in the order of memory, so the layout is part of the bits.
///
/// # Errors
/// If a rank is gone.
pub fn sinkhorn_knopp(
    logits: &Tensor,
    temperature: f64,
    samples: Samples,
    iterations: usize,
    group: &dyn Group,
) -> Result<Tensor, GroupError> {
    no_grad(|| {
        let mut q = (at_least_float(logits) / temperature).exp_().transpose(0, 1);
        let prototypes = q.size()[0];
        let columns = match samples {
            Samples::Equal => Columns::Number(q.size()[1] * group.size() as i64),
            Samples::Counted(count) => {
                group.all_reduce_(count)?;
                Columns::Tensor(count.shallow_clone())
            }
        };
        let mut sum = q.sum(None);
        group.all_reduce_(&mut sum)?;
        let _ = q.g_div_(&sum);
        for _ in 0..iterations {
            let mut rows = q.sum_dim_intlist(&[1i64][..], true, None);
            group.all_reduce_(&mut rows)?;
            let _ = q.g_div_(&rows);
            let _ = q.g_div_scalar_(prototypes);
            let _ = q.g_div_(&q.sum_dim_intlist(&[0i64][..], true, None));
            columns.divide(&mut q);
        }
        columns.multiply(&mut q);
        Ok(q.transpose(0, 1))
    })
}

enum Columns {
    Number(i64),
    Tensor(Tensor),
}

impl Columns {
    fn divide(&self, q: &mut Tensor) {
        let _ = match self {
            Columns::Number(count) => q.g_div_scalar_(*count),
            Columns::Tensor(count) => q.g_div_(count),
        };
    }

    fn multiply(&self, q: &mut Tensor) {
        let _ = match self {
            Columns::Number(count) => q.g_mul_scalar_(*count),
            Columns::Tensor(count) => q.g_mul_(count),
        };
    }
}

#[cfg(test)]
mod tests {
    use dinov3_torch::device::HOST;

    use super::*;
    use dinov3_ranks::{Alone, threads};
    use tch::Kind;

    #[test]
    fn rows_sum_to_one_and_columns_even_out() {
        tch::manual_seed(1);
        let logits = Tensor::randn([6, 4], (Kind::Float, HOST));
        let spread = |iterations| {
            let q = sinkhorn_knopp(&logits, 0.5, Samples::Equal, iterations, &Alone).unwrap();
            let rows = q.sum_dim_intlist(&[1i64][..], false, None);
            assert!((rows - 1.0).abs().max().double_value(&[]) < 1e-5);
            let columns = q.sum_dim_intlist(&[0i64][..], false, None);
            (columns - 1.5).abs().max().double_value(&[])
        };
        assert!(spread(3) < spread(2) && spread(2) < spread(1), "each round evens the columns out");
    }

    /// Two ranks with half the samples each assign them as one rank with all of them does.
    #[test]
    fn ranks_share_the_prototypes() {
        tch::manual_seed(2);
        let logits = Tensor::randn([6, 4], (Kind::Double, HOST));
        let whole = sinkhorn_knopp(&logits, 0.5, Samples::Equal, 3, &Alone).unwrap();
        let parts = logits.split_with_sizes(&[4i64, 2][..], 0);
        let assigned: Vec<Tensor> = std::thread::scope(|scope| {
            let ranks: Vec<_> = threads(2)
                .into_iter()
                .zip(parts)
                .map(|(group, part)| {
                    scope.spawn(move || {
                        let mut count = Tensor::from_slice(&[part.size()[0]]);
                        let q = sinkhorn_knopp(&part, 0.5, Samples::Counted(&mut count), 3, group.as_ref()).unwrap();
                        assert_eq!(count.int64_value(&[0]), 6, "the caller's count is reduced in place");
                        q
                    })
                })
                .collect();
            ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
        });
        assert!((Tensor::cat(&assigned, 0) - whole).abs().max().double_value(&[]) < 1e-12);
    }
}
