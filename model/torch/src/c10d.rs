//! c10d's store, and the ranks that one of its backends connects: the C side of `model/torch/shim/c10d.cpp`, made safe.

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr::null_mut;
use std::time::Duration;

use tch::Tensor;

use crate::shim::{dinov3_shim_error, text};

/// How a call failed; the message is c10d's or Gloo's own, without its backtrace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing came for as long as was allowed.
    TimedOut(String),
    /// A connection could not be made, or broke.
    Disconnected(String),
    /// Anything else.
    Refused(String),
}

impl Trouble {
    /// What c10d or Gloo said.
    pub fn message(&self) -> &str {
        let (Self::TimedOut(message) | Self::Disconnected(message) | Self::Refused(message)) = self;
        message
    }
}

/// What a backend itself reduces by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reduce {
    /// `ReduceOp.SUM`.
    Sum,
    /// `ReduceOp.MAX`.
    Max,
    /// `ReduceOp.MIN`.
    Min,
    /// `_make_nccl_premul_sum(factor)`. Gloo has none: it raises in `all_reduce`, and ignores the factor in `reduce_scatter`.
    PremulSum(f64),
}

impl Reduce {
    /// The op as the shim counts it, and its factor.
    fn code(self) -> (c_int, f64) {
        match self {
            Self::Sum => (0, 1.0),
            Self::Max => (1, 1.0),
            Self::Min => (2, 1.0),
            Self::PremulSum(factor) => (3, factor),
        }
    }
}

type Each = extern "C" fn(*mut c_void, *const c_char, usize);

unsafe extern "C" {
    fn dinov3_tcp_store(host: *const c_char, port: u16, serves: bool, timeout: i64, made: *mut *mut c_void) -> c_int;
    fn dinov3_prefix_store(of: *mut c_void, prefix: *const c_char, made: *mut *mut c_void) -> c_int;
    fn dinov3_store_set(to: *mut c_void, key: *const c_char, value: *const c_char) -> c_int;
    fn dinov3_store_wait(on: *mut c_void, key: *const c_char, timeout: i64) -> c_int;
    fn dinov3_store_get(from: *mut c_void, key: *const c_char, context: *mut c_void, each: Each) -> c_int;
    fn dinov3_store_has(within: *mut c_void, key: *const c_char, has: *mut bool) -> c_int;
    fn dinov3_store_free(store: *mut c_void);
    fn dinov3_gloo_group(
        rendezvous: *mut c_void,
        rank: c_int,
        size: c_int,
        address: *const c_char,
        timeout: i64,
        made: *mut *mut c_void,
    ) -> c_int;
    fn dinov3_nccl_group(
        rendezvous: *mut c_void,
        rank: c_int,
        size: c_int,
        device: c_int,
        timeout: i64,
        made: *mut *mut c_void,
    ) -> c_int;
    fn dinov3_plugin_group(
        rendezvous: *mut c_void,
        rank: c_int,
        size: c_int,
        device: c_int,
        timeout: i64,
        make: MakeBackend,
        has_words: *mut bool,
        made: *mut *mut c_void,
    ) -> c_int;
    fn dinov3_nccl_missing() -> *const c_char;
    fn dinov3_backend_abort(group: *mut c_void) -> c_int;
    fn dinov3_backend_free(group: *mut c_void, orderly: bool);
    fn dinov3_all_reduce(
        group: *mut c_void,
        this: *const c_void,
        op: c_int,
        factor: f64,
        work: *mut *mut c_void,
    ) -> c_int;
    fn dinov3_reduce_scatter(
        group: *mut c_void,
        output: *const c_void,
        input: *const c_void,
        op: c_int,
        factor: f64,
        work: *mut *mut c_void,
    ) -> c_int;
    fn dinov3_send(group: *mut c_void, this: *const c_void, to: c_int, tag: c_int, work: *mut *mut c_void) -> c_int;
    fn dinov3_receive(
        group: *mut c_void,
        this: *const c_void,
        from: c_int,
        tag: c_int,
        work: *mut *mut c_void,
    ) -> c_int;
    fn dinov3_all_gather(
        group: *mut c_void,
        output: *const c_void,
        input: *const c_void,
        work: *mut *mut c_void,
    ) -> c_int;
    fn dinov3_broadcast(group: *mut c_void, this: *const c_void, root: i64, work: *mut *mut c_void) -> c_int;
    fn dinov3_barrier(group: *mut c_void, work: *mut *mut c_void) -> c_int;
    fn dinov3_work_wait(work: *mut c_void) -> c_int;
    fn dinov3_work_free(work: *mut c_void);
}

