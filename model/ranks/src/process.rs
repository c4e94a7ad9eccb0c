//! Ranks that are processes, on one machine or many: c10d's collectives, with errors that name who is to blame (`torch.distributed`).

mod collectives;
mod exchange;
mod liveness;
mod rendezvous;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dinov3_torch::c10d::{Links, Seat, Trouble, Work};
use tch::Tensor;

pub(super) use collectives::Running;

use self::liveness::{Inquest, Pulse};
use self::rendezvous::{Meeting, SILENCE, say};
use super::backend::Backend;
use super::env::Env;
use super::error::{Collective, Failure, GroupError};
use super::ops::PremulSum;

/// How the ranks of a run join. They meet over Gloo, which is there on any machine; groups of other backends are
/// [split off](ProcessGroup::new_group_with).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// For how long a rank waits for the others to come.
    pub rendezvous: Duration,
    /// For how long a collective waits for the others.
    pub collective: Duration,
}

impl Options {
    /// These timeouts.
    pub fn new(rendezvous: Duration, collective: Duration) -> Self {
        Self { rendezvous, collective }
    }
}

/// How a group exchanges tensors.
#[derive(Clone, Copy, Debug)]
pub struct GroupOptions {
    /// What carries the collectives.
    pub backend: Backend,
    /// How PREMUL_SUM is had.
    pub premul_sum: PremulSum,
    /// For how long a collective waits for the others.
    pub timeout: Duration,
}

impl GroupOptions {
    /// Over `backend`, with PREMUL_SUM as it has it.
    pub fn over(backend: Backend, timeout: Duration) -> Self {
        Self { backend, premul_sum: backend.premul_sum(), timeout }
    }
}

/// A group of processes, seen from one of them (`torch.distributed.ProcessGroup`). Every member makes the same calls in the same order,
/// with tensors of the same shape and dtype unless the call allows others: Gloo ends the process where it notices a difference.
///
/// A clone is the same group. Dropping the last one closes the connections.
#[derive(Clone, Debug)]
pub struct ProcessGroup(Arc<Shared>);

/// What all groups of a process have in common.
struct World {
    rank: usize,
    /// This machine's address, as the others reach it.
    address: IpAddr,
    pulse: Pulse,
    /// Where each rank's pulse is.
    pulses: Vec<SocketAddr>,
    rendezvous: Duration,
    /// Bytes of tensors that this process has sent.
    sent: AtomicU64,
}

struct Shared {
    world: Arc<World>,
    /// The members, counted over all ranks of the run.
    members: Vec<usize>,
    /// This rank's place among them.
    place: usize,
    meeting: Meeting,
    options: GroupOptions,
    /// How many groups were split off.
    splits: AtomicUsize,
    /// How many exchanges were started.
    exchanges: AtomicI32,
    state: Mutex<State>,
}

enum State {
    Connected(Links),
    Failed(GroupError),
}

impl ProcessGroup {
    /// Joins all ranks of the run (`init_process_group`), and returns when all have.
    ///
    /// # Errors
    /// When the store cannot be opened or reached, or a rank does not come in time.
    pub fn join(env: &Env, options: Options) -> Result<Self, GroupError> {
        let error = |failure| GroupError { rank: env.rank, collective: Collective::Rendezvous, failure };
        let of_all = GroupOptions::over(Backend::Gloo, options.collective);
        let (world, meeting) = meet(env, options).map_err(error)?;
        let members = (0..env.world_size).collect();
        let group = Self::connect(world, meeting, members, of_all).map_err(error)?;
        // The store is served until all have read what they need.
        group.barrier().map_err(|it| error(it.failure))?;
        Ok(group)
    }

    /// Splits off a group that exchanges tensors as this one does (`new_group`). Every member of this one calls it; those that are not
    /// among `ranks` get `None`. `ranks` are counted over all of the run, in ascending order.
    ///
    /// # Errors
    /// When `ranks` are not such members, or one of them does not come in time.
    pub fn new_group(&self, ranks: &[usize]) -> Result<Option<Self>, GroupError> {
        self.new_group_with(ranks, self.options())
    }

    /// [`new_group`](Self::new_group) of other options, of which the backend and PREMUL_SUM are the same on all ranks.
    ///
    /// # Errors
    /// As there, and when the options ask for what the backend lacks, or it cannot connect the ranks.
    pub fn new_group_with(&self, ranks: &[usize], options: GroupOptions) -> Result<Option<Self>, GroupError> {
        let error = |failure| self.error(Collective::NewGroup, failure);
        options.backend.offers(options.premul_sum).map_err(error)?;
        if ranks.is_empty() || !ranks.is_sorted_by(|a, b| a < b) || !ranks.iter().all(|it| self.0.members.contains(it))
        {
            let message = format!("{ranks:?} are not ascending members of the group {:?}", self.0.members);
            return Err(error(Failure::Mismatch { message }));
        }
        let number = self.0.splits.fetch_add(1, Ordering::Relaxed);
        if !ranks.contains(&self.0.world.rank) {
            return Ok(None);
        }
        let world = Arc::clone(&self.0.world);
        let meeting = self.0.meeting.within(&format!("group{number}")).map_err(error)?;
        meeting.meet(world.rank, ranks, "here", world.rendezvous, &say).map_err(error)?;
        let group = Self::connect(world, meeting, ranks.to_vec(), options).map_err(error)?;
        if !options.backend.is_gloo() {
            // Others connect at the first collective: what keeps them from it is to be known now.
            group.barrier().map_err(|it| error(it.failure))?;
        }
        Ok(Some(group))
    }

