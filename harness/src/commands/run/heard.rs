//! Who listens to a run: the terminal, the file of events and the collector, shared with the thread that waits for signals.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use dinov3_reports::events::JsonLines;
use dinov3_reports::message::Coverage;
use dinov3_reports::{Check, Collector, Event, RUN, Reporter, RunReport, Verdict};

/// The id of the check of the run itself.
const COMPLETE: &str = "run/complete";

/// The reporters of a run.
pub struct Heard {
    /// For people.
    pub terminal: Box<dyn Reporter + Send>,
    /// The file of events.
    pub events: Option<JsonLines<File>>,
    /// What the report is made of.
    pub collector: Collector,
    /// The suite that runs.
    pub suite: String,
    /// Whether the run came to its end.
    pub over: bool,
}

/// The reporters of a run, which two threads use.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<Heard>>);

impl Shared {
    /// Reporters that have heard nothing yet.
    pub fn new(terminal: Box<dyn Reporter + Send>, events: Option<JsonLines<File>>) -> Self {
        let heard = Heard { terminal, events, collector: Collector::default(), suite: String::new(), over: false };
        Self(Arc::new(Mutex::new(heard)))
    }

    /// Does something with them. A reporter that panicked has heard what it has heard.
    pub fn with<R>(&self, f: impl FnOnce(&mut Heard) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same, unless another thread is in the middle of an event.
    pub fn try_with<R>(&self, f: impl FnOnce(&mut Heard) -> R) -> Option<R> {
        self.0.try_lock().ok().map(|mut heard| f(&mut heard))
    }
}

impl Heard {
    /// Everyone but the terminal hears an event.
    pub fn quietly(&mut self, event: &Event) -> io::Result<()> {
        (&mut self.events, &mut self.collector).event(event)
    }

    /// The report of a run that does not come to its end, and why; none if it has not begun.
    pub fn cut_short(&mut self, why: Coverage) -> Option<RunReport> {
        for event in ended(why) {
            // The file of events may be what failed.
            let _ = self.quietly(&event);
        }
        self.collector.clone().report()
    }
}

impl Reporter for Heard {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        if let Event::SuiteStarted { suite, .. } = event {
            self.suite.clone_from(suite);
        }
        let shown = self.terminal.event(event);
        let kept = self.quietly(event);
        shown.and(kept)
    }
}

impl Reporter for Shared {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.with(|heard| heard.event(event))
    }
}

/// The suite of the run itself with one check, which says why the run does not come to its end.
pub fn ended(why: Coverage) -> [Event; 3] {
    let check = Check::new(COMPLETE, Coverage::TheRun, Verdict::Error { reason: why.into() });
    suite_of_the_run(vec![check]).try_into().expect("one check is three events")
}

/// The suite of the run itself.
pub fn suite_of_the_run(checks: Vec<Check>) -> Vec<Event> {
    let planned = checks.iter().map(|check| check.id.clone()).collect();
    let started = Event::SuiteStarted { suite: RUN.to_owned(), group: None, proves: Coverage::TheRun.into(), planned };
    let finished = Event::SuiteFinished { suite: RUN.to_owned(), sections: Vec::new(), seconds: 0.0 };
    let checks = checks.into_iter().map(|check| Event::CheckFinished { check });
    [started].into_iter().chain(checks).chain([finished]).collect()
}