/// A key-value store that all ranks see (`torch.distributed.Store`). Every call may be made from any thread.
#[derive(Debug)]
pub struct Store(*mut c_void);

// SAFETY: c10d's stores lock around every operation; the pointer is freed once, by the owner.
unsafe impl Send for Store {}
// SAFETY: as above.
unsafe impl Sync for Store {}

impl Store {
    /// `TCPStore`. Whoever `serves` opens the port; a client tries for `timeout` to reach it.
    pub fn tcp(host: &str, port: u16, serves: bool, timeout: Duration) -> Result<Self, Trouble> {
        let host = string(host)?;
        // SAFETY: the string outlives the call; `made` is written before the call returns 0.
        made(|made| unsafe { dinov3_tcp_store(host.as_ptr(), port, serves, millis(timeout), made) }).map(Self)
    }

    /// `PrefixStore`: the same store, every key with `prefix` before it.
    pub fn prefixed(&self, prefix: &str) -> Result<Self, Trouble> {
        let prefix = string(prefix)?;
        // SAFETY: as in `tcp`; this store is live, and the new one holds a count of it.
        made(|made| unsafe { dinov3_prefix_store(self.0, prefix.as_ptr(), made) }).map(Self)
    }

    /// Sets `key`.
    pub fn set(&self, key: &str, value: &str) -> Result<(), Trouble> {
        let (key, value) = (string(key)?, string(value)?);
        // SAFETY: both strings outlive the call.
        done(unsafe { dinov3_store_set(self.0, key.as_ptr(), value.as_ptr()) })
    }

    /// Waits for `key`.
    pub fn wait(&self, key: &str, timeout: Duration) -> Result<(), Trouble> {
        let key = string(key)?;
        // SAFETY: the string outlives the call.
        done(unsafe { dinov3_store_wait(self.0, key.as_ptr(), millis(timeout)) })
    }

    /// The value of `key`, which is there.
    pub fn get(&self, key: &str) -> Result<String, Trouble> {
        extern "C" fn each(context: *mut c_void, value: *const c_char, length: usize) {
            if length > 0 {
                let value = value.cast::<u8>();
                // SAFETY: `context` is the vector below; the value has this length and lives during the call.
                let (to, from) =
                    unsafe { (&mut *context.cast::<Vec<u8>>(), std::slice::from_raw_parts(value, length)) };
                to.extend_from_slice(from);
            }
        }
        let key = string(key)?;
        let mut value: Vec<u8> = Vec::new();
        // SAFETY: `each` takes the vector for what it is.
        done(unsafe { dinov3_store_get(self.0, key.as_ptr(), (&raw mut value).cast(), each) })?;
        String::from_utf8(value).map_err(|_| Trouble::Refused("the store's value is no text".to_owned()))
    }

    /// Whether `key` is there.
    pub fn has(&self, key: &str) -> Result<bool, Trouble> {
        let key = string(key)?;
        let mut has = false;
        // SAFETY: the string and the flag outlive the call.
        done(unsafe { dinov3_store_has(self.0, key.as_ptr(), &raw mut has) })?;
        Ok(has)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: made by the shim, freed here only.
        unsafe { dinov3_store_free(self.0) }
    }
}

/// Why NCCL is not in this build; none where it is.
pub fn nccl_missing() -> Option<String> {
    // SAFETY: the pointer is null, or a text that lives as long as the process.
    let why = unsafe { dinov3_nccl_missing() };
    (!why.is_null()).then(|| text(why))
}

