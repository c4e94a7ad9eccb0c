//! The cut of a unit's parameters over the ranks, and their places in the buffer that is sent.

use std::ops::Range;

use dinov3_torch::device::{Device, empty};
use tch::{Kind, Tensor, no_grad};

/// Each parameter is cut along its first dimension into one chunk per rank, all with equally many rows; the last chunks are padded. A rank's
/// *shard* is its chunks, flat, one after another: `[shard]`. The buffer that is sent holds all shards, rank by rank.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    parts: Vec<Part>,
    shard: i64,
    rank: i64,
    ranks: i64,
}

#[derive(Clone, Debug)]
struct Part {
    shape: Vec<i64>,
    /// Elements of a row.
    row: i64,
    /// Rows of a chunk.
    each: i64,
    /// The begin of its chunk in a shard.
    offset: i64,
}

impl Part {
    /// The first row of `rank`, and its number of rows.
    fn rows(&self, rank: i64) -> (i64, i64) {
        let start = (self.each * rank).min(self.shape[0]);
        (start, self.each.min(self.shape[0] - start))
    }

    fn is_even(&self, ranks: i64) -> bool {
        self.each * ranks == self.shape[0]
    }

    /// The place of this rank's rows: their begin in its chunk, their begin in the whole parameter, and their length; both are flat.
    fn span(&self, rank: i64) -> (i64, i64, i64) {
        let (start, rows) = self.rows(rank);
        (self.offset, start * self.row, rows * self.row)
    }
}

impl Layout {
    /// The layout for parameters of these shapes, in order. Each has a dimension.
    pub(super) fn new(shapes: impl IntoIterator<Item = Vec<i64>>, rank: usize, ranks: usize) -> Self {
        let (rank, ranks) = (rank as i64, ranks as i64);
        let mut shard = 0;
        let part = |shape: Vec<i64>| {
            let (each, row) = ((shape[0] + ranks - 1) / ranks, shape[1..].iter().product());
            let part = Part { shape, row, each, offset: shard };
            shard += each * row;
            part
        };
        let parts = shapes.into_iter().map(part).collect();
        Self { parts, shard, rank, ranks }
    }

    /// The layout of some of the parameters.
    pub(super) fn of(&self, chosen: &[usize]) -> Self {
        let shapes = chosen.iter().map(|&i| self.parts[i].shape.clone());
        Self::new(shapes, self.rank as usize, self.ranks as usize)
    }

    /// The place of the chunk of parameter `i` in a shard.
    pub(super) fn run(&self, i: usize) -> Range<usize> {
        let part = &self.parts[i];
        part.offset as usize..(part.offset + part.each * part.row) as usize
    }

    /// Elements of a shard.
    pub(super) fn shard(&self) -> i64 {
        self.shard
    }

    /// The number of parameters.
    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    /// The elements of a rank's rows of parameter `i`, if every rank has as many.
    pub(super) fn even(&self, i: usize) -> Option<i64> {
        let part = &self.parts[i];
        part.is_even(self.ranks).then_some(part.each * part.row)
    }

    /// The shape of parameter `i`.
    pub(super) fn shape(&self, i: usize) -> &[i64] {
        &self.parts[i].shape
    }

    /// The first of this rank's rows of parameter `i`.
    pub(super) fn first_row(&self, i: usize) -> i64 {
        self.parts[i].rows(self.rank).0
    }

    /// This rank's rows of each parameter, which share the memory of `shard`, `[shard]`.
    pub(super) fn views(&self, shard: &Tensor) -> Vec<Tensor> {
        let view = |part: &Part| {
            let (rows, mut shape) = (part.rows(self.rank).1, part.shape.clone());
            shape[0] = rows;
            shard.narrow(0, part.offset, rows * part.row).view(shape.as_slice())
        };
        self.parts.iter().map(view).collect()
    }

    /// This rank's rows of parameter `i`, cut out of the whole.
    pub(super) fn rows(&self, i: usize, whole: &Tensor) -> Tensor {
        let (start, rows) = self.parts[i].rows(self.rank);
        whole.narrow(0, start, rows)
    }

    /// This rank's rows of parameter `i`, flat, padded to the length of every other rank's.
    pub(super) fn padded(&self, i: usize, rows: &Tensor) -> Tensor {
        let part = &self.parts[i];
        let flat = rows.reshape([-1]);
        let lacking = part.each * part.row - flat.numel() as i64;
        if lacking == 0 { flat } else { flat.constant_pad_nd([0, lacking]) }
    }

