//! A word while a rank waits for the others.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use dinov3_ranks::launch;

/// The time after which the wait is told.
const QUIET: Duration = Duration::from_secs(3);

/// Does something for which the other ranks must come, and says on standard error what is waited for if that takes long.
pub fn told<R>(join: impl FnOnce() -> R) -> R {
    if !launch::is_a_rank() {
        return join();
    }
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| "?".to_owned());
    let (rank, size) = (variable("RANK"), variable("WORLD_SIZE"));
    let place = format!("{}:{}", variable("MASTER_ADDR"), variable("MASTER_PORT"));
    let (joined, waits) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        if waits.recv_timeout(QUIET) == Err(RecvTimeoutError::Timeout) {
            eprintln!("rank {rank} waits for the other ranks of {size} at {place}");
        }
    });
    let result = join();
    drop(joined);
    // The thread only waits and writes.
    let _ = watch.join();
    result
}