/// A place among ranks that are to be connected: which one of how many, and for how long a collective waits.
#[derive(Clone, Copy, Debug)]
pub struct Seat<'a> {
    /// Where they find each other.
    pub store: &'a Store,
    /// The rank.
    pub rank: usize,
    /// How many ranks there are.
    pub size: usize,
    /// For how long a collective waits.
    pub timeout: Duration,
}

/// What makes a plugin's backend; see `dinov3_plugin.h`.
pub type MakeBackend = extern "C" fn(*mut c_void, c_int, c_int, c_int, i64, *mut *mut c_void) -> bool;

/// `c10d::Backend`: ranks, connected. Tensors given to it are on the device that it is for, contiguous, of a dtype and a length that it can
/// take: what it cannot take may abort the process.
#[derive(Debug)]
pub struct Links {
    backend: *mut c_void,
    /// Nothing that is under way can end.
    broken: bool,
}

// SAFETY: c10d queues collectives under a lock; the pointer is freed once, by the owner.
unsafe impl Send for Links {}
// SAFETY: as above.
unsafe impl Sync for Links {}

impl Links {
    /// Over `ProcessGroupGloo`. `address` is one of this machine's.
    pub fn gloo(seat: Seat<'_>, address: &str) -> Result<Self, Trouble> {
        let (address, rank, size) = (string(address)?, int(seat.rank)?, int(seat.size)?);
        let (store, timeout) = (seat.store.0, millis(seat.timeout));
        // SAFETY: the store is live and the group holds a count of it; the string outlives the call.
        made(|made| unsafe { dinov3_gloo_group(store, rank, size, address.as_ptr(), timeout, made) }).map(Self::of)
    }

    /// Over `ProcessGroupNCCL`, for the tensors of one CUDA device.
    pub fn nccl(seat: Seat<'_>, device: usize) -> Result<Self, Trouble> {
        let (rank, size, device) = (int(seat.rank)?, int(seat.size)?, int(device)?);
        let (store, timeout) = (seat.store.0, millis(seat.timeout));
        // SAFETY: as in `gloo`.
        made(|made| unsafe { dinov3_nccl_group(store, rank, size, device, timeout, made) }).map(Self::of)
    }

    /// Over a plugin's backend; `said` is what the plugin says where it makes none.
    pub fn plugin(
        seat: Seat<'_>,
        device: usize,
        make: MakeBackend,
        said: impl FnOnce() -> String,
    ) -> Result<Self, Trouble> {
        let (rank, size, device) = (int(seat.rank)?, int(seat.size)?, int(device)?);
        let (store, timeout) = (seat.store.0, millis(seat.timeout));
        // SAFETY: as in `gloo`; what the shim calls a store is what a plugin takes: a pointer to a counted one.
        let mut has_words = false;
        let words = &raw mut has_words;
        made(|made| unsafe { dinov3_plugin_group(store, rank, size, device, timeout, make, words, made) })
            .map(Self::of)
            .map_err(|trouble| if has_words { Trouble::Refused(said()) } else { trouble })
    }

    fn of(backend: *mut c_void) -> Self {
        Self { backend, broken: false }
    }

    /// Gives up whatever is under way, where the backend can, and does not wait for it.
    pub fn give_up(mut self) {
        self.broken = true;
        // What it says to that changes nothing: the group is not used again.
        // SAFETY: the backend is live until `self` is dropped.
        let _ = unsafe { dinov3_backend_abort(self.backend) };
    }

    /// Starts `all_reduce`, in place.
    pub fn all_reduce(&self, tensor: &Tensor, reduce: Reduce) -> Result<Work, Trouble> {
        let (op, factor) = reduce.code();
        // SAFETY: the tensor is live; the work holds a count of it.
        made(|work| unsafe { dinov3_all_reduce(self.backend, tensor.as_ptr().cast(), op, factor, work) }).map(Work)
    }