    /// Copies all shards, `[ranks · shard]`, into the whole parameters, which are contiguous.
    pub(super) fn unpack(&self, shards: &Tensor, wholes: &[Tensor]) {
        let shards = shards.view([self.ranks, self.shard]);
        no_grad(|| {
            for (part, whole) in self.parts.iter().zip(wholes) {
                if part.is_even(self.ranks) {
                    let length = part.each * part.row;
                    whole.view([self.ranks, length]).copy_(&shards.narrow(1, part.offset, length));
                    continue;
                }
                let flat = whole.view([-1]);
                for rank in 0..self.ranks {
                    let (offset, start, length) = part.span(rank);
                    flat.narrow(0, start, length).copy_(&shards.get(rank).narrow(0, offset, length));
                }
            }
        });
    }

    /// The reverse: puts whole parameters, or their gradients, into all shards, `[ranks · shard]`, in `kind`. Padding is zero.
    pub(super) fn pack(&self, wholes: &[Tensor], kind: Kind, device: Device) -> Tensor {
        let shape = [self.ranks, self.shard];
        let filled_up = self.parts.iter().any(|part| !part.is_even(self.ranks));
        let mut shards = empty(&shape, kind, device);
        if filled_up {
            let _ = shards.zero_();
        }
        no_grad(|| {
            for (part, whole) in self.parts.iter().zip(wholes) {
                if part.is_even(self.ranks) {
                    let length = part.each * part.row;
                    shards.narrow(1, part.offset, length).copy_(&whole.reshape([self.ranks, length]));
                    continue;
                }
                let flat = whole.reshape([-1]);
                for rank in 0..self.ranks {
                    let (offset, start, length) = part.span(rank);
                    shards.get(rank).narrow(0, offset, length).copy_(&flat.narrow(0, start, length));
                }
            }
        });
        shards.view([-1])
    }
}

#[cfg(test)]
mod tests {
    use dinov3_torch::device::HOST;

    use super::*;

    fn shapes() -> [Vec<i64>; 4] {
        [vec![1, 1, 3], vec![8, 2], vec![5], vec![6, 1]]
    }

    fn layout(rank: usize) -> Layout {
        Layout::new(shapes(), rank, 4)
    }

    /// Packed gradients are where the layout is told, whether or not something is filled up; tch has no name for the device.
    #[test]
    fn what_is_sent_is_on_the_device_that_was_asked_for() {
        for (shapes, filled_up) in [(shapes().to_vec(), true), (vec![vec![8, 2], vec![4]], false)] {
            let layout = Layout::new(shapes.clone(), 0, 4);
            assert_eq!(layout.parts.iter().any(|part| !part.is_even(4)), filled_up);
            let wholes: Vec<Tensor> = shapes.iter().map(|shape| empty(shape, Kind::Float, Device::META)).collect();
            assert_eq!(Device::of(&layout.pack(&wholes, Kind::Double, Device::META)), Device::META);
        }
    }

    #[test]
    fn ranks_have_rows_and_the_last_ones_fewer() {
        assert_eq!(layout(0).shard(), 3 + 4 + 2 + 2);
        let views = |rank: usize| {
            let shard = Tensor::zeros([11], (Kind::Float, HOST));
            layout(rank).views(&shard).iter().map(Tensor::size).collect::<Vec<_>>()
        };
        assert_eq!(views(0), [vec![1, 1, 3], vec![2, 2], vec![2], vec![2, 1]]);
        assert_eq!(views(2), [vec![0, 1, 3], vec![2, 2], vec![1], vec![2, 1]]);
        assert_eq!(views(3), [vec![0, 1, 3], vec![2, 2], vec![0], vec![0, 1]]);
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let options = (Kind::Float, HOST);
        let whole =
            |shape: Vec<i64>| Tensor::arange(shape.iter().product::<i64>(), options).view(shape.as_slice()) + 1.0;
        let wholes: Vec<Tensor> = shapes().into_iter().map(whole).collect();
        let packed = layout(0).pack(&wholes, Kind::Double, Device::Cpu);
        assert_eq!((packed.size(), packed.kind()), (vec![44], Kind::Double));
        for rank in 0..4 {
            let shard = packed.narrow(0, 11 * rank as i64, 11);
            for (i, view) in layout(rank).views(&shard).into_iter().enumerate() {
                assert_eq!(view.to_kind(Kind::Float), layout(rank).rows(i, &wholes[i]), "rank {rank}, parameter {i}");
            }
        }
        let back: Vec<Tensor> = shapes().iter().map(|shape| Tensor::zeros(shape.as_slice(), options)).collect();
        layout(0).unpack(&packed, &back);
        assert_eq!(back, wholes);
        // Of the last rank's eleven elements four are of a parameter that has rows for it.
        assert_eq!(packed.narrow(0, 33, 11).count_nonzero(None::<i64>).int64_value(&[]), 4);
    }
}
