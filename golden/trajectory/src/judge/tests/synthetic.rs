//! Synthetic runs: a decaying curve, noise of the batches that all runs of one seed share, and noise of the run.

use crate::meters::STEP_TOTAL_LOSS;
use crate::run::{Resolution, Run, Series};
use crate::testing::Noise;

/// Steps of the run.
pub(super) const STEPS: u64 = 20_000;

/// The first iteration of the planted spike.
pub(super) const SPIKE_AT: u64 = 14_003;

/// What is wrong with a run.
#[derive(Clone, Copy)]
pub(super) struct Flaw {
    pub(super) steps: u64,
    pub(super) data_seed: u32,
    pub(super) lr: f64,
    pub(super) warmup: bool,
    pub(super) norm: f64,
    pub(super) shift: f64,
    pub(super) drift: f64,
    pub(super) spike: f64,
}

/// Nothing is wrong.
pub(super) const CLEAN: Flaw =
    Flaw { steps: STEPS, data_seed: 1, lr: 1.0, warmup: true, norm: 1.0, shift: 0.0, drift: 0.0, spike: 0.0 };

fn rate(at: f64, flaw: &Flaw) -> f64 {
    let warm = if flaw.warmup { (at / 0.1).min(1.0) } else { 1.0 };
    let cosine = 0.5 + 0.5 * (std::f64::consts::PI * ((at - 0.1) / 0.9).max(0.0)).cos();
    4e-4 * flaw.lr * warm * cosine
}

/// A run with its own noise by `seed`.
pub(super) fn run(seed: u32, flaw: Flaw) -> Run {
    let (mut batches, mut own) = (Noise::new(flaw.data_seed), Noise::new(1000 + seed));
    let iterations: Vec<u64> = (0..flaw.steps).filter(|it| it % 10 == 0 || it + 1 == flaw.steps).collect();
    let count = iterations.len();
    let shared = batches.autoregression(count, 0.5);
    let shared_norm = batches.autoregression(count, 0.5);
    let noise: Vec<Vec<f64>> = (0..4).map(|_| own.autoregression(count, 0.8)).collect();
    let wander = own.autoregression(count, 0.98);
    let mut columns: Vec<(&str, Vec<f64>)> =
        ["lr", "wd", "total_loss", "koleo_loss", "ibot_loss", "backbone_grad_norm"]
            .map(|name| (name, Vec::new()))
            .into();
    let mut progress = 0.0;
    for (place, iteration) in iterations.iter().enumerate() {
        let at = *iteration as f64 / flaw.steps as f64;
        let lr = rate(at, &flaw);
        progress += lr / 4e-4 / count as f64;
        let curve = 5.5 + 3.5 * (-12.0 * progress).exp();
        let change = curve * (flaw.shift + flaw.drift * at);
        let loss = curve + change + 0.03 * shared[place] + 0.002 * noise[0][place] + 0.000_5 * wander[place];
        let values = [
            lr,
            0.04 + 0.36 * at,
            loss,
            -0.1 + 0.3 * (curve - 5.5) + 0.01 * shared[place] + 0.003 * noise[1][place],
            0.4 * (curve + change) + 0.01 * shared[place] + 0.001 * noise[2][place],
            flaw.norm * (0.3 * (curve - 4.0) * (0.1 * shared_norm[place] + 0.03 * noise[3][place]).exp()),
        ];
        columns.iter_mut().zip(values).for_each(|((_, column), value)| column.push(f64::from(value as f32)));
    }
    let columns = columns.into_iter().map(|(name, values)| (name.to_owned(), values)).collect();
    let mut run = Run::from_values(&format!("run {seed}"), &iterations, columns);
    run.facts.horizon = Some(flaw.steps);
    run
}

/// The same with the loss of each step.
pub(super) fn each_step(seed: u32, flaw: Flaw) -> Run {
    let mut run = run(seed, flaw);
    let (mut batches, mut own) = (Noise::new(flaw.data_seed + 5000), Noise::new(9000 + seed));
    let shared = batches.autoregression(flaw.steps as usize, 0.1);
    let noise = own.autoregression(flaw.steps as usize, 0.3);
    let values = (0..flaw.steps).map(|step| {
        let spike = if (SPIKE_AT..SPIKE_AT + 5).contains(&step) { flaw.spike } else { 0.0 };
        6.0 * (1.0 + spike) + 0.1 * shared[step as usize] + 0.005 * noise[step as usize]
    });
    let series = Series {
        meter: STEP_TOTAL_LOSS.to_owned(),
        iterations: (0..flaw.steps).collect(),
        values: values.collect(),
        resolution: Resolution::Exact,
    };
    run.series.push(series);
    run
}

/// A run without some of its lines.
pub(super) fn without(mut run: Run, left_out: impl Fn(u64) -> bool) -> Run {
    run.logged.retain(|iteration| !left_out(*iteration));
    for series in &mut run.series {
        let kept: (Vec<u64>, Vec<f64>) = series.points().filter(|(iteration, _)| !left_out(*iteration)).unzip();
        (series.iterations, series.values) = kept;
    }
    run
}

/// A run whose log lacks these columns.
pub(super) fn lacking(mut run: Run, meters: &[&str]) -> Run {
    run.series.retain(|series| !meters.contains(&series.meter.as_str()));
    run
}

/// A run as the text log has it.
pub(super) fn rounded(mut run: Run) -> Run {
    for series in &mut run.series {
        series.values.iter_mut().for_each(|value| *value = (*value * 1e4).round() / 1e4);
        series.resolution = Resolution::Decimals(4);
    }
    run
}
