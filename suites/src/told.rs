//! Checks that are not made, and say why.

use dinov3_ground::hint::text;
use dinov3_reports::message::Coverage;
use dinov3_reports::{Check, Event, Message, Reporter, Section, Verdict};

use crate::suite::Plan;
use crate::{Session, SuiteError};

/// A suite of which nothing can be made: its checks say why.
#[derive(Clone, Debug)]
pub struct Told(pub Vec<Check>);

impl Told {
    /// The one check of a suite that was not made, for this reason.
    pub fn skipped(suite: &str, why: Coverage) -> Self {
        Self(vec![Check::new(suite, Message::name(suite), Verdict::Skipped { reason: why.into() })])
    }

    /// The one check of a suite that an error keeps from judging.
    pub fn error(suite: &str, error: &SuiteError) -> Self {
        Self(vec![errored(suite.to_owned(), error)])
    }
}

/// The check `id` that an error keeps from being made.
pub fn errored(id: String, error: &SuiteError) -> Check {
    let reason = Coverage::Error { text: text(error) };
    let title = Message::name(&id);
    Check::new(id, title, Verdict::Error { reason: reason.into() })
}

impl Plan for Told {
    fn checks(&self) -> Vec<String> {
        self.0.iter().map(|check| check.id.clone()).collect()
    }

    fn judges(&self) -> bool {
        false
    }

    fn needs_ranks(&self) -> bool {
        false
    }

    fn lead(&self, _: &Session, reporter: &mut dyn Reporter) -> Result<Vec<Section>, SuiteError> {
        for check in &self.0 {
            reporter.event(&Event::CheckFinished { check: check.clone() })?;
        }
        Ok(Vec::new())
    }

    fn follow(&self, _: &Session) -> Result<(), SuiteError> {
        Ok(())
    }
}
