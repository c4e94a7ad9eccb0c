//! Suite `trajectory`: whether a training run of any length is the reference's run.
//!
//! Our own trainer takes the steps of a recorded run again, and must have its bits: the loss of every step, every logged figure, and the
//! hashes of weights, moments and random stream along the way. The log of a run made elsewhere is held against the recorded one, or
//! against another log, by statistics ([`dinov3_trajectory`]).

mod checks;
mod error;
mod judged;
mod live;
mod places;
mod states;
mod trained;

use std::path::{Path, PathBuf};

use dinov3_reports::Bilingual;
use dinov3_trajectory::trajectory::spread_file;
use dinov3_trajectory::{Options, Run, Spread, SpreadKind, Trajectory};

use crate::{Part, Plan, Request, Session, Source, Suite, SuiteError, SuiteInfo};
use judged::Judged;
use trained::Trained;

pub use error::Failure;

const INFO: SuiteInfo = SuiteInfo {
    name: "trajectory",
    group: "convergence",
    proves: Bilingual {
        en: "a training run is the reference's run: bit for bit where the machine can give its bits, elsewhere every loss within the spread \
             of correct runs, and its end equivalent within a margin stated beforehand",
        zh: "一次训练即为标杆训练：环境允许时逐位一致，否则各项损失处于正确运行的波动范围内，且末段在事先给定的界值内等效",
    },
    ranks: Part::None,
};

/// The steps of the profile `quick`.
const QUICK: u64 = 2000;

/// Runs that are held against each other.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    /// What a candidate is held against, in place of the recorded run.
    pub against: Option<PathBuf>,
    /// Further runs of the same recipe as `against`.
    pub spread: Vec<PathBuf>,
    /// The folder that long trainings write to.
    pub output: Option<PathBuf>,
    /// The steps that are compared, where a candidate is shorter on purpose.
    pub steps: Option<u64>,
    /// The margin of equivalence, relative to the loss.
    pub margin: Option<f64>,
    /// The precision of the recorded run that a candidate is held against, where its log does not say.
    pub precision: Option<String>,
}

impl Runs {
    fn options(&self) -> Options {
        Options { until: self.steps, identical: false, margin: self.margin }
    }
}

/// The suite.
#[derive(Clone, Copy, Debug)]
pub struct Trajectories;

impl Suite for Trajectories {
    fn info(&self) -> SuiteInfo {
        INFO
    }

    fn plan<'a>(&'a self, request: &Request, session: &Session) -> Result<Box<dyn Plan + 'a>, SuiteError> {
        let runs = &request.runs;
        Ok(match (&request.source, &runs.against) {
            (Source::Trainer { .. }, Some(_)) => return Err(Failure::NoCandidate.into()),
            (Source::Candidate(logs), against) => {
                let [log] = &logs[..] else { return Err(Failure::ManyCandidates { logs: logs.len() }.into()) };
                Box::new(match against {
                    Some(against) => Judged::pair(log, against, runs)?,
                    None => Judged::recorded(log, request)?,
                })
            }
            (Source::Trainer { device, .. }, None) => Box::new(Trained::of(*device, request, session)?),
        })
    }
}

/// Measures how far `logs`, runs that differ from the recorded one in `folder` in rounding alone, are from it, and writes that beside it;
/// gives the file. With `add` it keeps what the file has of windows that more runs tell of.
///
/// # Errors
/// When the recorded run or a log cannot be read, there are too few logs, or the file cannot be read or written.
pub fn measure_spread(folder: &Path, precision: &str, logs: &[PathBuf], add: bool) -> Result<PathBuf, Failure> {
    let trajectory = Trajectory::open(folder)?;
    let recording = trajectory.recording(precision).ok_or_else(|| Failure::NoRecording {
        log: folder.display().to_string(),
        what: format!("it has none at {precision}"),
    })?;
    let runs: Vec<Run> = logs.iter().map(|log| live::read_run(log)).collect::<Result<_, _>>()?;
    let file = folder.join(spread_file(precision));
    let measured = Spread::measure(SpreadKind::Rounding, &recording.run, &runs)?;
    let spread = if add { Spread::open(&file)?.joined(measured)? } else { measured };
    spread.write(&file)?;
    Ok(file)
}
