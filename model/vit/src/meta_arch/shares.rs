//! The batches of all ranks, shared among the ranks of each student.

use dinov3_ranks::{Group, GroupError};
use tch::Tensor;

/// A rank's place among those of its student, who together compute what all ranks have loaded: `broadcast_to_subgroups`.
#[derive(Debug)]
pub struct Shares<'a> {
    /// All ranks.
    pub all: &'a dyn Group,
    /// This rank among those of its student.
    pub rank: i64,
    /// The ranks of its student.
    pub ranks: i64,
    /// So many of the loaded images are trained on, the first ones; all with `None`.
    pub images: Option<i64>,
}

impl Shares<'_> {
    /// Of `[a, b · each, …]`, b images on each rank, those of this rank of its student: `[a, images / ranks · each, …]`.
    ///
    /// # Errors
    /// When a rank is gone.
    pub fn of(&self, tensor: &Tensor, each: i64) -> Result<Tensor, GroupError> {
        let all = Tensor::cat(&self.all.all_gather(tensor)?, 1);
        let rows = self.images.map_or(all.size()[1], |images| images * each);
        let own = rows / self.ranks;
        Ok(all.narrow(1, self.rank * own, own).contiguous())
    }
}

#[cfg(test)]
mod tests {
    use dinov3_ranks::{Alone, threads};
    use tch::Kind;

    use super::*;

    fn numbers(tensor: &Tensor) -> Vec<i64> {
        Vec::try_from(tensor.flatten(0, -1)).unwrap()
    }

    /// Four ranks load two images each, of which six are trained on: the two ranks of a student have three of them, in the order of the
    /// ranks that loaded them.
    #[test]
    fn the_ranks_of_a_student_share_all_images() {
        let shared: Vec<Vec<i64>> = std::thread::scope(|scope| {
            let ranks = threads(4).into_iter().enumerate().map(|(rank, all)| {
                scope.spawn(move || {
                    // Two crops of images 2 r and 2 r + 1, of which each has two tokens.
                    let first = rank as i64 * 4;
                    let crop = Tensor::arange_start(first, first + 4, (Kind::Int64, tch::Device::Cpu));
                    let crops = Tensor::stack(&[&crop, &(&crop + 100)], 0);
                    let shares = Shares { all: all.as_ref(), rank: rank as i64 % 2, ranks: 2, images: Some(6) };
                    numbers(&shares.of(&crops, 2).unwrap())
                })
            });
            ranks.collect::<Vec<_>>().into_iter().map(|rank| rank.join().unwrap()).collect()
        });
        let first = vec![0, 1, 2, 3, 4, 5, 100, 101, 102, 103, 104, 105];
        let second = vec![6, 7, 8, 9, 10, 11, 106, 107, 108, 109, 110, 111];
        assert_eq!(shared, [first.clone(), second.clone(), first, second]);
    }

    #[test]
    fn one_rank_keeps_what_it_has() {
        let tensor = Tensor::arange(8, (Kind::Int64, tch::Device::Cpu)).view([2, 4]);
        let shares = Shares { all: &Alone, rank: 0, ranks: 1, images: None };
        assert_eq!(shares.of(&tensor, 1).unwrap(), tensor);
    }
}
