//! What a measured training says: figures, parts of a step, doubts.

use dinov3_program::Only;
use dinov3_torch::device::Device;
use dinov3_train::phases::Phase;
use dinov3_trajectory::limits::Limit;
use dinov3_trajectory::timing::{
    self, Doubt, Evidence, Line, Machine, Script, Speed, Stretch, Window, doubts, script, steps, window,
};

use super::Failure;
use super::asked::Resolved;
use super::device::is_in_step_with_the_host;
use super::leg::Taken;
use super::rate::Rate;
use super::recorder::{PARTS, Step};

/// What a measured training says.
pub(super) struct Measured {
    pub(super) taken: Taken,
    /// The honest figure.
    pub(super) speed: Speed,
    /// The published one; none where nothing was computed.
    pub(super) script: Option<Script>,
    /// What the published one covers.
    pub(super) window: Option<Window>,
    /// Where a step goes.
    pub(super) split: Split,
    pub(super) doubts: Vec<Doubt>,
    pub(super) rate: Option<Rate>,
    /// Whether all ranks compute on the cores that the rate was measured on.
    shares_cores: bool,
    /// The honest figure of one rank alone, where there are several.
    pub(super) alone: Option<Speed>,
}

/// The mean seconds of each part of a step, over the steps whose parts are known.
#[derive(Clone, Debug)]
pub(super) struct Split {
    pub(super) parts: [f64; PARTS],
    /// Between two steps, and in no step's time.
    pub(super) between: f64,
    /// The mean of the same steps by the loop's clock.
    pub(super) took: f64,
    /// The number of these steps.
    pub(super) steps: usize,
    /// Whether the device was waited for at the end of each phase.
    pub(super) synchronised: bool,
}

impl Split {
    fn of(steps: &[&Step], synchronised: bool) -> Self {
        let count = steps.len().max(1) as f64;
        let mean = |of: &dyn Fn(&Step) -> f64| steps.iter().map(|step| of(step)).sum::<f64>() / count;
        Self {
            parts: std::array::from_fn(|part| mean(&|step| step.parts[part])),
            between: mean(&|step| step.between),
            took: mean(&|step| step.took),
            steps: steps.len(),
            synchronised,
        }
    }

    /// How far the sum of the parts is from the step, relative to it.
    pub(super) fn error(&self) -> f64 {
        (self.parts.iter().sum::<f64>() / self.took - 1.0).abs()
    }

    /// Whether the sum of the parts is the step.
    pub(super) fn adds_up(&self) -> bool {
        self.error() <= Limit::SplitError.value()
    }
}

/// What the training that was `taken` says.
///
/// # Errors
/// When no step counts.
pub(super) fn of(
    resolved: &Resolved,
    taken: Taken,
    rate: Option<Rate>,
    alone: Option<&Taken>,
) -> Result<Measured, Failure> {
    let images = images(&taken);
    let stretches = stretches(&taken.steps);
    let speed = steps(&stretches, &taken.cadence, images).ok_or(Failure::NoStep(resolved.steps))?;
    let lines: Vec<Line> = timing::lines(&taken.log);
    let computed = resolved.only != Only::Data;
    let machine = taken.others.map(|(others, cores)| Machine { cores, others: others * cores });
    let evidence = Evidence { stretches: &stretches, clock: Some(&taken.clock), machine };
    // Who makes batches alone waits for nothing else.
    let starves = |doubt: &Doubt| computed || doubt.flag != timing::Flag::Starved;
    let doubts = doubts(&evidence, &taken.cadence).into_iter().filter(starves).collect();
    let alone = alone.and_then(|alone| steps(&self::stretches(&alone.steps), &alone.cadence, self::images(alone)));
    Ok(Measured {
        script: computed.then(|| script(&taken.log, images)),
        window: window(&lines, &taken.cadence),
        split: split(resolved, &taken),
        speed,
        doubts,
        rate,
        shares_cores: resolved.device == Device::Cpu,
        alone,
        taken,
    })
}

/// Images a step over all ranks.
fn images(taken: &Taken) -> u64 {
    (taken.facts.batch * taken.facts.world) as u64
}

fn stretches(steps: &[Step]) -> Vec<Stretch> {
    steps.iter().map(|step| Stretch::step(step.it, step.took, Some(step.waited))).collect()
}