    /// Starts `_reduce_scatter_base`. Not for Gloo, which takes every op for SUM, and sends twice as much as there is need for.
    pub fn reduce_scatter(&self, output: &Tensor, input: &Tensor, reduce: Reduce) -> Result<Work, Trouble> {
        let (output, input, (op, factor)) = (output.as_ptr().cast(), input.as_ptr().cast(), reduce.code());
        // SAFETY: both tensors are live; the work holds a count of them.
        made(|work| unsafe { dinov3_reduce_scatter(self.backend, output, input, op, factor, work) }).map(Work)
    }

    /// Starts `send` to the group's `to`-th member, which receives it under the same tag.
    pub fn send(&self, tensor: &Tensor, to: usize, tag: i32) -> Result<Work, Trouble> {
        let to = int(to)?;
        // SAFETY: the tensor is live; the work holds a count of it.
        made(|work| unsafe { dinov3_send(self.backend, tensor.as_ptr().cast(), to, tag, work) }).map(Work)
    }

    /// Starts `recv` of what the group's `from`-th member sends under the same tag.
    pub fn receive(&self, tensor: &Tensor, from: usize, tag: i32) -> Result<Work, Trouble> {
        let from = int(from)?;
        // SAFETY: as in `send`.
        made(|work| unsafe { dinov3_receive(self.backend, tensor.as_ptr().cast(), from, tag, work) }).map(Work)
    }

    /// Starts `_allgather_base`.
    pub fn all_gather(&self, output: &Tensor, input: &Tensor) -> Result<Work, Trouble> {
        let (output, input) = (output.as_ptr().cast(), input.as_ptr().cast());
        // SAFETY: both tensors are live; the work holds a count of them.
        made(|work| unsafe { dinov3_all_gather(self.backend, output, input, work) }).map(Work)
    }

    /// Starts `broadcast` from `root`, in place.
    pub fn broadcast(&self, tensor: &Tensor, root: usize) -> Result<Work, Trouble> {
        // SAFETY: the tensor is live; the work holds a count of it.
        made(|work| unsafe { dinov3_broadcast(self.backend, tensor.as_ptr().cast(), root as i64, work) }).map(Work)
    }

    /// Starts `barrier`.
    pub fn barrier(&self) -> Result<Work, Trouble> {
        // SAFETY: the group is live.
        made(|work| unsafe { dinov3_barrier(self.backend, work) }).map(Work)
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        // SAFETY: made by the shim or a plugin for us, freed here only. Waits for the collectives that it still has to end, unless broken.
        unsafe { dinov3_backend_free(self.backend, !self.broken) }
    }
}

/// A collective under way, which holds its tensors. It goes on when this is dropped, but for a message from one rank to another.
#[derive(Debug)]
pub struct Work(*mut c_void);

// SAFETY: c10d's works lock their state; the pointer is freed once, by the owner.
unsafe impl Send for Work {}

impl Work {
    /// Waits for its end.
    pub fn wait(self) -> Result<(), Trouble> {
        // SAFETY: made by the shim, live until `self` is dropped.
        done(unsafe { dinov3_work_wait(self.0) })
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // SAFETY: made by the shim, freed here only.
        unsafe { dinov3_work_free(self.0) }
    }
}

fn done(outcome: c_int) -> Result<(), Trouble> {
    // SAFETY: the message is valid until this thread's next call, and is copied here.
    let message = || text(unsafe { dinov3_shim_error() });
    match outcome {
        0 => Ok(()),
        1 => Err(Trouble::TimedOut(message())),
        2 => Err(Trouble::Disconnected(message())),
        _ => Err(Trouble::Refused(message())),
    }
}

fn made(make: impl FnOnce(*mut *mut c_void) -> c_int) -> Result<*mut c_void, Trouble> {
    let mut made = null_mut();
    done(make(&raw mut made)).map(|()| made)
}

fn int(number: usize) -> Result<c_int, Trouble> {
    c_int::try_from(number).map_err(|_| Trouble::Refused(format!("{number} is more than c10d counts to")))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn string(text: &str) -> Result<CString, Trouble> {
    CString::new(text).map_err(|_| Trouble::Refused(format!("{text:?} holds a NUL")))
}
