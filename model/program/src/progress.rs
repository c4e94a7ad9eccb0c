//! What a run says of each of its steps: the text log, the figures in JSON, and a live line.

use std::path::PathBuf;
use std::sync::Arc;

use dinov3_torch::device::{self, Device};
use dinov3_train::StepLog;
use dinov3_train::run::{Done, Log, PartError};

use crate::append::{append, open};
use crate::journal::{Journal, Level};
use crate::python::{fixed, float, timedelta};
use crate::table::Table;
use crate::tensorboard::EventFile;

/// The name of the file of figures, in the output folder.
pub const METRICS: &str = "training_metrics.json";

/// The reference collects Python's garbage so often.
const COLLECTED_EVERY: usize = 150;

/// Shows one line that changes, to whoever looks.
pub trait Live {
    /// Shows `line`, in place of the one before.
    fn show(&mut self, line: &str);

    /// So many iterations are done.
    fn done(&mut self, iterations: usize) {
        let _ = iterations;
    }
}

/// What a run says of its steps.
pub struct Progress<'a> {
    /// The text log.
    pub journal: Arc<Journal>,
    /// The figures of the iterations.
    pub table: Table,
    /// The file of figures; rank 0 alone has one.
    pub metrics: Option<PathBuf>,
    /// The figures for TensorBoard, where they are wanted.
    pub events: Option<EventFile>,
    /// Iterations of the whole training.
    pub iterations: usize,
    /// Where this rank computes.
    pub device: Device,
    /// Images a step over all ranks.
    pub global_batch: usize,
    /// Who is shown a live line.
    pub live: Option<Box<dyn Live + 'a>>,
    /// The choices among the loaders of several resolutions, where there are several.
    pub ratios: Option<crate::ratios::Ratios>,
}

impl std::fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress").field("table", &self.table).finish_non_exhaustive()
    }
}

impl Progress<'_> {
    fn train(&self, level: Level, line: u32, message: &str) {
        self.journal.say(level, ("train.py", line), message);
    }

    /// Of a loss that is not a number. Names the metrics too, each as Python writes the float32 that it is.
    fn nans(&self, log: &StepLog) {
        let StepLog { metrics, nan_ranks, nans_in_a_row, .. } = log;
        self.train(Level::Warning, 520, &format!("NaN loss detected on ranks: {nan_ranks:?}"));
        self.train(Level::Warning, 521, &format!("Consecutive NaNs: {nans_in_a_row}"));
        // The total loss is none of the reference's metrics.
        let lines: Vec<String> =
            metrics[1..].iter().map(|(name, value)| format!("{name}: {}", float(f64::from(*value)))).collect();
        self.train(Level::Warning, 523, &format!("All-reduced metrics:\n{}", lines.join("\n")));
    }

    /// The figures of an iteration, in their files.
    fn figures(&mut self, done: &Done) -> Result<(), PartError> {
        if let Some(path) = &self.metrics {
            let line = self.table.json(done.it, done.meters);
            let written = open(path).and_then(|mut file| append(&mut file, line.as_bytes()));
            written.map_err(|error| format!("{}: {error}", path.display()))?;
        }
        if let Some(events) = &mut self.events {
            let written = events.scalars(done.it, self.table.scalars(done.meters));
            written.map_err(|error| format!("{}: {error}", events.path().display()))?;
        }
        Ok(())
    }

    fn live(&mut self, done: &Done) {
        let Some(live) = &mut self.live else { return };
        live.done(done.it + 1);
        let (time, data) = self.table.means();
        let loss = done.log.metrics.first().map_or(f64::NAN, |(_, loss)| f64::from(*loss));
        live.show(&format!(
            "[{}/{}] loss {}  lr {:.3e}  {:.1} images/s  left {}  data {:.0} %",
            done.it + 1,
            self.iterations,
            fixed(loss, 4),
            done.settings.lr,
            self.global_batch as f64 / time,
            timedelta(self.table.left(done.it + 1)),
            100.0 * data / time
        ));
    }
}

impl Log for Progress<'_> {
    fn begin(&mut self, it: usize) -> Result<(), PartError> {
        if let Some(ratios) = &mut self.ratios {
            ratios.pass(&self.journal);
        }
        if (it + 1).is_multiple_of(COLLECTED_EVERY) {
            // There is no garbage here; whoever reads the log finds the reference's lines.
            self.train(Level::Info, 468, "Garbage collection");
        }
        Ok(())
    }

    fn stepped(&mut self, it: usize, log: &StepLog) -> Result<(), PartError> {
        if log.gram_loaded {
            let message = format!("Loading EMA teacher into Gram teacher before iteration {it}");
            self.train(Level::Info, 472, &message);
        }
        if !log.nan_ranks.is_empty() {
            self.nans(log);
        }
        if log.gram_updated {
            self.train(Level::Info, 542, &format!("Updating Gram teacher from EMA teacher after iteration {it}"));
            self.journal.info(("ssl_meta_arch.py", 726), "Updating gram teacher with teacher weights.");
        }
        Ok(())
    }

    fn step(&mut self, done: &Done) -> Result<(), PartError> {
        self.table.time(done.took.as_secs_f64(), done.waited.as_secs_f64());
        if self.table.has_line(done.it) {
            self.figures(done)?;
            let memory = device::memory(self.device);
            let line = if matches!(self.device, Device::Cuda(_)) { 105 } else { 118 };
            self.journal.info(("helpers.py", line), &self.table.text(done.it, done.meters, memory));
        }
        self.live(done);
        self.journal.check().map_err(|error| format!("{}: {error}", self.journal.path().display()).into())
    }
}
