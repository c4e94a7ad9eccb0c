//! Our sides of a round.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dinov3_ground::Hint;
use dinov3_program::{
    Asked, Facts, Links, Live, Measure, Measurer, Only, Plan, ProgramError, Recipe, Resume, Screen, Source, photographs,
};
use dinov3_torch::device::Device;
use dinov3_torch::{runtime, shim};
use dinov3_train::phases::{Listener, Phase};
use serde_json::Value;
use tempfile::TempDir;

use super::arguments::{Arguments, Side};
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
    let mut marks = Marks::new(arguments.steps as usize);
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
            let mut watch = Watch::default();
            let measure = (side == Side::Watched).then_some(Measure { by: &mut watch, only: Only::Everything });
            let screen = Screen { live: Some(Box::new(&mut marks)), aside: None, quiet: true, measure };
            plan.train(&Links::alone(), screen).map_err(|error| failed(&error))?;
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

/// When the first iteration on the clock began, and the last one ended.
struct Marks {
    steps: usize,
    begun: Option<Instant>,
    took: Option<Duration>,
}

impl Marks {
    fn new(steps: usize) -> Self {
        Self { steps, begun: None, took: None }
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
        Marks::done(self, iterations);
    }
}

/// Times every phase of every step, as the suite does.
#[derive(Default)]
struct Watch {
    steps: Vec<[f64; Phase::ALL.len()]>,
    now: [f64; Phase::ALL.len()],
    mark: Option<Instant>,
}

impl Listener for Watch {
    fn begin(&mut self, _: Phase) {
        self.mark = Some(Instant::now());
    }

    fn end(&mut self, phase: Phase) {
        self.now[phase as usize] += self.mark.map_or(0.0, |mark| mark.elapsed().as_secs_f64());
    }

    fn over(&mut self, _: usize, _: Duration, _: Duration) {
        self.steps.push(std::mem::take(&mut self.now));
    }
}

impl Measurer for Watch {
    fn begins(&mut self, _: &Facts) {}
}
