//! The ends of ranks, and the rank to blame.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use dinov3_ground::{Hint, Hints};

/// The end of all ranks of a launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All ranks ended by themselves with the same exit code. If the code is not 0, rank 0 has said why.
    Together(i32),
    /// A forwarded signal ended the ranks.
    Told {
        /// Its number.
        signal: i32,
    },
    /// One rank failed; the others failed in consequence, or were ended.
    Failed(Death),
}

impl Ended {
    /// The exit code for the launcher: that of all ranks, that of the rank to blame, or 128 plus the signal's number.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Together(code) => *code,
            Self::Told { signal } => 128 + signal,
            Self::Failed(death) => death.how.exit_code(),
        }
    }
}

/// A rank that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// The rank.
    pub rank: usize,
    /// The number of ranks.
    pub of: usize,
    /// The end of the rank's process.
    pub how: How,
    /// The last lines of the rank's standard error without the final newline; empty if they have been shown already.
    pub last_words: String,
}

impl fmt::Display for Death {
    /// `rank 2 of 4 was killed by SIGKILL`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} of {} {}", self.rank, self.of, self.how)
    }
}

impl std::error::Error for Death {}

impl Hint for Death {
    fn hints(&self) -> Hints {
        let hint: &'static str = match self.how {
            How::Signal(9) => "unless somebody killed it, ask the kernel's log about memory",
            How::Signal(_) => "the kernel's log, or a core dump, says where it was",
            How::Code(_) => "what it said itself is above",
        };
        hint.into()
    }
}

/// The end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Its exit code.
    Code(i32),
    /// A signal.
    Signal(i32),
}

impl How {
    pub(super) fn of(status: ExitStatus) -> Self {
        // The status of a process that ended is one of the two.
        status.code().map_or_else(|| Self::Signal(status.signal().unwrap_or(0)), Self::Code)
    }

    /// The exit code that a shell gives.
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "ended with exit code {code}"),
            Self::Signal(signal) => write!(f, "was killed by {}", name(*signal)),
        }
    }
}

fn name(signal: i32) -> String {
    signal_hook::low_level::signal_name(signal).map_or_else(|| format!("signal {signal}"), str::to_owned)
}

/// The rank to blame among those that ended by themselves, given in the order in which their ends were seen: the first that did not say that
/// it failed because of another rank, or else the first.
pub(super) fn to_blame(deaths: &[(usize, How)], consequence: i32) -> Option<(usize, How)> {
    let failed = || deaths.iter().copied().filter(|(_, how)| *how != How::Code(0));
    failed().find(|(_, how)| *how != How::Code(consequence)).or_else(|| failed().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_to_blame_unless_it_blames_another() {
        let (kill, error, peer) = (How::Signal(9), How::Code(2), How::Code(4));
        for (deaths, expected) in [
            (vec![], None),
            (vec![(0, How::Code(0))], None),
            (vec![(3, error), (1, kill)], Some((3, error))),
            (vec![(0, How::Code(0)), (2, peer), (1, kill), (3, error)], Some((1, kill))),
            (vec![(2, peer), (0, peer)], Some((2, peer))),
        ] {
            assert_eq!(to_blame(&deaths, 4), expected, "{deaths:?}");
        }
    }

    #[test]
    fn deaths_read_well() {
        let death = |how| Death { rank: 2, of: 4, how, last_words: String::new() }.to_string();
        assert_eq!(death(How::Signal(9)), "rank 2 of 4 was killed by SIGKILL");
        assert_eq!(death(How::Signal(40)), "rank 2 of 4 was killed by signal 40");
        assert_eq!(death(How::Code(3)), "rank 2 of 4 ended with exit code 3");
        assert_eq!(Ended::Told { signal: 15 }.exit_code(), 143);
    }
}
