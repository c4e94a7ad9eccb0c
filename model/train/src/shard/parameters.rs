//! One rank's part of the parameters of a network.

use std::sync::Arc;

use dinov3_torch::device::{Device, HOST, beside, empty, moved};
use dinov3_torch::shim::{self, ShimError};
use dinov3_vit::module::{Module, Role};
use dinov3_vit::residence::{Residence, Resident};
use tch::{Kind, Tensor, no_grad};

use super::ledger::Ledger;
use super::unit::{Making, Unit};
use super::{ShardError, Sharding};

/// The dtypes and the device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arithmetic {
    /// The dtype of activations, and of parameters while they compute.
    pub(crate) kind: Kind,
    /// The dtype of weights, gradients and the optimizer's state.
    pub(crate) master: Kind,
    /// The device of all of them.
    pub(crate) device: Device,
}

/// This rank's rows of a network's parameters, in the order of its `state_dict`.
#[derive(Debug)]
pub(crate) struct Parameters {
    names: Vec<String>,
    rows: Vec<Tensor>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// One rank that computes in the weights' own dtype. Its rows compute themselves, and share their memory with the leaves of its graph.
    Whole(Vec<Tensor>),
    /// The unit of each parameter, and the place within the unit.
    Sharded { units: Vec<Arc<Unit>>, at: Vec<(usize, usize)>, sharding: Sharding, ledger: Arc<Ledger> },
}

/// The unit of a parameter: `student.backbone.blocks.3` for `student.backbone.blocks.3.attn.qkv.weight`, `student.backbone` outside of blocks. A
/// head is one unit.
fn unit_of(name: &str) -> &str {
    let end_of = |path: &str, parts: usize| path.match_indices('.').nth(parts - 1).map_or(path.len(), |(at, _)| at);
    match name.find(".blocks.") {
        Some(at) => &name[..at + end_of(&name[at + 1..], 2) + 1],
        None => &name[..end_of(name, 2)],
    }
}

/// A unit's name, and the shapes of its parameters in order.
type Grouped = (String, Vec<Vec<i64>>);

/// The units, and the unit and place of each parameter. FSDP2 visits the children of a module before its own parameters, so a class token
/// comes last in its unit. With more than two ranks, the place decides the order in which gradients are added up.
fn grouped(parameters: &[(String, Tensor)]) -> (Vec<Grouped>, Vec<(usize, usize)>) {
    let (mut units, mut at): (Vec<Grouped>, _) = (Vec::new(), vec![(0, 0); parameters.len()]);
    for own in [false, true] {
        for (i, (name, tensor)) in parameters.iter().enumerate() {
            let unit = unit_of(name);
            if own == name[unit.len() + 1..].contains('.') {
                continue;
            }
            let index = units.iter().position(|(it, _)| it == unit).unwrap_or_else(|| {
                units.push((unit.to_owned(), Vec::new()));
                units.len() - 1
            });
            at[i] = (index, units[index].1.len());
            units[index].1.push(tensor.size());
        }
    }
    (units, at)
}

impl Parameters {
    /// Takes the names and shapes of `shell`, and ignores its values. Gives this rank's rows, all NaN, and the network that computes.
    pub(crate) fn of<M: Resident>(
        shell: M,
        arithmetic: Arithmetic,
        sharding: &Sharding,
        trained: bool,
    ) -> Result<(M, Self), ShimError> {
        let Arithmetic { kind, master, device } = arithmetic;
        if sharding.group.size() == 1 && kind == master {
            return Ok(Self::whole_of(&shell, arithmetic, trained));
        }
        let parameters = shell.parameters();
        let (grouped, at) = grouped(&parameters);
        let ledger = Arc::new(Ledger::default());
        let make = |(name, shapes)| {
            let ledger = Arc::clone(&ledger);
            Unit::new(Making { name, shapes, master, kind, device, sharding, trained, ledger })
        };
        let units = grouped.into_iter().map(make).collect::<Result<Vec<_>, _>>()?;
        Unit::chain(&in_forward_order(&units));
        let leaves: Vec<Vec<Tensor>> = units.iter().map(|unit| unit.leaves()).collect();
        let rows: Vec<Vec<Tensor>> = units.iter().map(|unit| unit.shards()).collect();
        let mut next = at.iter();
        let mut computing = shell.map_tensors(&mut |_, role, tensor| match role {
            Role::Parameter => {
                let (unit, i) = next.next().expect("as many parameters as were counted");
                leaves[*unit][*i].shallow_clone()
            }
            Role::Buffer => buffer(tensor, arithmetic),
        });
        computing.reside(&mut |path| {
            units
                .iter()
                .find(|unit| unit.name() == path)
                .map_or_else(Residence::default, |it| Residence::of(it.clone()))
        });
        let rows = at.iter().map(|(unit, i)| rows[*unit][*i].shallow_clone()).collect();
        let names = parameters.into_iter().map(|(name, _)| name).collect();
        let place = Place::Sharded { units, at, sharding: sharding.clone(), ledger };
        Ok((computing, Self { names, rows, place }))
    }

