//! The collectives of a [`ProcessGroup`]. A call that the backend cannot carry out is refused before anything is sent, since it would end the
//! process or break later collectives.

use dinov3_torch::c10d::{Links, Trouble, Work};
use dinov3_torch::device::{self, Device};
use tch::{Kind, Tensor, no_grad};

use super::ProcessGroup;
use crate::error::{Collective, Failure, GroupError};
use crate::ops::{Plan, ReduceOp};
use crate::{Group, Pending, Within, ring, rows_of_chunk};

/// The dtypes that backends exchange. The index of a dtype is its code between ranks.
const KINDS: [Kind; 9] = [
    Kind::Double,
    Kind::Float,
    Kind::Half,
    Kind::BFloat16,
    Kind::Int64,
    Kind::Int,
    Kind::Int8,
    Kind::Uint8,
    Kind::Bool,
];

/// The most dimensions that tensors of different shapes may have.
const DIMS: usize = 8;

/// A collective that the backend carries out.
#[derive(Debug)]
pub(crate) struct Running {
    group: ProcessGroup,
    collective: Collective,
    works: Vec<Work>,
    result: Coming,
}

/// The result of a collective.
#[derive(Debug)]
enum Coming {
    Whole(Tensor),
    Reduced(Reduction),
}

/// A reduce-scatter that has been started.
#[derive(Debug)]
struct Reduction {
    plan: Plan,
    /// This rank's chunk of the caller's tensor.
    own: Tensor,
    /// One chunk from each rank, to be added up here; or the sum, if the backend adds up.
    pieces: Vec<Tensor>,
    /// The place of this rank's chunk.
    within: Within,
}

impl Running {
    pub(crate) fn wait(self) -> Result<Tensor, GroupError> {
        let Self { group, collective, works, result } = self;
        group.finish_all(collective, works)?;
        let Reduction { plan, own, pieces, within } = match result {
            Coming::Whole(output) => return Ok(output),
            Coming::Reduced(reduction) => reduction,
        };
        no_grad(|| {
            let chunk = match &pieces[..] {
                [sum] => sum.shallow_clone(),
                pieces => ring::scattered(pieces, group.rank(), &within, plan.reduce),
            };
            let mut chunk = chunk.view(own.size().as_slice());
            plan.after(&mut chunk);
            Ok(chunk)
        })
    }
}

impl ProcessGroup {
    /// `reduce_scatter_tensor`: reduces `[size * n, ...]` and gives this rank's `[n, ...]`. Over Gloo, every rank sends each other rank its
    /// chunk, and adds up what it receives in the order of [`all_reduce`](Group::all_reduce). The sums have the bits of Gloo's own
    /// reduce-scatter, which reduces a copy of the whole, cuts out the part, and so sends twice as much. Other backends use their own.
    ///
    /// # Errors
    /// As [`all_reduce`](Group::all_reduce), and if the first dimension is no multiple of the size.
    pub fn reduce_scatter(&self, tensor: &Tensor, op: ReduceOp) -> Result<Tensor, GroupError> {
        self.start_reduce_scatter(tensor, op)?.wait()
    }

    /// `all_gather_into_tensor`: `[n, ...]` on each rank gives `[size * n, ...]`, without gradients.
    ///
    /// # Errors
    /// If a rank is gone or late, or the backend cannot exchange the tensor.
    pub fn all_gather_into_tensor(&self, tensor: &Tensor) -> Result<Tensor, GroupError> {
        self.start_all_gather(tensor)?.wait()
    }

    /// `broadcast`, in place: every rank gets the tensor of member `root` of the group.
    ///
    /// # Errors
    /// If a rank is gone or late, there is no such member, or the backend cannot exchange the tensor.
    pub fn broadcast(&self, tensor: &mut Tensor, root: usize) -> Result<(), GroupError> {
        const CALL: Collective = Collective::Broadcast;
        self.exchangeable(CALL, tensor)?;
        if root >= self.size() {
            let message = format!("there is no {root} among {} ranks that count from 0", self.size());
            return Err(self.error(CALL, Failure::Mismatch { message }));
        }
        no_grad(|| {
            let sent = tensor.detach().contiguous();
            self.run(CALL, |links| links.broadcast(&sent, root))?;
            if sent.data_ptr() != tensor.data_ptr() {
                tensor.copy_(&sent);
            }
            Ok(())
        })
    }

