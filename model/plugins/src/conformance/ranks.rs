//! Ranks of a check: this program again, a process each, which reports every check in a line on its standard output.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;

use super::Request;

/// What a line of a report begins with; a plugin may print others.
const REPORT: &str = "> ";

/// How a check went on one rank.
pub(super) type Outcome = Result<(), String>;

/// Reports to the process that started this rank.
pub(super) fn report(outcome: &Outcome) {
    println!("{REPORT}{}", outcome.as_ref().err().map_or(String::new(), |why| why.replace('\n', " ")));
}

/// Lets this rank end when the process that started it does: its standard input ends then.
pub(super) fn end_with_starter() {
    drop(thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(super::ENVIRONMENT);
    }));
}

/// What a rank said.
enum Said {
    Outcome(Outcome),
    Ended,
}

/// The ranks, from their start to their end.
struct Running {
    started: Vec<(Child, ChildStdin)>,
}

impl Running {
    /// How a rank ended that says nothing any more.
    fn ending(&mut self, rank: usize) -> String {
        let (child, _) = &mut self.started[rank];
        // Of a process that has ended, this changes nothing.
        let ended = child.kill().and_then(|()| child.wait());
        ended.map_or_else(|error| format!("is lost: {error}"), |status| format!("ended: {status}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for (child, _) in &mut self.started {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts the ranks and hands over how each of `count` checks went, in order.
///
/// # Errors
/// When a process cannot be started.
pub(super) fn run(request: &Request, count: usize, mut each: impl FnMut(Outcome)) -> Result<(), String> {
    let (sender, said) = channel();
    let mut running = Running { started: Vec::new() };
    // Free a moment ago: a port that is taken in between is an error of the first check.
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    let port = listener.map_err(|error| format!("no port of this machine can be had: {error}"))?.port();
    for rank in 0..request.size() {
        let started = start(request, rank, port, sender.clone());
        running.started.push(started.map_err(|error| format!("rank {rank} cannot be started: {error}"))?);
    }
    let mut reports: Vec<VecDeque<Outcome>> = vec![VecDeque::new(); request.size()];
    let mut done = 0;
    while done < count {
        match said.recv_timeout(request.limit()) {
            Ok((rank, Said::Outcome(outcome))) => reports[rank].push_back(outcome),
            Ok((rank, Said::Ended)) => {
                // What it reported before is in the queue: the check that it ended in comes after that.
                let last = done + reports[rank].len();
                if last < count {
                    let why = format!("rank {rank} {}", running.ending(rank));
                    return stop(running, count - done, &why, &mut each);
                }
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                let late = (0..request.size()).filter(|&rank| reports[rank].is_empty()).map(|rank| rank.to_string());
                let late = late.collect::<Vec<_>>().join(", ");
                let why = format!("not over after {} s on rank {late}", request.limit().as_secs());
                return stop(running, count - done, &why, &mut each);
            }
        }
        while reports.iter().all(|of_rank| !of_rank.is_empty()) {
            each(merged(&mut reports));
            done += 1;
        }
    }
    Ok(())
}

/// Ends all ranks and reports the rest: the check that is under way, and those after it.
fn stop(running: Running, left: usize, why: &str, each: &mut impl FnMut(Outcome)) -> Result<(), String> {
    drop(running);
    each(Err(why.to_owned()));
    (1..left).for_each(|_| each(Err(format!("not reached: {why}"))));
    Ok(())
}

/// The next outcome of each rank as one: passed where it passed on all, else what the first rank says that it failed on.
fn merged(reports: &mut [VecDeque<Outcome>]) -> Outcome {
    let all: Vec<Outcome> = reports.iter_mut().filter_map(VecDeque::pop_front).collect();
    // What the first rank says is most often what all say.
    let each = all.into_iter().enumerate().map(|(rank, it)| it.map_err(|why| format!("rank {rank}: {why}")));
    each.collect::<Result<Vec<()>, String>>().map(drop)
}

fn start(request: &Request, rank: usize, port: u16, to: Sender<(usize, Said)>) -> io::Result<(Child, ChildStdin)> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg(&request.plugin)
        .args(["--nproc", &request.nproc.to_string(), "--limit", &request.limit.to_string()])
        .args(["--rank", &rank.to_string(), "--port", &port.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("a process without pipes"));
    };
    drop(thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Some(why) = line.strip_prefix(REPORT) {
                let outcome = if why.is_empty() { Ok(()) } else { Err(why.to_owned()) };
                // Nobody listens any more once a check was stopped.
                let _ = to.send((rank, Said::Outcome(outcome)));
            }
        }
        let _ = to.send((rank, Said::Ended));
    }));
    Ok((child, input))
}
