//! The order in which Gloo's ring adds up the ranks' tensors. It decides how sums of more than two are rounded.

use std::iter;
use std::ops::Range;

use dinov3_torch::c10d::Reduce;
use tch::{Tensor, no_grad};

use super::ops::Plan;

/// The most bytes that Gloo sends at once.
const LARGEST_SEGMENT: usize = 1 << 20;

/// The elements, out of `elements` of `bytes` each, that end with each of `ranks` ranks: whole segments, at least two for each rank, of equal
/// length but for the last ones.
pub(super) fn parts(elements: usize, bytes: usize, ranks: usize) -> Vec<Range<usize>> {
    let largest = bytes * (LARGEST_SEGMENT / bytes).max(1);
    let segments = (elements * bytes).div_ceil(largest).max(2 * ranks).next_multiple_of(ranks);
    let segment = (elements * bytes).div_ceil(segments).div_ceil(bytes);
    let end = |rank: usize| (rank * (segments / ranks) * segment).min(elements);
    (0..ranks).map(|rank| end(rank)..end(rank + 1)).collect()
}

/// The result of `all_reduce` for the tensors of all ranks, which have one shape. A part that ends with rank r is added up from rank r - 1
/// downwards, cyclically.
pub(super) fn reduced(tensors: &[Tensor], plan: &Plan) -> Tensor {
    no_grad(|| {
        let scaled: Vec<Tensor> = tensors.iter().map(|it| plan.before(&it.detach())).collect();
        let mut result = added_up(&scaled, plan.reduce);
        plan.after(&mut result);
        result
    })
}

/// The same for tensors that are multiplied already.
pub(super) fn added_up(tensors: &[Tensor], reduce: Reduce) -> Tensor {
    let flat: Vec<Tensor> = tensors.iter().map(|it| it.reshape([-1])).collect();
    summed(&flat, 0, flat[0].numel(), reduce).reshape(tensors[0].size())
}

/// The place of a chunk within the larger chunk that it is scattered as a part of: its elements there, in ascending runs. With more than two
/// ranks, the place decides the order of additions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Within {
    /// The runs.
    pub runs: Vec<Range<usize>>,
    /// Elements of the larger chunk.
    pub chunk: usize,
}

impl Within {
    /// A chunk by itself.
    pub fn itself(elements: usize) -> Self {
        Self { runs: iter::once(0..elements).collect(), chunk: elements }
    }
}

/// The chunk of `rank`, added up from one piece of each rank as the ring does with the larger chunk.
pub(super) fn scattered(pieces: &[Tensor], rank: usize, within: &Within, reduce: Reduce) -> Tensor {
    let (ranks, mut done) = (pieces.len(), 0);
    if let ([one, other], Reduce::Sum) = (pieces, reduce) {
        // A single addition has no order.
        return one + other;
    }
    let run = |run: &Range<usize>| {
        let of_run: Vec<Tensor> = pieces.iter().map(|it| it.narrow(0, done as i64, run.len() as i64)).collect();
        done += run.len();
        summed(&of_run, rank * within.chunk + run.start, ranks * within.chunk, reduce)
    };
    let sums: Vec<Tensor> = within.runs.iter().map(run).collect();
    match &sums[..] {
        [whole] => whole.shallow_clone(),
        sums => Tensor::cat(sums, 0),
    }
}

/// The sum of one piece of each rank, added up as the ring does with a whole of `elements`, in which the pieces begin at `first`.
fn summed(pieces: &[Tensor], first: usize, elements: usize, reduce: Reduce) -> Tensor {
    let (ranks, end) = (pieces.len(), first + pieces[0].numel());
    let part = |(last, range): (usize, Range<usize>)| {
        let (start, end) = (range.start.max(first), range.end.min(end));
        let of = |rank: usize| pieces[rank % ranks].narrow(0, (start - first) as i64, (end - start) as i64);
        let sum = |sum: Tensor, behind: usize| together(&sum, &of(last + ranks - behind), reduce);
        (start < end).then(|| (2..=ranks).fold(of(last + ranks - 1), sum))
    };
    let parts = parts(elements, pieces[0].kind().elt_size_in_bytes(), ranks);
    let parts: Vec<Tensor> = parts.into_iter().enumerate().filter_map(part).collect();
    match &parts[..] {
        [] => pieces[0].shallow_clone(),
        [whole] => whole.shallow_clone(),
        parts => Tensor::cat(parts, 0),
    }
}

