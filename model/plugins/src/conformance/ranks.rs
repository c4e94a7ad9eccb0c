//! Ranks of a check. Each is a process of this program, and reports every check in a line on its standard output.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;

use super::Request;

/// The beginning of a line of a report. A plugin may print other lines.
const REPORT: &str = "> ";

/// The outcome of a check on one rank.
pub(super) type Outcome = Result<(), String>;

/// Reports to the process that started this rank.
pub(super) fn report(outcome: &Outcome) {
    println!("{REPORT}{}", outcome.as_ref().err().map_or(String::new(), |why| why.replace('\n', " ")));
}

/// Ends this rank when the process that started it ends, which closes this rank's standard input.
pub(super) fn end_with_starter() {
    drop(thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(super::ENVIRONMENT);
    }));
}

/// A message of a rank.
enum Said {
    Outcome(Outcome),
    Ended,
}

/// The ranks, from their start to their end.
struct Running {
    started: Vec<(Child, ChildStdin)>,
}

impl Running {
    /// The end of a rank that has closed its output.
    fn ending(&mut self, rank: usize) -> String {
        let (child, _) = &mut self.started[rank];
        // This does nothing if the process has ended.
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

/// Starts the ranks and hands over the outcome of each of `count` checks, in order.
///
/// # Errors
/// If a process cannot be started.
pub(super) fn run(request: &Request, count: usize, mut each: impl FnMut(Outcome)) -> Result<(), String> {
    let (sender, said) = channel();
    let mut running = Running { started: Vec::new() };
    // The port was free a moment ago. If another process takes it, the first check fails.
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

/// Ends all ranks and reports the remaining checks: the running one, and those after it.
fn stop(running: Running, left: usize, why: &str, each: &mut impl FnMut(Outcome)) -> Result<(), String> {
    drop(running);
    each(Err(why.to_owned()));
    (1..left).for_each(|_| each(Err(format!("not reached: {why}"))));
    Ok(())
}

/// Joins the next outcome of each rank: passed if it passed on all, else the failure of the first rank that failed.
fn merged(reports: &mut [VecDeque<Outcome>]) -> Outcome {
    let all: Vec<Outcome> = reports.iter_mut().filter_map(VecDeque::pop_front).collect();
    // Ranks mostly report the same failure.
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