    /// `barrier`: returns when all ranks have called it.
    ///
    /// # Errors
    /// When a rank is gone or late.
    pub fn barrier(&self) -> Result<(), GroupError> {
        self.run(Collective::Barrier, Links::barrier)
    }

    fn run(
        &self,
        collective: Collective,
        start: impl FnOnce(&Links) -> Result<Work, Trouble>,
    ) -> Result<(), GroupError> {
        let work = self.0.start(collective, start)?;
        self.0.finish(collective, work)
    }

    fn plan(&self, collective: Collective, op: ReduceOp, tensor: &Tensor) -> Result<Plan, GroupError> {
        self.exchangeable(collective, tensor)?;
        if !self.backend().reduces(tensor.kind()) {
            let failure = Failure::Op { op, kind: tensor.kind(), why: "the backend does not reduce this dtype" };
            return Err(self.error(collective, failure));
        }
        Plan::new(op, self.premul_sum(), tensor.kind(), self.size()).map_err(|failure| self.error(collective, failure))
    }

    fn exchangeable(&self, collective: Collective, tensor: &Tensor) -> Result<(), GroupError> {
        let (device, kind) = (Device::of(tensor), tensor.kind());
        let what = if device != self.backend().device() {
            format!("a tensor on {device}")
        } else if tensor.is_sparse() {
            "a sparse tensor".to_owned()
        } else if !KINDS.contains(&kind) {
            format!("a tensor of dtype {kind:?}")
        } else {
            return Ok(());
        };
        Err(self.unexchangeable(collective, what))
    }

    fn unexchangeable(&self, collective: Collective, what: String) -> GroupError {
        self.error(collective, Failure::Tensor { what, backend: self.backend().to_string() })
    }

    /// The header that every rank sends before a gather: the code of its dtype, its number of dimensions, and its dimensions.
    fn shapes(&self, tensor: &Tensor) -> Result<Vec<Vec<i64>>, GroupError> {
        let shape = tensor.size();
        if shape.len() > DIMS {
            return Err(self.unexchangeable(Collective::AllGather, format!("a tensor of {} dimensions", shape.len())));
        }
        let code = |kind| KINDS.iter().position(|&it| it == kind).map_or(-1, |code| code as i64);
        let own = code(tensor.kind());
        let mut row = vec![own, shape.len() as i64];
        row.extend(&shape);
        row.resize(2 + DIMS, 0);
        let row = device::to(&Tensor::from_slice(&row), self.backend().device());
        let row = row.map_err(|error| self.error(Collective::AllGather, error.into()))?;
        let rows = self.all_gather_into_tensor(&row)?.reshape([-1, 2 + DIMS as i64]);
        let rows = (0..self.size() as i64).map(|i| Vec::<i64>::try_from(rows.get(i)).unwrap_or_default());
        rows.enumerate()
            .map(|(place, theirs)| match theirs.split_at_checked(2) {
                Some(([kind, dims], sizes)) if *kind == own => Ok(sizes[..*dims as usize].to_vec()),
                _ => {
                    let rank = self.members()[place];
                    let message = format!("rank {rank} has a tensor of another dtype than {:?}", tensor.kind());
                    Err(self.error(Collective::AllGather, Failure::Mismatch { message }))
                }
            })
            .collect()
    }
}

impl Group for ProcessGroup {
    fn rank(&self) -> usize {
        self.0.place
    }

    fn size(&self) -> usize {
        self.0.members.len()
    }

    /// Makes two exchanges: the shapes, then the tensors, each filled up with zeros to the length of the longest.
    fn all_gather(&self, tensor: &Tensor) -> Result<Vec<Tensor>, GroupError> {
        self.exchangeable(Collective::AllGather, tensor)?;
        let tensor = tensor.detach();
        let shapes = self.shapes(&tensor)?;
        let lengths: Vec<i64> = shapes.iter().map(|shape| shape.iter().product()).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let flat = tensor.contiguous().view(-1);
        let flat = if flat.numel() as i64 == longest {
            flat
        } else {
            flat.constant_pad_nd([0, longest - flat.numel() as i64])
        };
        let all = self.all_gather_into_tensor(&flat)?;
        let part = |(place, (shape, length)): (usize, (&Vec<i64>, &i64))| {
            all.narrow(0, place as i64 * longest, *length).view(shape.as_slice())
        };
        Ok(shapes.iter().zip(&lengths).enumerate().map(part).collect())
    }

