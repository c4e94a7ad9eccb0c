//! Our sides of a round.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
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
use crate::rounds::Spread;

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
    let mut cost = None;
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
            cost = watch.cost();
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

/// When the last step was over and its log was not yet written; none before the first.
type Over = Rc<Cell<Option<Instant>>>;

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

/// Times every phase of every second step, as the suite does, so that a step and its neighbour differ in nothing else: runs differ by more than
/// watching costs. Which of two neighbours is watched changes from pair to pair.
struct Watch {
    watched: Vec<[f64; PARTS]>,
    now: [f64; PARTS],
    mark: Instant,
    on: bool,
    /// How long each step took from the end of the last one.
    took: Vec<f64>,
    last: Instant,
    /// The end of a step, for what is logged behind it.
    over: Over,
}

/// The phases, and what is in none of them.
const PARTS: usize = Phase::ALL.len() + 1;

impl Watch {
    fn new(over: Over) -> Self {
        let (now, on) = (Instant::now(), watches(0));
        Self { watched: Vec::new(), now: [0.0; PARTS], mark: now, on, took: Vec::new(), last: now, over }
    }

    fn lap(&mut self, part: usize) {
        if self.on {
            let now = Instant::now();
            self.now[part] += now.duration_since(self.mark).as_secs_f64();
            self.mark = now;
        }
    }

    /// The median of what a watched step takes over what its neighbour takes, over the pairs behind the warm-up.
    fn cost(&self) -> Option<f64> {
        cost_of(self.took.get(WARM_UP..)?)
    }
}

/// Whether this step is the watched one of its pair: the first and the fourth of four.
fn watches(it: usize) -> bool {
    matches!(it % 4, 0 | 3)
}

fn cost_of(took: &[f64]) -> Option<f64> {
    let (pairs, _) = took.as_chunks::<2>();
    let ratio = |(pair, [first, second]): (usize, &[f64; 2])| {
        if watches(2 * pair) { first / second } else { second / first }
    };
    Spread::of(pairs.iter().enumerate().map(ratio)).map(|spread| spread.median)
}

impl Listener for Watch {
    fn begin(&mut self, _: Phase) {
        self.lap(PARTS - 1);
    }

    fn end(&mut self, phase: Phase) {
        self.lap(phase as usize);
    }

    fn over(&mut self, it: usize, _: Duration, _: Duration) {
        if self.on {
            self.lap(PARTS - 1);
            self.watched.push(std::mem::take(&mut self.now));
        }
        let now = Instant::now();
        self.took.push(now.duration_since(self.last).as_secs_f64());
        (self.last, self.mark, self.on) = (now, now, watches(it + 1));
        self.over.set(Some(now));
    }
}

impl Measurer for Watch {
    fn begins(&mut self, _: &Facts) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps that get slower and slower, and a log line each tenth: watching costs a tenth.
    #[test]
    fn the_cost_of_watching_is_that_of_neighbours() {
        let step = |it: usize| {
            let watched = if watches(it) { 1.1 } else { 1.0 };
            let line = if it.is_multiple_of(10) { 3.0 } else { 1.0 };
            (1.0 + 1e-4 * it as f64) * watched * line
        };
        let took: Vec<f64> = (0..2000).map(step).collect();
        let cost = cost_of(&took).unwrap();
        assert!((cost - 1.1).abs() < 2e-3, "{cost}");
        assert_eq!(cost_of(&[]), None);
    }
}
