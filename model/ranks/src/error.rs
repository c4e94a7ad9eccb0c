//! Errors between ranks: the rank that reports, the collective, and the failure.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use dinov3_ground::list;
use dinov3_ground::{Hint, Hints};
use dinov3_torch::plugin::PluginError;
use dinov3_torch::shim::ShimError;
use tch::Kind;
use thiserror::Error;

use super::ReduceOp;

/// A call that all ranks make together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collective {
    /// The rendezvous, before the first collective.
    Rendezvous,
    /// `all_reduce`.
    AllReduce,
    /// `reduce_scatter_tensor`.
    ReduceScatter,
    /// `all_gather`, and `all_gather_into_tensor`.
    AllGather,
    /// `broadcast`.
    Broadcast,
    /// `barrier`.
    Barrier,
    /// `new_group`.
    NewGroup,
}

impl fmt::Display for Collective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rendezvous => "rendezvous",
            Self::AllReduce => "all_reduce",
            Self::ReduceScatter => "reduce_scatter",
            Self::AllGather => "all_gather",
            Self::Broadcast => "broadcast",
            Self::Barrier => "barrier",
            Self::NewGroup => "new_group",
        })
    }
}

/// A collective that failed. After a collective fails midway, the group does nothing more: every later call returns the same error.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("rank {rank}: {collective} failed: {failure}")]
pub struct GroupError {
    /// The rank that reports the error, counted over all ranks of the run.
    pub rank: usize,
    /// The collective.
    pub collective: Collective,
    /// The failure.
    pub failure: Failure,
}

impl Hint for GroupError {
    fn hints(&self) -> Hints {
        self.failure.hints()
    }
}

/// The reason why a collective failed. Ranks are counted over all ranks of the run.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum Failure {
    /// Ranks whose process ended without reporting a failed collective, or whose machine does not answer.
    #[error("{}", gone(.ranks, .hosts))]
    Gone {
        /// The ranks.
        ranks: Vec<usize>,
        /// The addresses of their machines, as far as they are not this rank's.
        hosts: Vec<IpAddr>,
    },
    /// All processes are alive, but a tensor that this rank needs did not come.
    #[error("timed out after {after:?}; {}", whom(.late))]
    TimedOut {
        /// The time that this rank waited.
        after: Duration,
        /// The ranks that have not given up on a collective one second later. The rank that the others wait for is among them.
        late: Vec<usize>,
    },
    /// A connection broke although all processes are alive.
    #[error("a connection broke, and all ranks still answer: {message}")]
    Broken {
        /// The backend's message.
        message: String,
    },
    /// Not all ranks came to the rendezvous.
    #[error("{} of {size} ranks came within {after:?}; missing: {}", .size - .missing.len(), named(.missing))]
    Absent {
        /// The ranks that did not come.
        missing: Vec<usize>,
        /// The number of ranks that were expected.
        size: usize,
        /// The time that this rank waited for the others.
        after: Duration,
    },
    /// The store of rank 0 or of the launcher cannot be opened or reached, or is gone.
    #[error("the store at {address}: {message}")]
    Store {
        /// Host and port.
        address: String,
        /// c10d's message.
        message: String,
    },
    /// A tensor that the backend cannot exchange. Nothing was sent.
    #[error("{what} cannot be exchanged over {backend}")]
    Tensor {
        /// The property of the tensor that the backend does not support.
        what: String,
        /// The backend.
        backend: String,
    },
    /// A reduction that has no result here. Nothing was sent.
    #[error("{op} of {kind:?} tensors is refused: {why}")]
    Op {
        /// The op.
        op: ReduceOp,
        /// The tensors' dtype.
        kind: Kind,
        /// The reason.
        why: &'static str,
    },
    /// Arguments that do not fit the group, or that differ between ranks.
    #[error("{message}")]
    Mismatch {
        /// The mismatch, in words.
        message: String,
    },
    /// The backend refused.
    #[error("{message}")]
    Backend {
        /// The backend's reason.
        message: String,
    },
    /// This build or this machine has no such backend.
    #[error("backend `{name}` {why}")]
    NoBackend {
        /// The name that was asked for.
        name: String,
        /// The reason.
        why: String,
    },
    /// The backend's plugin cannot be used.
    #[error(transparent)]
    Plugin(Box<PluginError>),
    /// libtorch refused a computation before or after the exchange.
    #[error("{message}")]
    Libtorch {
        /// libtorch's message.
        message: String,
    },
}