    fn whole_of<M: Resident>(shell: &M, arithmetic: Arithmetic, trained: bool) -> (M, Self) {
        let (mut rows, mut leaves) = (Vec::new(), Vec::new());
        let computing = shell.map_tensors(&mut |_, role, tensor| match role {
            Role::Parameter => {
                let whole = empty(&tensor.size(), arithmetic.master, arithmetic.device).fill_(f64::NAN);
                let leaf = whole.detach().set_requires_grad(trained);
                leaves.push(leaf.shallow_clone());
                rows.push(whole);
                leaf
            }
            Role::Buffer => buffer(tensor, arithmetic),
        });
        let names = shell.parameters().into_iter().map(|(name, _)| name).collect();
        (computing, Self { names, rows, place: Place::Whole(leaves) })
    }

    /// The full names, such as `student.backbone.cls_token`.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// This rank's rows of each parameter, in the master dtype.
    pub(crate) fn rows(&self) -> &[Tensor] {
        &self.rows
    }

    /// This rank's rows of parameter `i`, cut out of a tensor of the whole shape.
    pub(crate) fn rows_of(&self, i: usize, whole: &Tensor) -> Tensor {
        match &self.place {
            Place::Whole(_) => whole.shallow_clone(),
            Place::Sharded { units, at, .. } => units[at[i].0].layout().rows(at[i].1, whole),
        }
    }

    /// The whole shape of parameter `i`.
    pub(crate) fn shape(&self, i: usize) -> Vec<i64> {
        match &self.place {
            Place::Whole(_) => self.rows[i].size(),
            Place::Sharded { units, at, .. } => units[at[i].0].layout().shape(at[i].1).to_vec(),
        }
    }

    /// The first of this rank's rows of parameter `i`.
    pub(crate) fn first_row(&self, i: usize) -> i64 {
        match &self.place {
            Place::Whole(_) => 0,
            Place::Sharded { units, at, .. } => units[at[i].0].layout().first_row(at[i].1),
        }
    }

    /// A fingerprint of all rows: the sum, modulo 2⁶⁴, of each element's bits times an odd number that its place determines. The sum over the
    /// ranks does not depend on their number.
    pub(crate) fn fingerprint(&self) -> i64 {
        let of = |(i, rows): (usize, &Tensor)| {
            let bits = match rows.kind() {
                Kind::Double => rows.detach().view_dtype(Kind::Int64),
                _ => rows.detach().view_dtype(Kind::Int).to_kind(Kind::Int64),
            };
            let row: i64 = self.shape(i)[1..].iter().product();
            let from = self.first_row(i) * row;
            let places = Tensor::arange_start(from, from + bits.numel() as i64, (Kind::Int64, HOST));
            let odd = beside(&places, rows) * 2 + (1 + ((i as i64) << 40));
            ((bits.reshape([-1]) + 1) * odd).sum(Kind::Int64).int64_value(&[])
        };
        self.rows.iter().enumerate().map(of).fold(0, i64::wrapping_add)
    }

    /// Overwrites all rows with the values of `whole`, which has the same parameters under any root name.
    pub(crate) fn assign(&self, whole: &impl Module) {
        no_grad(|| {
            for (i, (_, value)) in whole.parameters().iter().enumerate() {
                self.rows[i].shallow_clone().copy_(&self.rows_of(i, value));
            }
        });
    }

    /// Overwrites the rows of some parameters, given with their names.
    pub(crate) fn take(&self, some: &[(String, Tensor)]) {
        no_grad(|| {
            for (name, value) in some {
                let i = self.names.iter().position(|it| it == name).expect("a network of the same parameters");
                self.rows[i].shallow_clone().copy_(&self.rows_of(i, value));
            }
        });
    }

    /// Overwrites all rows with those of `other`, which has the same parameters and ranks, and maybe more parameters after them.
    pub(crate) fn copy_from(&self, other: &Self) {
        no_grad(|| {
            for (mine, theirs) in self.rows.iter().zip(&other.rows) {
                mine.shallow_clone().copy_(theirs);
            }
        });
    }

