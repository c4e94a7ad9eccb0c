//! What a training tells of its steps while it is measured.

use std::time::{Duration, Instant};

use dinov3_program::{Facts, Measurer};
use dinov3_torch::device::Device;
use dinov3_torch::plugin::PluginError;
use dinov3_train::phases::{Listener, Phase};

use super::device::{Waits, synchronise};

/// Parts of a step: its phases, and the rest of it.
pub(super) const PARTS: usize = Phase::ALL.len() + 1;

/// One step, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Step {
    pub(super) it: u64,
    /// By the loop's clock.
    pub(super) waited: f64,
    /// By the loop's clock.
    pub(super) took: f64,
    /// By the recorder's clock: the phases in their order, then what is in none of them.
    pub(super) parts: [f64; PARTS],
    /// What came between the step before and this one, which no step's time has: lines of the log, ranks that ask each other whether to stop.
    pub(super) between: f64,
}

/// A delay that is planted on purpose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delay {
    /// At the beginning of this phase.
    pub phase: Phase,
    /// So long.
    pub by: Duration,
    /// From this step on.
    pub from: u64,
    /// Every so many steps.
    pub every: u64,
}

/// Records the steps of a training. On a device that computes behind the host's back, the phases of the steps in `synchronised` end when the
/// device is done; the others end when the host has handed over its work.
#[derive(Debug)]
pub(super) struct Recorder {
    device: Device,
    synchronised: std::ops::Range<u64>,
    delay: Option<Delay>,
    /// Counts from the first step on that does not belong to the warm-up.
    waits: Option<Waits>,
    /// Why the device could not be waited for.
    pub(super) failed: Option<PluginError>,
    pub(super) facts: Option<Facts>,
    pub(super) steps: Vec<Step>,
    now: Step,
    mark: Instant,
    /// Whether the mark stands behind a step that is over.
    idle: bool,
}

impl Recorder {
    pub(super) fn new(device: Device, synchronised: std::ops::Range<u64>, delay: Option<Delay>) -> Self {
        let (waits, failed, facts, steps, now) = (None, None, None, Vec::new(), Step::default());
        let (mark, idle) = (Instant::now(), true);
        Self { device, synchronised, delay, waits, failed, facts, steps, now, mark, idle }
    }

    /// Seconds since the mark, which moves here.
    fn lap(&mut self) -> f64 {
        let now = Instant::now();
        let seconds = now.duration_since(self.mark).as_secs_f64();
        self.mark = now;
        seconds
    }

    fn step(&self) -> u64 {
        self.steps.last().map_or(0, |last| last.it + 1)
    }

    /// How often the host waited for the device in a step, where that is counted.
    pub(super) fn waits(&self) -> Option<f64> {
        let (count, steps) = (self.waits.as_ref()?.count(), self.step() - self.synchronised.end);
        (steps > 0).then(|| count as f64 / steps as f64)
    }
}

impl Listener for Recorder {
    fn begin(&mut self, phase: Phase) {
        let seconds = self.lap();
        let part = if std::mem::take(&mut self.idle) { &mut self.now.between } else { &mut self.now.parts[PARTS - 1] };
        *part += seconds;
        if let Some(Delay { phase: at, by, from, every }) = self.delay {
            let step = self.step();
            if at == phase && step >= from && (step - from).is_multiple_of(every.max(1)) {
                std::thread::sleep(by);
            }
        }
    }

    fn end(&mut self, phase: Phase) {
        if self.synchronised.contains(&self.step()) {
            self.failed = self.failed.take().or(synchronise(self.device).err());
        }
        self.now.parts[phase as usize] += self.lap();
    }

    fn over(&mut self, it: usize, waited: Duration, took: Duration) {
        self.now.parts[PARTS - 1] += self.lap();
        let (it, waited, took) = (it as u64, waited.as_secs_f64(), took.as_secs_f64());
        self.steps.push(Step { it, waited, took, ..std::mem::take(&mut self.now) });
        if it + 1 == self.synchronised.end {
            self.waits = Waits::begin(self.device);
        }
        self.idle = true;
    }
}

impl Measurer for Recorder {
    fn begins(&mut self, facts: &Facts) {
        self.facts = Some(facts.clone());
        (self.mark, self.idle) = (Instant::now(), true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_step_are_all_of_it() {
        let delay = Delay { phase: Phase::Optimizer, by: Duration::from_millis(20), from: 1, every: 2 };
        let mut recorder = Recorder::new(Device::Cpu, 0..0, Some(delay));
        let begun = Instant::now();
        for it in 0..4 {
            let start = Instant::now();
            for phase in [Phase::Data, Phase::Optimizer] {
                recorder.begin(phase);
                std::thread::sleep(Duration::from_millis(2));
                recorder.end(phase);
                std::thread::sleep(Duration::from_millis(1));
            }
            recorder.over(it, Duration::from_millis(2), start.elapsed());
        }
        let all = begun.elapsed().as_secs_f64();
        let optimizer: Vec<bool> =
            recorder.steps.iter().map(|step| step.parts[Phase::Optimizer as usize] > 0.02).collect();
        assert_eq!(optimizer, [false, true, false, true]);
        for step in &recorder.steps {
            let sum: f64 = step.parts.iter().sum();
            assert!((sum - step.took).abs() < 0.001 && step.parts[PARTS - 1] > 0.002, "{step:?}");
        }
        let sum: f64 = recorder.steps.iter().map(|step| step.parts.iter().sum::<f64>() + step.between).sum();
        assert!((sum / all - 1.0).abs() < 0.01, "{sum} of {all}");
    }

    #[test]
    fn a_phase_is_its_own_index() {
        for (index, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!(phase as usize, index);
        }
    }
}
