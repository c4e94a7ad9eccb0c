//! The stream of events that a run is, and who listens.

use crate::{Check, Environment, Gate, Message, Section, Tool, number, tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io;

/// One step of a run. A suite emits `SuiteStarted`, then per check `CheckStarted`, any number of `Progress`, and
/// `CheckFinished`, then `SuiteFinished`; the program puts `RunStarted` before and `RunFinished` after all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run begins.
    RunStarted {
        /// [`crate::SCHEMA_VERSION`] of the program that runs.
        schema_version: u32,
        /// The program.
        tool: Tool,
        /// What it runs on; its `seconds` mean nothing yet.
        environment: Environment,
        /// Ids of the checks that may be vacuous without failing the run.
        allow_vacuous: Vec<String>,
    },
    /// A suite begins.
    SuiteStarted {
        /// Name of the suite.
        suite: String,
        /// The group that it belongs to.
        group: Option<String>,
        /// What it proves when it passes.
        proves: Message,
        /// Ids of the checks to come, as far as they are known: gives the count and lines the output up.
        planned: Vec<String>,
    },
    /// A check begins.
    CheckStarted {
        /// The id that its [`Check`] will have.
        id: String,
        /// What is checked, in words.
        title: Message,
        /// How many steps it takes, where known: a bar instead of a spinner.
        steps: Option<u64>,
    },
    /// The running check has come this far.
    Progress {
        /// Steps done so far in all, not since the last event.
        done: u64,
    },
    /// A check is over. It need not have been announced by `CheckStarted`: a skipped one mostly is not.
    CheckFinished {
        /// What became of it.
        check: Check,
    },
    /// A suite is over.
    SuiteFinished {
        /// Name of the suite.
        suite: String,
        /// Its tables and plots.
        #[serde(with = "tensor::lines")]
        #[schemars(with = "Vec<Section>")]
        sections: Vec<Section>,
        /// Wall-clock time, in seconds.
        #[serde(with = "number::float")]
        #[schemars(with = "number::Float")]
        seconds: f64,
    },
    /// A remark: what is worth knowing and decides nothing.
    Note {
        /// What it says.
        note: Message,
    },
    /// The run is over.
    RunFinished {
        /// What it amounts to: [`crate::RunReport::gate`].
        gate: Gate,
        /// Threads of libtorch, known only now: a golden set brings its own number.
        threads: u32,
        /// Wall-clock time, in seconds.
        #[serde(with = "number::float")]
        #[schemars(with = "number::Float")]
        seconds: f64,
    },
}

/// A consumer of events. Consumers know nothing of each other; `(a, b)` is a reporter that feeds both.
pub trait Reporter {
    /// Takes notice of one event.
    ///
    /// # Errors
    /// The output that this reporter writes to failed. A closed pipe is no error: see [`crate::ignore_broken_pipe`].
    fn event(&mut self, event: &Event) -> io::Result<()>;
}

impl<R: Reporter + ?Sized> Reporter for &mut R {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        (**self).event(event)
    }
}

impl<R: Reporter + ?Sized> Reporter for Box<R> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        (**self).event(event)
    }
}

impl<R: Reporter> Reporter for Option<R> {
    /// Nobody is told where there is none.
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.as_mut().map_or(Ok(()), |reporter| reporter.event(event))
    }
}

impl<A: Reporter, B: Reporter> Reporter for (A, B) {
    /// Both get the event even if the first one fails: a full disk under the terminal's output must not cost the report.
    fn event(&mut self, event: &Event) -> io::Result<()> {
        let first = self.0.event(event);
        let second = self.1.event(event);
        first.and(second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Count(usize);

    impl Reporter for Count {
        fn event(&mut self, _: &Event) -> io::Result<()> {
            self.0 += 1;
            Ok(())
        }
    }

    struct Broken;

    impl Reporter for Broken {
        fn event(&mut self, _: &Event) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    #[test]
    fn one_failing_reporter_does_not_starve_the_other() {
        let mut count = Count::default();
        let error = (Broken, &mut count).event(&Event::Note { note: Message::name("") }).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!((&mut count, Broken).event(&Event::Note { note: Message::name("") }).is_err());
        assert_eq!(count.0, 2);
    }
}
