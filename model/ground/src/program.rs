//! A program of somebody else, with a limit of time.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// What came of a program.
#[derive(Debug)]
pub enum Ran {
    /// It ended.
    Ended {
        /// Whether with success.
        well: bool,
        /// Standard output.
        stdout: String,
        /// Standard error.
        stderr: String,
    },
    /// It was ended, with all that it started.
    TooLong,
    /// It could not be started.
    NotStarted(io::Error),
}

/// Runs a program for as long as `limit`. It reads nothing.
pub fn run(command: Command, limit: Duration) -> Ran {
    start(command, limit).unwrap_or_else(Ran::NotStarted)
}

/// Output goes to files and not through pipes: what the program leaves behind may hold a pipe open for ever.
fn start(mut command: Command, limit: Duration) -> io::Result<Ran> {
    let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdin(Stdio::null()).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?).process_group(0);
    let mut child = spawn(&mut command)?;
    match within(&mut child, limit)? {
        Some(well) => Ok(Ran::Ended { well, stdout: text(&mut stdout)?, stderr: text(&mut stderr)? }),
        None => Ok(Ran::TooLong),
    }
}

/// Starts the program. A file that was written just now may be held open by a process that another thread forks at this moment.
fn spawn(command: &mut Command) -> io::Result<Child> {
    for _ in 0..50 {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(Duration::from_millis(5))
            }
            started => return started,
        }
    }
    command.spawn()
}

/// Whether the program ended with success; `None` when it had to be ended.
fn within(child: &mut Child, limit: Duration) -> io::Result<Option<bool>> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.success()));
        }
        if start.elapsed() >= limit {
            break;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
    if let Some(group) = Pid::from_raw(child.id().cast_signed()) {
        // It may have ended by itself just now.
        let _ = kill_process_group(group, Signal::KILL);
    }
    // A process that waits for a device in the kernel cannot be ended, and is not waited for.
    for _ in 0..20 {
        if child.try_wait()?.is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(None)
}

fn text(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
