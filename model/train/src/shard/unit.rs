//! One unit: parameters that are gathered together, and whose gradients are reduced together.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use dinov3_torch::device::{Device, empty};
use dinov3_torch::hooks;
use dinov3_torch::shim::{self, ShimError};
use dinov3_vit::residence;
use tch::{Kind, Tensor, no_grad};

use super::exchange::{Gathering, Scattering};
use super::layout::Layout;
use super::ledger::Ledger;
use super::{ShardError, Sharding};

/// The description of a unit.
pub(super) struct Making<'a> {
    pub(super) name: String,
    pub(super) shapes: Vec<Vec<i64>>,
    /// The dtype of shards.
    pub(super) master: Kind,
    /// The dtype that computes.
    pub(super) kind: Kind,
    pub(super) device: Device,
    pub(super) sharding: &'a Sharding,
    /// Whether the parameters have gradients.
    pub(super) trained: bool,
    pub(super) ledger: Arc<Ledger>,
}

/// A block, a head, or the rest of a backbone.
pub(super) struct Unit {
    name: String,
    sharding: Sharding,
    trained: bool,
    master: Kind,
    layout: Layout,
    /// The units that compute before and after this one, if there are any.
    neighbours: OnceLock<[Option<Weak<Unit>>; 2]>,
    ledger: Arc<Ledger>,
    state: Mutex<State>,
}

struct State {
    /// `[shard]`, in the master dtype.
    shard: Tensor,
    /// The whole parameters, whose memory comes and goes.
    leaves: Vec<Tensor>,
    /// The same memory without autograd: writing here does not count as a change of a leaf.
    beneath: Vec<Tensor>,
    presence: Presence,
    /// The number of leaves without a gradient in this step.
    awaited: usize,
    reduction: Option<Scattering>,
    /// This rank's rows of the gradients.
    grads: Vec<Option<Tensor>>,
}

enum Presence {
    Absent,
    /// Memory allocated, not yet filled.
    Coming(Gathering),
    Here,
}

impl Unit {
    pub(super) fn new(making: Making) -> Result<Arc<Self>, ShimError> {
        let Making { name, shapes, master, kind, device, sharding, trained, ledger } = making;
        let group = &sharding.group;
        let leaf = |shape: &Vec<i64>| {
            let leaf = empty(shape, kind, device).set_requires_grad(trained);
            // Freed at once: memory that nobody touches would count as in use where freed memory is kept.
            hooks::release_memory(&leaf).map(|()| leaf)
        };
        let leaves = shapes.iter().map(leaf).collect::<Result<Vec<Tensor>, _>>()?;
        let layout = Layout::new(shapes, group.rank(), group.size());
        let state = State {
            shard: empty(&[layout.shard()], master, device).fill_(f64::NAN),
            beneath: leaves.iter().map(Tensor::data).collect(),
            presence: Presence::Absent,
            awaited: leaves.len(),
            reduction: None,
            grads: Vec::new(),
            leaves,
        };
        let neighbours = OnceLock::new();
        let (sharding, state) = (sharding.clone(), Mutex::new(state));
        let unit = Arc::new(Self { name, sharding, trained, master, layout, neighbours, ledger, state });
        if trained {
            for leaf in &unit.state().leaves {
                let unit = Arc::downgrade(&unit);
                let hook = move || {
                    if let Some(unit) = unit.upgrade() {
                        unit.ledger.note(|| unit.accumulated());
                    }
                };
                hooks::after_accumulation(leaf, Box::new(hook))?;
            }
        }
        Ok(unit)
    }

