//! The process of one rank. It cannot outlive its launcher, and its output is kept or passed on.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use super::conductor::Happening;
use super::{Launch, Show};

/// Other variables that torchrun sets for its ranks. They must not reach our ranks from an outer launcher.
const OF_OTHER_LAUNCHERS: [&str; 2] = ["TORCHELASTIC_USE_AGENT_STORE", "TORCHELASTIC_RESTART_COUNT"];

/// The part of a rank's standard error that is kept, in bytes, and the part of that which is shown, in lines.
const KEPT: (usize, usize) = (64 * 1024, 40);

/// A rank's process.
pub(super) struct Rank {
    child: Child,
    tail: Option<Arc<Mutex<Tail>>>,
    /// The process has not been waited for, so no other process has its number.
    pub(super) lives: bool,
}

impl Rank {
    /// Starts the rank, and threads that report its output and its end. The threads end after the rank and all processes that hold its pipes.
    pub(super) fn start(launch: &Launch, rank: usize, tell: &Sender<Happening>) -> io::Result<Self> {
        let request = &launch.request;
        let mut command = Command::new(&request.program);
        command.args(&request.arguments).stdin(Stdio::null());
        for name in OF_OTHER_LAUNCHERS {
            command.env_remove(name);
        }
        for name in &launch.absent {
            command.env_remove(name);
        }
        command.envs(launch.environment.iter().map(|(name, value)| (name, value)));
        command.env("RANK", rank.to_string()).env("LOCAL_RANK", rank.to_string());
        let (stdout, stderr) = match (rank, request.show) {
            (0, Show::Through) => (Stdio::inherit(), Stdio::inherit()),
            (0, Show::Lines) => (Stdio::piped(), Stdio::piped()),
            _ => (Stdio::null(), Stdio::piped()),
        };
        command.stdout(stdout).stderr(stderr);
        let mut child = bound_to_this_thread(&mut command).spawn()?;
        if let Some(output) = child.stdout.take() {
            pass_on_lines(output, tell.clone());
        }
        let tail = child.stderr.take().map(|output| keep_the_tail(output, tell.clone()));
        tell_of_the_end(&child, rank, tell.clone());
        Ok(Self { child, tail, lives: true })
    }

    /// Reaps the process after its end was reported. Gives how it ended.
    pub(super) fn reap(&mut self) -> io::Result<super::How> {
        self.lives = false;
        self.child.wait().map(super::How::of)
    }

    /// Sends a signal to the process, if it lives, and to all processes that it started.
    pub(super) fn signal(&self, signal: Signal) {
        if self.lives {
            // Fails if the process has ended meanwhile, which is as good.
            let _ = rustix::process::kill_process_group(Pid::from_child(&self.child), signal);
        }
    }

    /// The end of the standard error, if it was kept.
    pub(super) fn last_words(&self) -> String {
        self.tail.as_ref().map_or_else(String::new, |tail| lock(tail).text())
    }
}

impl Drop for Rank {
    /// Ends the process, so that none is left when its watcher ends early.
    fn drop(&mut self) {
        if self.lives {
            self.signal(Signal::KILL);
            // The process cannot ignore SIGKILL; if it is gone already, there is nothing to wait for.
            let _ = self.child.wait();
        }
    }
}

/// Makes the process die with this thread, and get the terminal's Ctrl-C from its launcher only.
fn bound_to_this_thread(command: &mut Command) -> &mut Command {
    let parent = rustix::process::getpid();
    let bind = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // A launcher that died before the call above sends no signal.
        if rustix::process::getppid() == Some(parent) { Ok(()) } else { Err(rustix::io::Errno::CHILD.into()) }
    };
    // SAFETY: between fork and exec: two system calls, and neither locks nor memory.
    unsafe { command.process_group(0).pre_exec(bind) }
}

fn tell_of_the_end(child: &Child, rank: usize, tell: Sender<Happening>) {
    let pid = Pid::from_child(child);
    thread::spawn(move || {
        // The owner reaps the process, so that nobody signals a number that belongs to another process by then.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(rustix::process::waitid(WaitId::Pid(pid), options), Err(rustix::io::Errno::INTR)) {}
        // A listener that is gone needs no report.
        let _ = tell.send(Happening::Ended(rank));
    });
}

fn pass_on_lines(output: impl Read + Send + 'static, tell: Sender<Happening>) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            let Ok(line) = line else { return };
            if tell.send(Happening::Line(line)).is_err() {
                return;
            }
        }
    });
}

fn keep_the_tail(mut output: impl Read + Send + 'static, tell: Sender<Happening>) -> Arc<Mutex<Tail>> {
    let tail = Arc::new(Mutex::new(Tail::default()));
    let kept = Arc::clone(&tail);
    thread::spawn(move || {
        // Held until all is read. When nobody holds one any more, nothing more will come.
        let _tell = tell;
        let mut buffer = [0; 4096];
        loop {
            match output.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => lock(&kept).push(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    });
    tail
}

fn lock(tail: &Mutex<Tail>) -> std::sync::MutexGuard<'_, Tail> {
    tail.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The last bytes of a stream.
#[derive(Default)]
struct Tail(VecDeque<u8>);

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
        let over = self.0.len().saturating_sub(KEPT.0);
        self.0.drain(..over);
    }

    fn text(&self) -> String {
        let bytes: Vec<u8> = self.0.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.trim_end().lines().collect();
        lines[lines.len().saturating_sub(KEPT.1)..].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_much_output_is_kept() {
        let mut tail = Tail::default();
        for i in 0..100_000 {
            tail.push(format!("line {i}\n").as_bytes());
        }
        let text = tail.text();
        assert!(tail.0.len() <= KEPT.0 && text.lines().count() == KEPT.1, "{text}");
        assert!(text.ends_with("line 99998\nline 99999"), "{text}");
    }
}
