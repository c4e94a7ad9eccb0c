//! The reporter that gathers the events into the suites of a [`RunReport`].

use crate::{Environment, Event, Gate, Message, Reporter, RunReport, SuiteResult, Tool};
use std::io;

/// Gathers what the suites find out; [`Collector::report`] makes the report of it.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    head: Option<(Tool, Environment, Vec<String>)>,
    notes: Vec<Message>,
    suites: Vec<SuiteResult>,
    complete: bool,
}

impl Collector {
    /// The suites so far. One that has been cut short has the checks that it finished.
    pub fn suites(&self) -> &[SuiteResult] {
        &self.suites
    }

    /// What the run amounts to if it ends now.
    pub fn gate(&self) -> Gate {
        let allowed = self.head.as_ref().map_or(&[][..], |(.., allow_vacuous)| allow_vacuous);
        Gate::of(self.suites.iter().flat_map(|suite| &suite.checks), allowed)
    }

    /// The exit code of the run if it ends now; see [`RunReport::exit_code`].
    pub fn exit_code(&self) -> i32 {
        let allowed = self.head.as_ref().map_or(&[][..], |(.., allow_vacuous)| allow_vacuous);
        crate::gate::exit_code(self.suites.iter().flat_map(|suite| &suite.checks), self.gate(), allowed)
    }

    /// Whether the run has begun.
    pub fn has_begun(&self) -> bool {
        self.head.is_some()
    }

    /// The report of everything collected, without what holds it; none before the run has started.
    pub fn report(self) -> Option<RunReport> {
        let Self { head, notes, suites, complete } = self;
        let (tool, environment, allow_vacuous) = head?;
        Some(RunReport { tool, environment, allow_vacuous, complete, notes, suites })
    }

    /// The suite that is running.
    fn current(&mut self) -> io::Result<&mut SuiteResult> {
        self.suites.last_mut().ok_or_else(|| io::Error::other("a suite reported a result before it reported its start"))
    }
}

impl Reporter for Collector {
    /// Fails only if a suite's result comes before its `SuiteStarted`, or the end of a run before its start: a result must not be lost in
    /// silence.
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::RunStarted { schema_version: _, tool, environment, allow_vacuous } => {
                self.head = Some((tool.clone(), environment.clone(), allow_vacuous.clone()));
            }
            Event::SuiteStarted { suite, group, proves, planned: _ } => self.suites.push(SuiteResult {
                suite: suite.clone(),
                group: group.clone(),
                proves: proves.clone(),
                checks: Vec::new(),
                sections: Vec::new(),
                seconds: 0.0,
            }),
            Event::CheckFinished { check } => self.current()?.checks.push(check.clone()),
            Event::SuiteFinished { suite: _, sections, seconds } => {
                let current = self.current()?;
                current.sections.clone_from(sections);
                current.seconds = *seconds;
            }
            Event::RunFinished { gate: _, threads, seconds } => {
                let (_, environment, _) =
                    self.head.as_mut().ok_or_else(|| io::Error::other("a run ended that had not started"))?;
                environment.threads = *threads;
                environment.seconds = *seconds;
                self.complete = true;
            }
            // A set at two precisions says everything twice.
            Event::Note { note } if !self.notes.contains(note) => self.notes.push(note.clone()),
            Event::CheckStarted { .. } | Event::Progress { .. } | Event::Note { .. } => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_events_of_a_run_make_its_report() {
        let expected = fixture::report();
        let mut collector = Collector::default();
        for event in fixture::events(&expected) {
            collector.event(&event).unwrap();
        }
        assert_eq!(collector.gate(), expected.gate());
        // NaN equals nothing, itself included, so the texts are compared.
        assert_eq!(format!("{:?}", collector.report().unwrap()), format!("{expected:?}"));
    }

    #[test]
    fn a_remark_is_kept_once() {
        let report = fixture::report();
        let mut collector = Collector::default();
        for event in fixture::events(&report) {
            collector.event(&event).unwrap();
            if matches!(event, Event::Note { .. }) {
                collector.event(&event).unwrap();
            }
        }
        assert_eq!(collector.report().unwrap().notes, report.notes);
        assert_eq!(report.notes.len(), 2);
    }

    #[test]
    fn a_run_without_its_end_is_not_complete() {
        let report = fixture::report();
        let mut collector = Collector::default();
        let mut events = fixture::events(&report);
        events.pop();
        events.iter().for_each(|event| collector.event(event).unwrap());
        assert!(!collector.report().unwrap().complete);
        assert!(Collector::default().report().is_none());
    }

    #[test]
    fn a_result_without_a_suite_is_refused() {
        let check = fixture::report().suites[0].checks[0].clone();
        assert!(Collector::default().event(&Event::CheckFinished { check }).is_err());
        let ended = Event::RunFinished { gate: crate::Gate::Pass, threads: 1, seconds: 0.0 };
        assert!(Collector::default().event(&ended).is_err());
    }
}