    fn all_reduce(&self, tensor: &mut Tensor, op: ReduceOp) -> Result<(), GroupError> {
        let plan = self.plan(Collective::AllReduce, op, tensor)?;
        no_grad(|| {
            let mut sent = plan.before(&tensor.detach());
            if !self.added_up(&sent, plan.reduce)? {
                self.run(Collective::AllReduce, |links| links.all_reduce(&sent, plan.reduce))?;
                self.sends(&sent, self.size(), 2);
            }
            plan.after(&mut sent);
            if sent.data_ptr() != tensor.data_ptr() {
                tensor.copy_(&sent);
            }
            Ok(())
        })
    }

    fn start_all_gather(&self, tensor: &Tensor) -> Result<Pending, GroupError> {
        let output = device::empty_rows(tensor, self.size());
        let output = output.map_err(|error| self.error(Collective::AllGather, error.into()))?;
        self.start_all_gather_into(tensor, &output)
    }

    fn start_all_gather_into(&self, tensor: &Tensor, output: &Tensor) -> Result<Pending, GroupError> {
        const CALL: Collective = Collective::AllGather;
        self.exchangeable(CALL, tensor)?;
        if output.numel() != self.size() * tensor.numel() || output.kind() != tensor.kind() || !output.is_contiguous() {
            let message = format!("{tensor:?} of {} ranks does not fit {output:?}", self.size());
            return Err(self.error(CALL, Failure::Mismatch { message }));
        }
        let (input, output) = (tensor.detach().contiguous(), output.shallow_clone());
        let works = if self.backend().is_gloo() {
            let parts = no_grad(|| output.view([-1]).chunk(self.size() as i64, 0));
            no_grad(|| parts[self.rank()].shallow_clone().copy_(&input.view([-1])));
            let sent: Vec<Tensor> = parts.iter().map(|_| input.shallow_clone()).collect();
            self.exchange(CALL, &sent, &parts)?
        } else {
            vec![self.0.start(CALL, |links| links.all_gather(&output, &input))?]
        };
        self.sends(&input, 1, 1);
        Ok(Running { group: self.clone(), collective: CALL, works, result: Coming::Whole(output) }.into())
    }

    fn start_reduce_scatter_within(
        &self,
        tensor: &Tensor,
        op: ReduceOp,
        within: &Within,
    ) -> Result<Pending, GroupError> {
        const CALL: Collective = Collective::ReduceScatter;
        let plan = self.plan(CALL, op, tensor)?;
        let rows = rows_of_chunk(&tensor.size(), self.size()).map_err(|failure| self.error(CALL, failure))?;
        let own = tensor.detach().narrow(0, rows * self.rank() as i64, rows);
        let input = no_grad(|| plan.before(&tensor.detach()).view([-1]));
        let (size, within) = (self.size(), within.clone());
        let chunks = input.chunk(size as i64, 0);
        let (works, pieces) = if self.backend().is_gloo() {
            let piece = |(rank, chunk): (usize, &Tensor)| match rank == self.rank() {
                // With one rank, the tensor becomes the result.
                true if size == 1 => chunk.copy(),
                true => chunk.shallow_clone(),
                false => chunk.empty_like(),
            };
            let pieces: Vec<Tensor> = chunks.iter().enumerate().map(piece).collect();
            (self.exchange(CALL, &chunks, &pieces)?, pieces)
        } else {
            let sum = chunks[0].empty_like();
            let work = self.0.start(CALL, |links| links.reduce_scatter(&sum, &input, plan.reduce))?;
            (vec![work], vec![sum])
        };
        self.sends(&input, size, 1);
        let result = Coming::Reduced(Reduction { plan, own, pieces, within });
        Ok(Running { group: self.clone(), collective: CALL, works, result }.into())
    }
}
