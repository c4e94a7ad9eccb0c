//! The watch over all ranks, from the start of the first to the end of the last.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use super::child::Rank;
use super::ended::{Death, Ended, How, to_blame};
use super::{Launch, LaunchError, Show};

/// The time in which output may still come after all ranks have ended. Processes that they started may hold their pipes for ever.
const LAST_OUTPUT: Duration = Duration::from_secs(1);

/// The events that the conductor waits for.
pub(super) enum Happening {
    /// A rank's process has ended and is to be reaped.
    Ended(usize),
    /// A line of rank 0.
    Line(String),
    /// A signal for the ranks has come to this process.
    Told(i32),
}

/// The progress of ending the ranks.
#[derive(Clone, Copy)]
enum Stage {
    /// No rank has failed.
    Running,
    /// One rank has failed; the others may end by themselves until then.
    Settling(Instant),
    /// The ranks have got SIGTERM, and may end until then.
    Terminating(Instant),
    /// The ranks have got SIGKILL.
    Killed,
}

struct Conductor<'a> {
    launch: &'a Launch,
    ranks: Vec<Rank>,
    stage: Stage,
    /// The ranks that ended by themselves, in the order in which their ends were seen.
    deaths: Vec<(usize, How)>,
    /// The signal that was forwarded last.
    told: Option<i32>,
}

pub(super) fn run(launch: &Launch, line: &mut dyn FnMut(&str)) -> Result<Ended, LaunchError> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (tell, happenings) = mpsc::channel();
    let forwarding = Forwarding::begin(tell.clone()).map_err(LaunchError::Watch)?;
    let mut ranks = Vec::with_capacity(launch.request.ranks);
    for rank in 0..launch.request.ranks {
        let start = |source| LaunchError::Start { rank, program: launch.request.program.clone(), source };
        ranks.push(Rank::start(launch, rank, &tell).map_err(start)?);
    }
    drop(tell);
    let mut conductor = Conductor { launch, ranks, stage: Stage::Running, deaths: Vec::new(), told: None };
    conductor.conduct(&happenings, line).map_err(LaunchError::Watch)?;
    drop(forwarding);
    drain(&happenings, line);
    Ok(conductor.ended())
}

/// Reads the last output of the ranks, until nobody holds their pipes any more.
fn drain(happenings: &Receiver<Happening>, line: &mut dyn FnMut(&str)) {
    let deadline = Instant::now() + LAST_OUTPUT;
    while let Ok(happening) = happenings.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        if let Happening::Line(text) = happening {
            line(&text);
        }
    }
}

impl Conductor<'_> {
    fn conduct(&mut self, happenings: &Receiver<Happening>, line: &mut dyn FnMut(&str)) -> io::Result<()> {
        while self.ranks.iter().any(|rank| rank.lives) {
            match self.next(happenings) {
                Ok(Happening::Ended(rank)) => self.has_ended(rank)?,
                Ok(Happening::Line(text)) => line(&text),
                Ok(Happening::Told(signal)) => {
                    self.told = Some(signal);
                    if let Some(signal) = Signal::from_named_raw(signal) {
                        self.signal(signal);
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.press(),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other("ranks are left of whose end nobody tells"));
                }
            }
        }
        Ok(())
    }

    fn next(&self, happenings: &Receiver<Happening>) -> Result<Happening, RecvTimeoutError> {
        match self.stage {
            Stage::Running | Stage::Killed => happenings.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Stage::Settling(until) | Stage::Terminating(until) => {
                happenings.recv_timeout(until.saturating_duration_since(Instant::now()))
            }
        }
    }

    fn has_ended(&mut self, rank: usize) -> io::Result<()> {
        let how = self.ranks[rank].reap()?;
        if matches!(self.stage, Stage::Running | Stage::Settling(_)) {
            self.deaths.push((rank, how));
        }
        if matches!(self.stage, Stage::Running) && how != How::Code(0) {
            self.stage = Stage::Settling(Instant::now() + self.launch.settle);
        }
        Ok(())
    }

    /// The wait is over.
    fn press(&mut self) {
        self.stage = match self.stage {
            Stage::Settling(_) => {
                self.signal(Signal::TERM);
                Stage::Terminating(Instant::now() + self.launch.grace)
            }
            Stage::Terminating(_) => {
                self.signal(Signal::KILL);
                Stage::Killed
            }
            stage @ (Stage::Running | Stage::Killed) => stage,
        };
    }

    fn signal(&self, signal: Signal) {
        for rank in &self.ranks {
            rank.signal(signal);
        }
    }

    fn ended(&self) -> Ended {
        let (first, all) = (self.deaths.first(), self.deaths.len() == self.ranks.len());
        if let Some(&(_, how @ How::Code(code))) = first
            && all
            && self.deaths.iter().all(|(_, it)| *it == how)
        {
            // If nobody has seen the output of rank 0, its death carries it.
            let seen = code == 0 || self.launch.request.show == Show::Through;
            return if seen { Ended::Together(code) } else { Ended::Failed(self.death(0, how)) };
        }
        let by_itself = |(_, how): &&(usize, How)| self.told.is_none_or(|signal| *how != How::Signal(signal));
        let deaths: Vec<(usize, How)> = self.deaths.iter().filter(by_itself).copied().collect();
        match (to_blame(&deaths, self.launch.request.consequence), self.told) {
            // Ranks that were told to end tell the others that they are gone, which is no failure of their own.
            (blamed, Some(signal))
                if blamed.is_none_or(|(_, how)| how == How::Code(self.launch.request.consequence)) =>
            {
                Ended::Told { signal }
            }
            (Some((rank, how)), _) => Ended::Failed(self.death(rank, how)),
            (None, _) => Ended::Together(0),
        }
    }

    fn death(&self, rank: usize, how: How) -> Death {
        Death { rank, of: self.ranks.len(), how, last_words: self.ranks[rank].last_words() }
    }
}

/// While this value lives, signals that would end this process go to the conductor instead.
struct Forwarding {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Forwarding {
    fn begin(tell: Sender<Happening>) -> io::Result<Self> {
        idle().map(|idle| idle.store(false, Ordering::SeqCst))?;
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let handle = signals.handle();
        let forward = move || {
            for signal in signals.forever() {
                if tell.send(Happening::Told(signal)).is_err() {
                    return;
                }
            }
        };
        Ok(Self { handle, thread: Some(thread::spawn(forward)) })
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // The handler only forwards the signal, and does not panic.
            let _ = thread.join();
        }
        if let Ok(idle) = idle() {
            idle.store(true, Ordering::SeqCst);
        }
    }
}

/// Whether no launch is under way, in which case a signal has its default effect. An installed handler stays installed.
fn idle() -> io::Result<&'static Arc<AtomicBool>> {
    static IDLE: OnceLock<Result<Arc<AtomicBool>, io::ErrorKind>> = OnceLock::new();
    let install = || {
        let idle = Arc::new(AtomicBool::new(true));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&idle)).map_err(|it| it.kind())?;
        }
        Ok(idle)
    };
    IDLE.get_or_init(install).as_ref().map_err(|kind| io::Error::from(*kind))
}
