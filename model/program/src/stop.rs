//! What ends a training before its end: a signal, or a number of steps.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dinov3_ranks::Group;
use dinov3_train::run::Stop;
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use tch::Tensor;

/// The exit code of a program that a second signal ends at once: that of one that SIGINT ended, in a shell.
const AT_ONCE: i32 = 130;

/// Ends a run at a signal, or after so many iterations.
#[derive(Debug)]
pub struct Stopping {
    signalled: Arc<AtomicBool>,
    /// The first iteration that is not to be taken.
    end: Option<usize>,
    /// The ranks that stop together.
    ranks: Arc<dyn Group>,
}

impl Stopping {
    /// Listens to SIGINT and SIGTERM from now on: the first asks for the end, a second one ends the process at once.
    ///
    /// # Errors
    /// When the system lets nobody listen.
    pub fn at_signals(ranks: Arc<dyn Group>) -> io::Result<Self> {
        let signalled = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag down.
            signal_hook::flag::register_conditional_shutdown(signal, AT_ONCE, Arc::clone(&signalled))?;
            signal_hook::flag::register(signal, Arc::clone(&signalled))?;
        }
        // As in Python: a file that has reached its limit is then an error of the write, not the end of the process.
        signal_hook::flag::register(SIGXFSZ, Arc::default())?;
        Ok(Self { signalled, end: None, ranks })
    }

    /// Takes `steps` iterations from `it` on at most.
    pub fn after(&mut self, it: usize, steps: Option<usize>) {
        self.end = steps.map(|steps| it.saturating_add(steps));
    }

    /// Takes no iteration from `until` on.
    pub fn before(&mut self, until: Option<usize>) {
        self.end = self.end.into_iter().chain(until).min();
    }

    /// Whether a signal came to any rank. A rank that is gone is told of by the next step.
    fn is_signalled(&self) -> bool {
        let here = self.signalled.load(Ordering::Relaxed);
        if self.ranks.size() == 1 {
            return here;
        }
        let all = self.ranks.all_gather(&Tensor::from_slice(&[i64::from(here)]));
        all.is_ok_and(|all| all.iter().any(|it| it.int64_value(&[0]) != 0))
    }
}

impl Stop for Stopping {
    fn is_wanted(&mut self, it: usize) -> bool {
        self.is_signalled() || self.end.is_some_and(|end| it >= end)
    }
}