    /// Gathers parameter `i`, or one of its moments, from all ranks. Collective.
    ///
    /// # Errors
    /// When a rank is gone.
    pub(crate) fn whole(&self, i: usize, rows: &Tensor) -> Result<Tensor, ShardError> {
        let rows = rows.detach();
        let Place::Sharded { units, at, sharding, .. } = &self.place else { return Ok(rows) };
        let layout = units[at[i].0].layout();
        let shape = layout.shape(at[i].1);
        let all = sharding.group.start_all_gather(&layout.padded(at[i].1, &rows))?.wait()?;
        Ok(all.narrow(0, 0, shape.iter().product()).view(shape))
    }

    /// Checks, between forward and backward, that all parameters were gathered.
    ///
    /// # Errors
    /// The first error.
    pub(crate) fn settled(&self) -> Result<(), ShardError> {
        match &self.place {
            Place::Whole(_) => Ok(()),
            Place::Sharded { ledger, .. } => ledger.settled(),
        }
    }

    /// Gives, after backward, this rank's rows of each gradient, summed over the ranks in the master dtype.
    ///
    /// # Errors
    /// The first error since forward.
    pub(crate) fn gradients(&self) -> Result<Vec<Option<Tensor>>, ShardError> {
        match &self.place {
            Place::Whole(leaves) => Ok(leaves.iter().map(shim::take_grad).collect()),
            Place::Sharded { units, at, ledger, .. } => {
                ledger.settled()?;
                // The last units in forward were the first in backward.
                let grads = units.iter().rev().map(|unit| unit.finish()).collect::<Result<Vec<_>, _>>()?;
                let _ = ledger.now_reducing(None);
                let of =
                    |(unit, i): &(usize, usize)| grads[units.len() - 1 - unit][*i].as_ref().map(Tensor::shallow_clone);
                Ok(at.iter().map(of).collect())
            }
        }
    }

    /// Frees, before a step, everything that an unfinished step left.
    ///
    /// # Errors
    /// When a rank is gone.
    pub(crate) fn rest(&self) -> Result<(), ShardError> {
        match &self.place {
            Place::Whole(_) => Ok(()),
            Place::Sharded { units, ledger, .. } => {
                let _ = ledger.now_reducing(None);
                units.iter().try_for_each(|unit| unit.rest())
            }
        }
    }
}

/// A buffer on the device. Mixed precision keeps its dtype; float64 widens fp32. See [`Module::compute_copy`].
fn buffer(tensor: &Tensor, arithmetic: Arithmetic) -> Tensor {
    let widens = arithmetic.kind == Kind::Double && tensor.kind() == Kind::Float;
    let tensor = if widens { tensor.to_kind(Kind::Double) } else { tensor.copy() };
    moved(&tensor, arithmetic.device)
}

/// The order of units in a forward pass: the reference calls iBOT's head before DINO's, which comes first in the `state_dict`.
fn in_forward_order(units: &[Arc<Unit>]) -> Vec<Arc<Unit>> {
    let mut ordered: Vec<Arc<Unit>> = units.to_vec();
    ordered.sort_by_key(|unit| unit.name().ends_with(".dino_head"));
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_heads_and_the_rest_are_units() {
        for (name, unit) in [
            ("student.backbone.blocks.3.attn.qkv.weight", "student.backbone.blocks.3"),
            ("student.backbone.blocks.13.ls1.gamma", "student.backbone.blocks.13"),
            ("student.backbone.cls_token", "student.backbone"),
            ("gram_teacher.backbone.patch_embed.proj.bias", "gram_teacher.backbone"),
            ("teacher.dino_head.mlp.0.weight", "teacher.dino_head"),
        ] {
            assert_eq!(unit_of(name), unit);
        }
    }

    #[test]
    fn what_a_backbone_has_of_its_own_comes_last() {
        let parameter =
            |(i, name): (usize, &str)| (format!("s.backbone.{name}"), Tensor::from_slice(&vec![0.0; i + 1]));
        let names = ["cls_token", "mask_token", "patch_embed.proj.weight", "blocks.0.norm1.weight", "norm.weight"];
        let (units, at) = grouped(&names.into_iter().enumerate().map(parameter).collect::<Vec<_>>());
        assert_eq!(at, [(0, 2), (0, 3), (0, 0), (1, 0), (0, 1)]);
        assert_eq!(units[0], ("s.backbone".to_owned(), vec![vec![3], vec![5], vec![1], vec![2]]));
    }
}