impl From<PluginError> for Failure {
    fn from(error: PluginError) -> Self {
        Self::Plugin(Box::new(error))
    }
}

impl From<ShimError> for Failure {
    fn from(error: ShimError) -> Self {
        Self::Libtorch { message: error.to_string() }
    }
}

impl Hint for Failure {
    fn hints(&self) -> Hints {
        let hint: &'static str = match self {
            Self::Gone { hosts, .. } if !hosts.is_empty() => {
                "those ranks' own output says why they ended; without any, look at that machine and at the network to it"
            }
            Self::Gone { .. } => {
                "that rank's own output says why it ended; without any, ask the kernel's log about memory"
            }
            Self::TimedOut { .. } => {
                "look at what the late ranks are doing; if they are only slow, allow a collective more time"
            }
            Self::Broken { .. } => "look at the other ranks' errors and at the network between them",
            Self::Absent { .. } => {
                "see why the missing ranks did not start, and that all have the same WORLD_SIZE, MASTER_ADDR and MASTER_PORT"
            }
            Self::Store { .. } => {
                "see that MASTER_ADDR and MASTER_PORT name rank 0's machine and a port that is free there, and that it runs"
            }
            Self::Tensor { .. } => {
                "use a dense tensor of dtype float64, float32, float16, bfloat16, int64, int32, int8, uint8 or bool, on the backend's device"
            }
            Self::Op { .. } => "use SUM, or scale the tensors before or after it",
            Self::Mismatch { .. } => "every rank must make the same calls in the same order, with tensors that fit",
            Self::Backend { .. } => {
                "if it lacks an op, let PREMUL_SUM be emulated; gloo is there on every machine, for tensors on the CPU"
            }
            Self::NoBackend { .. } => {
                "gloo is there on every machine, nccl where libtorch and CUDA's headers are; others are named by the path of their plugin"
            }
            Self::Plugin(error) => return error.hints(),
            Self::Libtorch { .. } => "see whether there is memory left for it",
        };
        hint.into()
    }
}

impl Failure {
    /// Ranks of this machine that are gone.
    pub fn gone(ranks: Vec<usize>) -> Self {
        Self::Gone { ranks, hosts: Vec::new() }
    }

    /// Whether other ranks are to blame: they are gone, late or absent, or their store is.
    pub fn is_of_others(&self) -> bool {
        matches!(
            self,
            Self::Gone { .. } | Self::TimedOut { .. } | Self::Broken { .. } | Self::Absent { .. } | Self::Store { .. }
        )
    }
}

/// `ranks 2, 3 and 5`.
pub(super) fn named(ranks: &[usize]) -> String {
    match ranks {
        [] => "no rank".to_owned(),
        [rank] => format!("rank {rank}"),
        ranks => format!("ranks {}", list::and(ranks)),
    }
}

/// `ranks 2 and 3 on 10.0.0.2 are gone`.
fn gone(ranks: &[usize], hosts: &[IpAddr]) -> String {
    let on = if hosts.is_empty() { String::new() } else { format!(" on {}", list::and(hosts)) };
    format!("{}{on} {} gone", named(ranks), if ranks.len() == 1 { "is" } else { "are" })
}

fn whom(ranks: &[usize]) -> String {
    if ranks.is_empty() {
        "all ranks wait for each other, so their calls differ".to_owned()
    } else {
        format!("{} never joined the collective", named(ranks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_reporter_collective_and_culprits() {
        let text = |failure| GroupError { rank: 1, collective: Collective::AllReduce, failure }.to_string();
        let gone = Failure::gone(vec![0, 2, 3]);
        assert_eq!(text(gone), "rank 1: all_reduce failed: ranks 0, 2 and 3 are gone");
        let elsewhere = Failure::Gone { ranks: vec![2], hosts: vec![[10, 0, 0, 2].into()] };
        assert_eq!(text(elsewhere), "rank 1: all_reduce failed: rank 2 on 10.0.0.2 is gone");
        let absent = Failure::Absent { missing: vec![3], size: 4, after: Duration::from_secs(2) };
        assert_eq!(text(absent), "rank 1: all_reduce failed: 3 of 4 ranks came within 2s; missing: rank 3");
        let late = Failure::TimedOut { after: Duration::from_millis(1500), late: vec![2] };
        assert_eq!(text(late), "rank 1: all_reduce failed: timed out after 1.5s; rank 2 never joined the collective");
    }
}
