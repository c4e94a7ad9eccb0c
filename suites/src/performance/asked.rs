//! What is asked of a measurement, and what can be run.

use std::path::{Path, PathBuf};
use std::thread;

use dinov3_config::merge::Merged;
use dinov3_program::{Asked as Training, Only, Plan, Recipe, Resume, Source, photographs};
use dinov3_reports::Message;
use dinov3_reports::message::Performance as Says;
use dinov3_torch::device::Device;
use dinov3_trajectory::timing::Flag;
use tch::Kind;

use super::device::is_in_step_with_the_host;
use super::{Delay, Failure, INFO};
use crate::{Request, Session, SuiteError};

/// The recipe that is measured where none is named: the one that a CPU takes in a minute.
const RECIPE: &str = "micro-125k";

/// What is asked of a measurement.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The recipe on board; `micro-125k` if none is named.
    pub recipe: Option<String>,
    /// Epochs; one if neither these nor steps are given.
    pub epochs: Option<u64>,
    /// Images a step on one rank, in place of the recipe's.
    pub batch: Option<u64>,
    /// Where the images of ImageNet are; the photographs on board if nowhere.
    pub data: Option<PathBuf>,
    /// Where their tables are; beside the images if nowhere.
    pub extra: Option<PathBuf>,
    /// What is left of the program.
    pub only: Only,
    /// Doubts that do not make the check fail.
    pub allow: Vec<Flag>,
    /// A delay that is planted to see that it is found.
    pub delay: Option<Delay>,
}

/// What is run.
pub(super) struct Resolved {
    pub(super) recipe: &'static Recipe,
    pub(super) precision: String,
    pub(super) device: Device,
    pub(super) steps: u64,
    /// The steps of the whole recipe.
    pub(super) iterations: u64,
    pub(super) only: Only,
    pub(super) allow: Vec<Flag>,
    pub(super) delay: Option<Delay>,
    /// The folder of what is written, where one was named.
    pub(super) output: Option<PathBuf>,
    /// Whether the images are those on board.
    pub(super) on_board: bool,
    pub(super) threads: usize,
    /// The merged config.
    pub(super) merged: Merged,
    overrides: Vec<String>,
}

impl Resolved {
    /// What `request` asks for. Photographs are written into `scratch`.
    ///
    /// # Errors
    /// When it cannot be run, as far as can be told.
    pub(super) fn of(request: &Request, session: &Session, scratch: &Path) -> Result<Self, SuiteError> {
        let (asked, runs) = (&request.performance, &request.runs);
        if matches!(request.source, crate::Source::Candidate(_)) {
            return Err(Failure::Candidate.into());
        }
        if let Some(plant) = request.plant() {
            return Err(Failure::Planted(plant.to_string()).into());
        }
        let recipe = Recipe::named(asked.recipe.as_deref().unwrap_or(RECIPE)).map_err(Failure::from)?;
        let photographs = scratch.join(photographs::FOLDER);
        let mut overrides = vec![format!("train.dataset_path={}", dataset(asked, &photographs)?)];
        overrides.extend(runs.precision.iter().map(|precision| format!("compute_precision.param_dtype={precision}")));
        overrides.extend(asked.batch.map(|batch| format!("train.batch_size_per_gpu={batch}")));
        let world = session.ranks().map_or(1, |ranks| dinov3_ranks::Group::size(&ranks.all));
        let on_board = asked.data.is_none();
        if on_board {
            photographs::unpack(&photographs).map_err(Failure::from)?;
        }
        let mut resolved = Self {
            recipe,
            precision: String::new(),
            device: request.device(),
            steps: 0,
            iterations: 0,
            only: asked.only,
            allow: asked.allow.clone(),
            delay: asked.delay,
            output: runs.output.clone(),
            on_board,
            threads: thread::available_parallelism().map_or(1, usize::from),
            merged: Source::Recipe(recipe)
                .merged(&overrides)
                .map_err(|error| Failure::from(dinov3_program::ProgramError::from(error)))?,
            overrides,
        };
        let number = |key: &str| resolved.merged.config.pointer(key).and_then(serde_json::Value::as_u64).unwrap_or(0);
        let (epoch, epochs) = (number("/train/OFFICIAL_EPOCH_LENGTH"), number("/optim/epochs"));
        let steps = runs.steps.unwrap_or(epoch * asked.epochs.unwrap_or(1));
        if steps > epoch * epochs {
            return Err(Failure::TooLong { steps, iterations: epoch * epochs }.into());
        }
        let precision = resolved.merged.config.pointer("/compute_precision/param_dtype").and_then(|it| it.as_str());
        resolved.precision = precision.unwrap_or("fp32").to_owned();
        (resolved.steps, resolved.iterations) = (steps, epoch * epochs);
        // Refuses what cannot be trained.
        resolved.plan(&scratch.join("run"), steps, world)?;
        Ok(resolved)
    }

    /// The plan of the first `steps` steps, on one of `world` ranks.
    pub(super) fn plan(&self, folder: &Path, steps: u64, world: usize) -> Result<Plan, Failure> {
        let training = Training {
            source: Source::Recipe(self.recipe),
            overrides: self.overrides.clone(),
            output_dir: folder.display().to_string(),
            seed: 0,
            resume: Resume::Not,
            steps: None,
            until: Some(steps as usize),
            device: self.device,
            threads: self.threads,
            broken_limit: 0,
            trace: None,
            ulp_seed: None,
            tensorboard: None,
        };
        Ok(Plan::of(training, world)?)
    }

    /// The id of the check.
    pub(super) fn id(&self) -> String {
        format!("{}/{}", INFO.name, self.name())
    }

    /// The name of what is measured: `micro-125k/fp32`.
    pub(super) fn name(&self) -> String {
        let (recipe, precision) = (self.recipe.name, &self.precision);
        match self.only {
            Only::Everything => format!("{recipe}/{precision}"),
            Only::Data => format!("{recipe}/data-only"),
            Only::Compute => format!("{recipe}/{precision}/compute-only"),
        }
    }

    pub(super) fn title(&self) -> Message {
        Says::Title { run: self.name() }.into()
    }

    /// The dtype that computes.
    pub(super) fn kind(&self) -> Kind {
        if self.precision == "bf16" { Kind::BFloat16 } else { Kind::Float }
    }

    /// Steps of a rank alone, for the comparison with all ranks.
    pub(super) fn steps_alone(&self) -> u64 {
        self.steps.min((self.steps / 5).max(40))
    }

    /// The steps in which the device is waited for at the end of each phase: the second half of the warm-up.
    pub(super) fn synchronised(&self, warm_up: u64) -> std::ops::Range<u64> {
        if is_in_step_with_the_host(self.device) { 0..0 } else { warm_up / 2..warm_up }
    }
}

/// The `train.dataset_path` of what was asked for.
fn dataset(asked: &Asked, photographs: &Path) -> Result<String, Failure> {
    match (&asked.data, &asked.extra) {
        (None, None) => Ok(photographs::dataset_path(photographs)),
        (None, Some(_)) => Err(Failure::ExtraAlone),
        (Some(root), extra) => {
            let extra = extra.as_ref().unwrap_or(root);
            Ok(format!("ImageNet:split=TRAIN:root={}:extra={}", root.display(), extra.display()))
        }
    }
}
