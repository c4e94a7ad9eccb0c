//! Our sides of a round.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use dinov3_ground::Hint;
use dinov3_program::{
    Asked, Links, Live, Measure, Only, Plan, ProgramError, Recipe, Resume, Screen, Source, photographs,
};
use dinov3_torch::device::Device;
use dinov3_torch::{runtime, shim};
use serde_json::Value;
use tempfile::TempDir;

use super::arguments::{Arguments, Side};
use super::watch::{Over, Watch};
use super::workload::{Measured, WARM_UP};
use crate::failure::{ENVIRONMENT, FAILED, Failure};

/// The recipe that is trained.
pub(super) const RECIPE: &str = "micro-125k";

/// The photographs on board, in a folder of their own.
pub(super) fn images() -> Result<TempDir, Failure> {
    let no_room =
        |error: std::io::Error| Failure::new(ENVIRONMENT, format!("no temporary folder: {error}"), "set TMPDIR");
    let folder = tempfile::tempdir().map_err(no_room)?;
    photographs::unpack(folder.path()).map_err(|error| failed(&error))?;
    Ok(folder)
}

/// Trains, and tells how long the iterations on the clock took.
///
/// # Errors
/// When the recipe cannot be trained.
pub fn measure(side: Side, arguments: &Arguments) -> Result<Measured, Failure> {
    runtime::keep_freed_memory();
    runtime::set_threads(arguments.threads);
    let folder = images()?;
    let images = arguments.images.clone().unwrap_or_else(|| folder.path().to_owned());
    let output = folder.path().join("run");
    let plan = plan(arguments, &images, &output)?;
    let over = Over::default();
    let mut marks = Marks::new(arguments.steps as usize, Rc::clone(&over));
    let (mut cost, mut save) = (None, None);
    let losses = match side {
        Side::Bare => {
            let mut losses = Vec::new();
            let mut tell = |it: usize, loss: f32| {
                if losses.is_empty() {
                    losses.push(f64::from(loss));
                }
                marks.done(it + 1);
            };
            plan.take_alone(&Links::alone(), &mut tell).map_err(|error| failed(&error))?;
            losses
        }
        Side::Program | Side::Watched => {
            let mut watch = Watch::new(over);
            let measure = (side == Side::Watched).then_some(Measure { by: &mut watch, only: Only::Everything });
            let screen = Screen { live: Some(Box::new(&mut marks)), aside: None, quiet: true, measure };
            plan.train(&Links::alone(), screen).map_err(|error| failed(&error))?;
            (cost, save) = (watch.cost(), watch.seconds_of_save(arguments.saved_every as usize));
            logged(&output)?
        }
    };
    Ok(Measured {
        libtorch: shim::torch_version(),
        capability: shim::cpu_capability(),
        threads: runtime::threads(),
        steps: arguments.steps,
        seconds: marks
            .seconds()
            .ok_or_else(|| Failure::new(FAILED, "the training ended early", "give fewer --steps"))?,
        losses,
        cost_of_watching: cost,
        seconds_of_save: save,
        share_of_logging: marks.share_of_logging().filter(|_| side == Side::Watched),
    })
}

fn plan(arguments: &Arguments, images: &Path, output: &Path) -> Result<Plan, Failure> {
    let mut overrides = vec![format!("train.dataset_path={}", photographs::dataset_path(images))];
    let every = arguments.saved_every;
    overrides.push(format!("checkpointing.period={every}"));
    overrides.push(format!("evaluation.eval_period_iterations={every}"));
    let asked = Asked {
        source: Source::Recipe(Recipe::named(RECIPE).map_err(|error| failed(&error))?),
        overrides,
        output_dir: output.display().to_string(),
        seed: 0,
        resume: Resume::Not,
        steps: None,
        until: Some(WARM_UP + arguments.steps as usize),
        device: Device::Cpu,
        threads: 1,
        broken_limit: 0,
        trace: None,
        ulp_seed: None,
        tensorboard: None,
    };
    Plan::of(asked, 1).map_err(|error| failed(&error))
}

/// The recipe's file, for the reference.
pub(super) fn recipe_file() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "model", "program", "recipes", "micro-125k.yaml"].iter().collect()
}

/// The losses that the program has logged.
fn logged(output: &Path) -> Result<Vec<f64>, Failure> {
    let file = output.join("training_metrics.json");
    let unreadable = |what: String| Failure::new(FAILED, format!("{}: {what}", file.display()), "look at the log");
    let text = std::fs::read_to_string(&file).map_err(|error| unreadable(error.to_string()))?;
    let loss = |line: &str| serde_json::from_str::<Value>(line).ok()?.get("total_loss")?.as_f64();
    text.lines().map(|line| loss(line).ok_or_else(|| unreadable(format!("no loss in {line}")))).collect()
}

fn failed(error: &ProgramError) -> Failure {
    Failure::new(FAILED, format!("{RECIPE} cannot be trained: {error}"), error.hints())
}

/// When the first iteration on the clock began, the last one ended, and what the log took between them.
struct Marks {
    steps: usize,
    over: Over,
    begun: Option<Instant>,
    took: Option<Duration>,
    logging: Duration,
}

impl Marks {
    fn new(steps: usize, over: Over) -> Self {
        Self { steps, over, begun: None, took: None, logging: Duration::ZERO }
    }

    /// What lines, figures and files of the log take of the time of the iterations on the clock.
    fn share_of_logging(&self) -> Option<f64> {
        Some(self.logging.as_secs_f64() / self.seconds()?)
    }

    fn seconds(&self) -> Option<f64> {
        self.took.map(|took| took.as_secs_f64())
    }

    fn done(&mut self, iterations: usize) {
        if iterations == WARM_UP {
            self.begun = Some(Instant::now());
        } else if iterations == WARM_UP + self.steps {
            self.took = self.begun.map(|begun| begun.elapsed());
        }
    }
}

impl Live for &mut Marks {
    fn show(&mut self, _: &str) {}

    fn done(&mut self, iterations: usize) {
        if let Some(over) = self.over.get().filter(|_| self.begun.is_some() && self.took.is_none()) {
            self.logging += over.elapsed();
        }
        Marks::done(self, iterations);
    }
}
