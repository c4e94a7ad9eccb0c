//! The rendezvous: ranks find each other through a store that one of them, or their launcher, serves.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use dinov3_torch::c10d::{Store, Trouble};

use crate::env::Env;
use crate::error::{Failure, named};

/// The longest single wait at the store. If the store itself goes away, the missing ranks are those of the last wait.
const SLICE: Duration = Duration::from_millis(500);

/// The time that a rank waits before it says which ranks it waits for.
pub(super) const SILENCE: Duration = Duration::from_secs(8);

/// The time that a rank waits longer than c10d for c10d's store to open. c10d's own error says more, if it gives one.
const GRACE: Duration = Duration::from_secs(2);

/// Prints a remark for the person who watches.
pub(super) fn say(text: &str) {
    eprintln!("note: {text}");
}

/// Opens the store, or connects to it. After `silence` it calls `say` with the address that it waits for.
///
/// c10d connects, sends a first word and waits for the answer as long as the connection lasts; its timeout covers only the connection. If a
/// program that does not answer has the port, the thread of c10d's call stays behind and ends with the process.
///
/// # Errors
/// If c10d fails, or nobody answers within `timeout`.
pub(super) fn open(env: &Env, timeout: Duration, silence: Duration, say: &dyn Fn(&str)) -> Result<Store, String> {
    let (opened, outcome) = mpsc::channel();
    let (host, port, serves) = (env.master_addr.clone(), env.master_port, env.serves());
    let thread = thread::Builder::new().name("rendezvous".to_owned());
    let opening = move || {
        // If nobody waits for the store any more, it is closed again.
        let _ = opened.send(Store::tcp(&host, port, serves, timeout));
    };
    thread.spawn(opening).map_err(|error| format!("no thread can be started: {error}"))?;
    let silence = silence.min(timeout);
    let mut answer = outcome.recv_timeout(silence);
    if let Err(RecvTimeoutError::Timeout) = answer {
        let who = if env.agent_store { "the launcher" } else { "rank 0" };
        say(&format!("rank {} waits for {who}, which serves the store at {}:{port}", env.rank, env.master_addr));
        answer = outcome.recv_timeout((timeout - silence) + GRACE);
    }
    match answer {
        Ok(store) => store.map_err(|trouble| trouble.message().to_owned()),
        Err(RecvTimeoutError::Timeout) => Err(format!("something has the port and has not answered for {timeout:?}")),
        Err(RecvTimeoutError::Disconnected) => Err("the thread that opens it panicked".to_owned()),
    }
}

/// A store, and its name in errors.
#[derive(Debug)]
pub(super) struct Meeting {
    pub(super) store: Store,
    pub(super) address: String,
}

impl Meeting {
    /// The same store under other keys.
    pub(super) fn within(&self, prefix: &str) -> Result<Self, Failure> {
        let store = self.store.prefixed(prefix).map_err(|trouble| self.failure(&trouble))?;
        Ok(Self { store, address: self.address.clone() })
    }

    /// Stores `value` for `rank` and waits for all `members`. Gives their values, in order.
    pub(super) fn meet(
        &self,
        rank: usize,
        members: &[usize],
        value: &str,
        timeout: Duration,
        say: &dyn Fn(&str),
    ) -> Result<Vec<String>, Failure> {
        let failure = |trouble: Trouble| self.failure(&trouble);
        self.store.set(&key(rank), value).map_err(failure)?;
        let (begun, slice) = (Instant::now(), SLICE.min(timeout / 4));
        let absent = |missing, after| Failure::Absent { missing, size: members.len(), after };
        // The missing ranks of the last wait that failed.
        let mut missing = Vec::new();
        let mut said = false;
        for &member in members {
            while let Err(trouble) = self.store.wait(&key(member), slice) {
                let seen = match trouble {
                    Trouble::TimedOut(_) => self.missing(members),
                    other => Err(other),
                };
                missing = match seen {
                    Ok(seen) if begun.elapsed() >= timeout => return Err(absent(seen, timeout)),
                    Ok(seen) => {
                        if !said && begun.elapsed() >= SILENCE {
                            said = true;
                            say(&format!("rank {rank} waits for {}, up to {timeout:?}", named(&seen)));
                        }
                        seen
                    }
                    // Rank 0 began to wait earlier, and closed the store when it gave up.
                    Err(_) if !missing.is_empty() => return Err(absent(missing, whole_millis(begun.elapsed()))),
                    Err(trouble) => return Err(failure(trouble)),
                };
            }
        }
        members.iter().map(|&member| self.store.get(&key(member)).map_err(failure)).collect()
    }

    fn missing(&self, members: &[usize]) -> Result<Vec<usize>, Trouble> {
        let mut missing = Vec::new();
        for &member in members {
            if !self.store.has(&key(member))? {
                missing.push(member);
            }
        }
        Ok(missing)
    }

    pub(super) fn failure(&self, trouble: &Trouble) -> Failure {
        Failure::Store { address: self.address.clone(), message: trouble.message().to_owned() }
    }
}

fn whole_millis(duration: Duration) -> Duration {
    Duration::from_millis(duration.as_millis() as u64)
}

fn key(rank: usize) -> String {
    format!("rank/{rank}")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::net::TcpListener;

    use super::*;

    /// c10d alone waits for an answer as long as the connection lasts.
    #[test]
    fn a_port_that_something_silent_has_taken_is_told_and_given_up() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = silent.local_addr().unwrap().port();
        let env = Env {
            rank: 1,
            world_size: 2,
            local_rank: 1,
            master_addr: "127.0.0.1".to_owned(),
            master_port: port,
            agent_store: false,
            restarts: 0,
            patience: Duration::from_secs(60),
        };
        let said = RefCell::new(Vec::new());
        let say = |text: &str| said.borrow_mut().push(text.replace(&port.to_string(), "PORT"));
        let begun = Instant::now();
        let error = open(&env, Duration::from_secs(1), Duration::from_millis(200), &say).unwrap_err();
        assert_eq!(error, "something has the port and has not answered for 1s");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert_eq!(*said.borrow(), ["rank 1 waits for rank 0, which serves the store at 127.0.0.1:PORT"]);
        assert!(SILENCE < Duration::from_secs(10));
    }
}
