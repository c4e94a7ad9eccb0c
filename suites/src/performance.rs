//! Suite `performance`: how fast a training is, so that the figure can be trusted.
//!
//! The training program takes its steps with its loader, its log and its checkpoints. Two figures come out of it, each with its
//! definition: that of the published scripts, from the text log, and the median of all steps that count, with an interval. Beside them
//! stands where a step goes, what must be known of the machine, and what makes the figures untrusted ([`dinov3_trajectory::timing`]).

mod around;
mod asked;
mod card;
mod checks;
mod device;
mod error;
mod leg;
mod machine;
mod measured;
mod rate;
mod recorder;
mod sections;
mod words;

use std::path::Path;
use std::time::Instant;

use dinov3_program::Only;
use dinov3_reports::{Bilingual, Event, Reporter, Section};
use tempfile::TempDir;

use crate::session::Word;
use crate::{Part, Plan, Request, Session, Suite, SuiteError, SuiteInfo};

pub use asked::Asked;
pub use dinov3_trajectory::timing::Flag;
pub use error::Failure;
pub use recorder::Delay;

use asked::Resolved;
use leg::{Leg, Taken};

const INFO: SuiteInfo = SuiteInfo {
    name: "performance",
    group: "speed",
    proves: Bilingual {
        en: "a training has the stated speed on this machine, by the published formula and by the median of its steps, and nothing found \
             about the run makes either untrustworthy",
        zh: "一次训练在本机上达到所报告的速度（按公开脚本的公式与按各步中位数两种口径），且未发现使其不可信的情况",
    },
    ranks: Part::Train,
};

/// The suite.
#[derive(Clone, Copy, Debug)]
pub struct Performance;

impl Suite for Performance {
    fn info(&self) -> SuiteInfo {
        INFO
    }

    fn plan<'a>(&'a self, request: &Request, session: &Session) -> Result<Box<dyn Plan + 'a>, SuiteError> {
        let scratch = tempfile::tempdir().map_err(SuiteError::Scratch)?;
        let resolved = Resolved::of(request, session, scratch.path())?;
        Ok(Box::new(Measuring { resolved, scratch }))
    }
}

/// A training that is measured.
struct Measuring {
    resolved: Resolved,
    /// For what is written, where no folder was named.
    scratch: TempDir,
}

impl Measuring {
    fn folder(&self) -> &Path {
        self.resolved.output.as_deref().unwrap_or(self.scratch.path())
    }

    /// A rank alone over the same work, to see what the others add; only where there are others.
    fn alone(&self, session: &Session) -> Result<Option<Taken>, SuiteError> {
        let several = session.ranks().is_some_and(|ranks| dinov3_ranks::Group::size(&ranks.all) > 1);
        if !several || self.resolved.only == Only::Data {
            return Ok(None);
        }
        let steps = self.resolved.steps_alone();
        let folder = self.scratch.path().join("alone");
        Ok(Some(Leg { resolved: &self.resolved, steps, folder: &folder, ranks: None }.take(&mut |_| Ok(()))?))
    }
}

impl Plan for Measuring {
    fn checks(&self) -> Vec<String> {
        vec![self.resolved.id()]
    }

    fn lead(&self, session: &Session, reporter: &mut dyn Reporter) -> Result<Vec<Section>, SuiteError> {
        let (resolved, begun) = (&self.resolved, Instant::now());
        let (id, steps) = (resolved.id(), Some(resolved.steps));
        reporter.event(&Event::CheckStarted { id, title: resolved.title(), steps })?;
        let rate = (resolved.only != Only::Data).then(|| rate::of(resolved.device, resolved.kind())).transpose();
        let rate = rate.map_err(|error| Failure::Device(Box::new(error)))?;
        let alone = self.alone(session)?;
        let folder = self.folder().join("run");
        if let Some(ranks) = session.ranks() {
            ranks.say(&Word::Train { folder: folder.clone() })?;
        }
        let leg = Leg { resolved, steps: resolved.steps, folder: &folder, ranks: session.ranks() };
        let taken = leg.take(&mut |done| reporter.event(&Event::Progress { done }))?;
        let measured = measured::of(resolved, taken, rate, alone.as_ref())?;
        let mut check = checks::of(resolved, &measured);
        check.seconds = begun.elapsed().as_secs_f64();
        reporter.event(&Event::CheckFinished { check })?;
        Ok(sections::of(resolved, &measured))
    }

    fn follow(&self, session: &Session) -> Result<(), SuiteError> {
        let Some(ranks) = session.ranks() else { return Ok(()) };
        let folder = ranks.training()?;
        let leg = Leg { resolved: &self.resolved, steps: self.resolved.steps, folder: &folder, ranks: Some(ranks) };
        leg.take(&mut |_| Ok(())).map(|_| ())
    }
}
