//! The reporter that gathers the events into the suites of a [`RunReport`].

use crate::{Environment, Event, Reporter, RunReport, SCHEMA_VERSION, SuiteResult, Tool};
use std::io;

/// Gathers what the suites find out; [`Collector::into_report`] makes the report of it.
#[derive(Debug, Default)]
pub struct Collector {
    suites: Vec<SuiteResult>,
}

impl Collector {
    /// The suites so far. One that has been cut short has the checks that it finished.
    pub fn suites(&self) -> &[SuiteResult] {
        &self.suites
    }

    /// The report of everything collected. `environment.seconds` is the caller's to set.
    pub fn into_report(self, tool: Tool, environment: Environment, allow_vacuous: Vec<String>) -> RunReport {
        RunReport { schema_version: SCHEMA_VERSION, tool, environment, allow_vacuous, suites: self.suites }
    }

    /// The suite that is running.
    fn current(&mut self) -> io::Result<&mut SuiteResult> {
        self.suites.last_mut().ok_or_else(|| io::Error::other("a suite reported a result before it reported its start"))
    }
}

impl Reporter for Collector {
    /// Fails only if a suite's result comes before its `SuiteStarted`: a result must not be lost in silence.
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::SuiteStarted { suite, group, proves, planned: _ } => self.suites.push(SuiteResult {
                suite: suite.clone(),
                group: group.clone(),
                proves: proves.clone(),
                checks: Vec::new(),
                sections: Vec::new(),
                seconds: 0.0,
            }),
            Event::CheckFinished(check) => self.current()?.checks.push(check.clone()),
            Event::SuiteFinished { suite: _, sections, seconds } => {
                let current = self.current()?;
                current.sections.clone_from(sections);
                current.seconds = *seconds;
            }
            Event::RunStarted { .. }
            | Event::CheckStarted { .. }
            | Event::Progress { .. }
            | Event::Note(_)
            | Event::RunFinished { .. } => {}
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
        let report =
            collector.into_report(expected.tool.clone(), expected.environment.clone(), expected.allow_vacuous.clone());
        // NaN equals nothing, itself included, so the texts are compared.
        assert_eq!(format!("{report:?}"), format!("{expected:?}"));
    }

    #[test]
    fn a_result_without_a_suite_is_refused() {
        let check = fixture::report().suites[0].checks[0].clone();
        assert!(Collector::default().event(&Event::CheckFinished(check)).is_err());
    }
}