    /// Links each unit of a network with those that compute before and after it.
    pub(super) fn chain(units: &[Arc<Self>]) {
        for (i, unit) in units.iter().enumerate() {
            let at = |i: usize| units.get(i).map(Arc::downgrade);
            // Set once: units are chained where they are made.
            let _ = unit.neighbours.set([i.checked_sub(1).and_then(at), at(i + 1)]);
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// This rank's rows of the parameters.
    pub(super) fn shards(&self) -> Vec<Tensor> {
        self.layout.views(&self.state().shard)
    }

    /// The whole parameters, which have values only while the unit computes.
    pub(super) fn leaves(&self) -> Vec<Tensor> {
        self.state().leaves.iter().map(Tensor::shallow_clone).collect()
    }

    /// A thread panics only within libtorch, and the ledger ends the step.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn neighbour(&self, after: bool) -> Option<Arc<Unit>> {
        let [before, next] = self.neighbours.get()?;
        (if after { next } else { before }).as_ref()?.upgrade()
    }

    /// Gathers the parameters, and starts to gather those of the next unit: the one after it in forward, or before it in backward. After an error
    /// the memory exists all the same, since the caller goes on.
    fn gather(&self, forward: bool) -> Result<(), ShardError> {
        self.arrive(&mut self.state())?;
        // One rank has nothing to wait for.
        match self.neighbour(forward).filter(|_| self.sharding.group.size() > 1) {
            Some(next) => next.start_gather(&mut next.state()),
            None => Ok(()),
        }
    }

    fn arrive(&self, state: &mut State) -> Result<(), ShardError> {
        let started = self.start_gather(state);
        match std::mem::replace(&mut state.presence, Presence::Here) {
            Presence::Here => started,
            Presence::Coming(gathering) => Ok(gathering.wait(&state.beneath)?),
            Presence::Absent => {
                state.beneath.iter().try_for_each(hooks::restore_memory)?;
                started
            }
        }
    }

    fn start_gather(&self, state: &mut State) -> Result<(), ShardError> {
        if matches!(state.presence, Presence::Absent) && !self.ledger.is_troubled() {
            // The cast comes before sending: the same bits, and half the bytes.
            let shard = no_grad(|| state.shard.to_kind(state.leaves[0].kind()));
            state.beneath.iter().try_for_each(hooks::restore_memory)?;
            // After an error the memory stays for now, since a started collective may still write to it.
            state.presence = Presence::Here;
            state.presence = Presence::Coming(Gathering::start(&self.layout, &self.sharding, &shard, &state.beneath)?);
        }
        Ok(())
    }

    fn release(state: &mut State) -> Result<(), ShimError> {
        if let Presence::Here = state.presence {
            state.presence = Presence::Absent;
            state.leaves.iter().try_for_each(hooks::release_memory)?;
        }
        Ok(())
    }

    /// Releases the parameters after the forward pass of the unit, which gave these outputs.
    fn left(self: &Arc<Self>, outputs: &[&Tensor]) -> Result<(), ShardError> {
        if self.trained && !self.sharding.reshard_after_forward {
            return Ok(());
        }
        Self::release(&mut self.state())?;
        for output in outputs.iter().filter(|output| self.trained && output.requires_grad()) {
            let unit = Arc::downgrade(self);
            let hook = move || {
                if let Some(unit) = unit.upgrade() {
                    unit.ledger.note(|| unit.gather(false));
                }
            };
            hooks::before_backward(output, Box::new(hook))?;
        }
        Ok(())
    }

    /// Counts a leaf that has got its gradient.
    fn accumulated(self: &Arc<Self>) -> Result<(), ShardError> {
        let last = {
            let state = &mut *self.state();
            state.awaited = state.awaited.saturating_sub(1);
            state.awaited == 0
        };
        if last { self.start_reduction() } else { Ok(()) }
    }

    /// Starts to reduce the whole gradients to this rank's rows of their sum, in the master dtype, and releases the whole parameters.
    fn start_reduction(self: &Arc<Self>) -> Result<(), ShardError> {
        if self.ledger.is_troubled() {
            return Ok(());
        }
        {
            let state = &mut *self.state();
            let grads: Vec<(usize, Tensor)> =
                state.leaves.iter().enumerate().filter_map(|(i, leaf)| Some((i, shim::take_grad(leaf)?))).collect();
            Self::release(state)?;
            if grads.is_empty() {
                return Ok(());
            }
            let to = (self.master, Device::of(&state.shard));
            state.reduction = Some(Scattering::start(&self.layout, &self.sharding, grads, to)?);
        }
        match self.ledger.now_reducing(Some(Arc::clone(self))) {
            Some(before) => before.end_reduction(),
            None => Ok(()),
        }
    }

    fn end_reduction(&self) -> Result<(), ShardError> {
        let state = &mut *self.state();
        if let Some(reduction) = state.reduction.take() {
            let rows = reduction.wait(&self.layout)?;
            state.grads = state.leaves.iter().map(|_| None).collect();
            for (i, grad) in rows {
                state.grads[i] = Some(grad);
            }
        }
        Ok(())
    }

    /// Ends the backward pass: reduces the remaining gradients, if a parameter took no part, and gives this rank's rows of each gradient.
    pub(super) fn finish(self: &Arc<Self>) -> Result<Vec<Option<Tensor>>, ShardError> {
        let awaited = self.state().awaited;
        if awaited > 0 {
            self.start_reduction()?;
        }
        self.end_reduction()?;
        let state = &mut *self.state();
        state.awaited = state.leaves.len();
        let grads = std::mem::take(&mut state.grads);
        Ok(if grads.is_empty() { state.leaves.iter().map(|_| None).collect() } else { grads })
    }

    /// Ends an unfinished step: frees gathered parameters, and drops those that are being gathered.
    pub(super) fn rest(&self) -> Result<(), ShardError> {
        let state = &mut *self.state();
        state.awaited = state.leaves.len();
        if matches!(state.presence, Presence::Coming(_)) {
            self.arrive(state)?;
        }
        Ok(Self::release(state)?)
    }
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unit").field("name", &self.name).finish_non_exhaustive()
    }
}

impl residence::Unit for Unit {
    fn enter(&self) {
        self.ledger.note(|| self.gather(true));
    }

    fn leave(self: Arc<Self>, outputs: &[&Tensor]) {
        self.ledger.note(|| self.left(outputs));
    }
}