/// Each piece is multiplied already: a backend that multiplies also adds up.
fn together(a: &Tensor, b: &Tensor, reduce: Reduce) -> Tensor {
    match reduce {
        Reduce::Sum | Reduce::PremulSum(_) => a + b,
        Reduce::Max => a.maximum(b),
        Reduce::Min => a.minimum(b),
    }
}

#[cfg(test)]
mod tests {
    use dinov3_torch::device::HOST;
    use tch::Kind;

    use super::super::{PremulSum, ReduceOp};
    use super::*;

    /// Of numbers whose sum depends on the order: cut into pieces and runs, the same bits as the whole.
    #[test]
    fn parts_of_a_chunk_add_up_as_the_whole_does() {
        const CHUNK: usize = 1001;
        let one = |run: Range<usize>| iter::once(run).collect::<Vec<_>>();
        for ranks in [2, 3, 4] {
            let of = |rank: usize| {
                let places = Tensor::arange((ranks * CHUNK) as i64, (Kind::Double, HOST));
                // Two cancel out: what is left of the others depends on the order.
                ((places * 0.37).sin() * [1.0, 1e8, -1e8, 1.0][rank]).to_kind(Kind::Float)
            };
            let all: Vec<Tensor> = (0..ranks).map(of).collect();
            let plan = Plan::new(ReduceOp::Sum, PremulSum::Emulated, Kind::Float, ranks).unwrap();
            let (whole, mut others) = (reduced(&all, &plan), 0);
            for rank in 0..ranks {
                let chunk = |of: &Tensor| of.narrow(0, (rank * CHUNK) as i64, CHUNK as i64);
                let take = |of: &Tensor, runs: &[Range<usize>]| {
                    let run = |run: &Range<usize>| chunk(of).narrow(0, run.start as i64, run.len() as i64);
                    Tensor::cat(&runs.iter().map(run).collect::<Vec<_>>(), 0)
                };
                for runs in [one(0..CHUNK), vec![0..2, 250..252, 253..901], one(503..CHUNK)] {
                    let pieces: Vec<Tensor> = all.iter().map(|it| take(it, &runs)).collect();
                    let within = Within { runs: runs.clone(), chunk: CHUNK };
                    let sum = scattered(&pieces, rank, &within, Reduce::Sum);
                    assert_eq!(sum, take(&whole, &runs), "{ranks} ranks, {rank}, {runs:?}");
                    let itself = scattered(&pieces, rank, &Within::itself(sum.numel()), Reduce::Sum);
                    others += usize::from(itself != sum);
                }
            }
            // By itself a part is added up in another order where the ring's parts are not quite the ranks' chunks.
            assert_eq!(others > 0, ranks > 2, "{others}");
        }
    }

    #[test]
    fn parts_are_whole_segments() {
        assert_eq!(parts(16, 4, 4), [0..4, 4..8, 8..12, 12..16]);
        // Eight segments of one element: the last rank has none.
        assert_eq!(parts(5, 4, 4), [0..2, 2..4, 4..5, 5..5]);
        // Eight segments of 126, not of 125.125.
        assert_eq!(parts(1001, 4, 4), [0..252, 252..504, 504..756, 756..1001]);
        // As many segments as have at most a MiB.
        assert_eq!(parts(2_000_003, 4, 2), [0..1_000_004, 1_000_004..2_000_003]);
        assert_eq!(parts(0, 4, 2), [0..0, 0..0]);
    }
}
