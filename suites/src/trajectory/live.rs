//! Our own trainer over the first steps of a recorded trajectory, or all of them.

use std::io;
use std::path::{Path, PathBuf};

use dinov3_program::{Asked, Job, Links, Live, Outcome, Plan, Recipe, Resume, STEPS, Screen, Source};
use dinov3_reports::{Event, Reporter};
use dinov3_torch::device::Device;
use dinov3_trajectory::meters::{STEP_TOTAL_LOSS, TOTAL_LOSS};
use dinov3_trajectory::{ReadError, Run, Series, read};

use super::Failure;

/// A state is fingerprinted after so many steps, as in the recording.
const EVERY: usize = 1000;

/// What to train.
pub(super) struct Training<'a> {
    /// The recipe on board.
    pub(super) recipe: &'static Recipe,
    /// What is not as the recipe has it.
    pub(super) overrides: Vec<String>,
    /// The first iteration that is not taken.
    pub(super) steps: u64,
    /// Where to compute.
    pub(super) device: Device,
    /// The folder of everything that is written; a run that stands there is gone on with.
    pub(super) folder: &'a Path,
}

/// Trains, and reads the run as anybody's: the figures of its log, and the loss of each step.
///
/// # Errors
/// When the training ends before its end, or what it wrote cannot be read.
pub(super) fn train(training: &Training, reporter: &mut dyn Reporter) -> Result<Run, Failure> {
    let asked = Asked {
        source: Source::Recipe(training.recipe),
        overrides: training.overrides.clone(),
        output_dir: training.folder.display().to_string(),
        seed: 0,
        resume: Resume::Exactly,
        steps: None,
        until: Some(training.steps as usize),
        device: training.device,
        threads: 1,
        broken_limit: 0,
        trace: Some(EVERY),
        ulp_seed: None,
        tensorboard: None,
    };
    let plan = Plan::of(asked, 1)?;
    let links = Links::open(training.device, Job::Manual)?;
    let mut told = Ok(());
    let live = Steps { reporter, told: &mut told };
    let screen = Screen { live: Some(Box::new(live)), aside: None, quiet: true, measure: None };
    let outcome = plan.train(&links, screen)?;
    told.map_err(Failure::Output)?;
    match outcome {
        Outcome::Stopped { it, .. } if (it as u64) < training.steps => {
            return Err(Failure::Stopped { it, folder: training.folder.to_owned() });
        }
        Outcome::Stopped { .. } | Outcome::Done => {}
    }
    Ok(read_run(training.folder)?)
}

/// The log of a run, or its output folder; with the loss of each step, where its trace is in that folder.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn read_run(log: &Path) -> Result<Run, ReadError> {
    let mut run = read(log)?;
    let steps = log.join(STEPS);
    if steps.is_file() {
        let each = read(&steps)?.series.into_iter().filter(|series| series.meter == TOTAL_LOSS);
        run.series.extend(each.map(|series| Series { meter: STEP_TOTAL_LOSS.to_owned(), ..series }));
    }
    Ok(run)
}

/// Tells how far a training is, ten times in a thousand steps.
struct Steps<'a> {
    reporter: &'a mut dyn Reporter,
    told: &'a mut io::Result<()>,
}

impl Live for Steps<'_> {
    fn show(&mut self, _: &str) {}

    fn done(&mut self, iterations: usize) {
        if iterations.is_multiple_of(100) && self.told.is_ok() {
            *self.told = self.reporter.event(&Event::Progress { done: iterations as u64 });
        }
    }
}

/// The folder of a long run: the one asked for, or one of its own below the current folder.
pub(super) fn folder_of(asked: Option<&Path>, name: &str, precision: &str) -> PathBuf {
    asked.unwrap_or(Path::new("local_trajectory")).join(format!("{name}-{precision}"))
}