fn split(resolved: &Resolved, taken: &Taken) -> Split {
    if is_in_step_with_the_host(resolved.device) {
        let counts = |step: &&Step| taken.cadence.reason(step.it, 0).is_none();
        return Split::of(&taken.steps.iter().filter(counts).collect::<Vec<_>>(), false);
    }
    let range = resolved.synchronised(taken.cadence.warm_up);
    Split::of(&taken.steps.iter().filter(|step| range.contains(&step.it)).collect::<Vec<_>>(), true)
}

/// The key of a part of a step in results: `phase_host_to_device`.
pub(super) fn part_key(part: usize) -> String {
    let name = Phase::ALL.get(part).map_or("rest", |phase| phase.name());
    format!("phase_{}", name.replace(' ', "_"))
}

impl Measured {
    /// Every figure by its key, the one that a gate reads first.
    pub(super) fn figures(&self) -> Vec<(String, f64)> {
        let (speed, taken) = (&self.speed, &self.taken);
        let (low, high) = speed.fps_interval();
        let mut figures: Vec<(String, f64)> = Vec::new();
        let mut put = |key: &str, value: Option<f64>| figures.extend(value.map(|value| (key.to_owned(), value)));
        put("fps_median", Some(speed.fps()));
        put("fps_low", Some(low));
        put("fps_high", Some(high));
        put("fps_script", self.script.as_ref().and_then(Script::fps));
        put("step_median", Some(speed.median));
        put("step_mean", Some(speed.mean));
        put("step_p5", Some(speed.p5));
        put("step_p95", Some(speed.p95));
        put("steps", Some(speed.steps as f64));
        put("steps_taken", Some(taken.steps.len() as f64));
        put("noise_floor", Some(speed.floor));
        put("world_size", Some(taken.facts.world as f64));
        put("global_batch_size", Some(speed.images as f64));
        put("final_loss", self.script.as_ref().map(|script| script.loss().unwrap_or(f64::NAN)));
        for (part, seconds) in self.split.parts.iter().enumerate() {
            put(&part_key(part), Some(*seconds));
        }
        put("between", Some(self.split.between));
        put("split_error", Some(self.split.error()));
        put("data_share", Some(self.data_share()));
        let flops = taken.facts.network.as_ref().map(|network| network.flops);
        put("step_flops", flops);
        put("flops", flops.map(|flops| flops / speed.median));
        put("product_flops", self.rate.map(|rate| rate.flops));
        // Ranks on a CPU share the cores whose rate it is.
        let sharing = if self.shares_cores { taken.facts.world as f64 } else { 1.0 };
        put("flops_share", flops.zip(self.rate).map(|(flops, rate)| sharing * flops / speed.median / rate.flops));
        put("bytes_sent", (taken.facts.world > 1).then(|| taken.sent as f64 / taken.steps.len() as f64));
        put("peak_memory_host", taken.peak_memory.map(|bytes| bytes as f64));
        put("peak_memory_device", taken.peak_memory_device.map(|bytes| bytes as f64));
        put("energy_host", taken.energy.map(|joules| joules / taken.steps.len() as f64));
        put("energy_device", taken.energy_device.map(|joules| joules / taken.steps.len() as f64));
        put("waits", taken.waits);
        put("others_share", taken.others.map(|(share, _)| share));
        put("fps_one_rank", self.alone.as_ref().map(Speed::fps));
        put("scaling_efficiency", self.scaling());
        figures
    }

    /// The speed of all ranks over as many times that of one.
    pub(super) fn scaling(&self) -> Option<f64> {
        let alone = self.alone.as_ref()?;
        Some(self.speed.fps() / (self.taken.facts.world as f64 * alone.fps()))
    }

    /// The share of the steps that count in which the loop waited for data.
    fn data_share(&self) -> f64 {
        let counts = |step: &&Step| self.taken.cadence.reason(step.it, 0).is_none();
        let (waited, took) = self
            .taken
            .steps
            .iter()
            .filter(counts)
            .fold((0.0, 0.0), |(waited, took), step| (waited + step.waited, took + step.took));
        waited / took
    }

    /// The doubts that are not allowed.
    pub(super) fn against(&self, resolved: &Resolved) -> Vec<&Doubt> {
        self.doubts.iter().filter(|doubt| !resolved.allow.contains(&doubt.flag)).collect()
    }
}