    fn connect(
        world: Arc<World>,
        meeting: Meeting,
        members: Vec<usize>,
        options: GroupOptions,
    ) -> Result<Self, Failure> {
        let not_one = || Failure::Mismatch { message: format!("rank {} is none of {members:?}", world.rank) };
        let place = members.iter().position(|&it| it == world.rank).ok_or_else(not_one)?;
        let seat = Seat { store: &meeting.store, rank: place, size: members.len(), timeout: options.timeout };
        let links = options.backend.connect(seat, &world.address.to_string());
        let links = links.map_err(|trouble| Failure::Backend { message: trouble.message().to_owned() })?;
        let (splits, exchanges) = (AtomicUsize::new(0), AtomicI32::new(0));
        let state = Mutex::new(State::Connected(links));
        Ok(Self(Arc::new(Shared { world, members, place, meeting, options, splits, exchanges, state })))
    }

    /// The members, counted over all ranks of the run.
    pub fn members(&self) -> &[usize] {
        &self.0.members
    }

    /// How this group exchanges tensors.
    pub fn options(&self) -> GroupOptions {
        self.0.options
    }

    /// How this group comes by PREMUL_SUM.
    pub fn premul_sum(&self) -> PremulSum {
        self.0.options.premul_sum
    }

    /// What carries the collectives.
    pub fn backend(&self) -> Backend {
        self.0.options.backend
    }

    /// Bytes of tensors that this process has sent so far, over all of its groups, as the algorithms of `all_reduce`, `all_gather` and
    /// `reduce_scatter` send them; other collectives are not counted, and what TCP adds is not.
    pub fn bytes_sent(&self) -> u64 {
        self.0.world.sent.load(Ordering::Relaxed)
    }

    /// This rank sends a `part`-th of the tensor to every other rank, `times` over.
    fn sends(&self, tensor: &Tensor, part: usize, times: usize) {
        let others = self.0.members.len() - 1;
        let bytes = tensor.numel() * tensor.kind().elt_size_in_bytes() * times * others / part;
        let _ = self.0.world.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn error(&self, collective: Collective, failure: Failure) -> GroupError {
        self.0.error(collective, failure)
    }
}

/// The store, and where everybody is.
fn meet(env: &Env, options: Options) -> Result<(Arc<World>, Meeting), Failure> {
    let name = format!("{}:{}", env.master_addr, env.master_port);
    let no_store = |message: String| Failure::Store { address: name.clone(), message };
    let address = liveness::own_address(&env.master_addr, env.master_port).map_err(|it| no_store(it.to_string()))?;
    // Opened before the connections: a process that ends closes it before them.
    let pulse = Pulse::open(address).map_err(|it| no_store(it.to_string()))?;
    let own = pulse.address().map_err(|it| no_store(it.to_string()))?;
    let store = rendezvous::open(env, options.rendezvous, SILENCE, &say).map_err(no_store)?;
    let meeting = Meeting { store, address: name.clone() }.within(&format!("dinov3/{}", env.restarts))?;
    let members: Vec<usize> = (0..env.world_size).collect();
    let pulses = meeting.meet(env.rank, &members, &own.to_string(), options.rendezvous, &say)?;
    let pulses = pulses
        .iter()
        .map(|text| text.parse().map_err(|_| no_store(format!("{text:?} is no rank's address"))))
        .collect::<Result<_, _>>()?;
    let sent = AtomicU64::new(0);
    Ok((Arc::new(World { rank: env.rank, address, pulse, pulses, rendezvous: options.rendezvous, sent }), meeting))
}

impl Shared {
    fn error(&self, collective: Collective, failure: Failure) -> GroupError {
        GroupError { rank: self.world.rank, collective, failure }
    }

    /// A thread that panicked did so while it started a collective, and left the group as it was.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a collective. The lock makes one order of those that several threads start.
    fn start<T>(
        &self,
        collective: Collective,
        start: impl FnOnce(&Links) -> Result<T, Trouble>,
    ) -> Result<T, GroupError> {
        let started = match &*self.state() {
            State::Failed(error) => return Err(error.clone()),
            State::Connected(links) => start(links),
        };
        started.map_err(|trouble| self.fail(collective, trouble))
    }

    /// Waits for a collective that was started.
    fn finish(&self, collective: Collective, work: Work) -> Result<(), GroupError> {
        work.wait().map_err(|trouble| self.fail(collective, trouble))
    }

    /// Finds out why, tells the others, and closes the connections, so that no other rank waits for this one.
    fn fail(&self, collective: Collective, trouble: Trouble) -> GroupError {
        if let State::Failed(error) = &*self.state() {
            return error.clone();
        }
        let World { rank, pulse, pulses, .. } = &*self.world;
        let others = self.members.iter().filter(|it| *it != rank).map(|&it| (it, pulses[it])).collect();
        let failure = Inquest { pulse, rank: *rank, others, timeout: self.options.timeout }.hold(trouble);
        let error = self.error(collective, failure);
        let before = std::mem::replace(&mut *self.state(), State::Failed(error.clone()));
        if let State::Connected(links) = before {
            links.give_up();
        }
        error
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = match &*self.state() {
            State::Connected(_) => None,
            State::Failed(error) => Some(error.clone()),
        };
        f.debug_struct("Shared")
            .field("rank", &self.world.rank)
            .field("members", &self.members)
            .field("failed", &failed)
            .finish_non_exhaustive()
    }
}
