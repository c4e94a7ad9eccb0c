//! The gate of a run: its report held against the accepted one.

use dinov3_compare::gate::{Baseline, Judged, Rules, Trait, judge};
use dinov3_reports::{Environment, Event, SuiteResult};

use crate::cli::GateArgs;
use crate::failure::Result;

/// A baseline that could be read, and what is asked of the run.
pub struct Gate {
    baseline: Baseline,
    rules: Rules,
    despite: Vec<Trait>,
}

impl Gate {
    /// The gate that the arguments ask for.
    ///
    /// # Errors
    /// When the baseline cannot be read, or a rule is none: before the work.
    pub fn of(args: GateArgs) -> Result<Option<Self>> {
        let Some(file) = args.baseline else { return Ok(None) };
        let rules = args.gate.as_deref().map_or_else(|| Ok(Rules::default()), str::parse)?;
        let despite = args.despite.iter().map(|name| name.parse()).collect::<std::result::Result<_, _>>()?;
        Ok(Some(Self { baseline: Baseline::open(&file)?, rules, despite }))
    }

    /// The events of the gate's suite, once all others have ended.
    ///
    /// # Errors
    /// When the baseline is of something else.
    pub fn events(&self, environment: &Environment, suites: &[SuiteResult], allow: &[String]) -> Result<Vec<Event>> {
        let run = Judged { environment, suites, allow_vacuous: allow };
        let SuiteResult { suite, group, proves, checks, sections, seconds } =
            judge(&run, &self.baseline, &self.rules, &self.despite)?;
        let planned = checks.iter().map(|check| check.id.clone()).collect();
        let mut events = vec![Event::SuiteStarted { suite: suite.clone(), group, proves, planned }];
        events.extend(checks.into_iter().map(|check| Event::CheckFinished { check }));
        events.push(Event::SuiteFinished { suite, sections, seconds });
        Ok(events)
    }
}
