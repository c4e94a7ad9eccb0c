//! The generators of torch, Python and NumPy, as the reference seeds them.

use dinov3_data::random::Streams;
use dinov3_golden::GoldenSet;
use dinov3_golden::Kind;
use dinov3_vit::hook::Hook;
use tch::Tensor;

use crate::SuiteError;

/// The seed of the draws, minus the recipe's.
const SEED: u32 = 1234;
/// The number of draws of each kind.
const DRAWS: usize = 10_000;
/// The number of workers of the loader.
const WORKERS: u64 = 4;

/// Shows ten thousand draws of every kind that the data uses, and the first draws of each worker.
///
/// # Errors
/// If the recipe's seed is too large.
pub(super) fn show(set: &GoldenSet, hook: &mut dyn Hook) -> Result<(), SuiteError> {
    let streams = super::seeded(set, SEED)?;
    torch(&streams, hook);
    python(&streams, hook);
    numpy(&streams, hook);
    workers(&streams, hook);
    Ok(())
}

/// Draws of one kind from fresh streams.
fn draws<T: tch::kind::Element>(
    streams: &Streams,
    count: usize,
    mut draw: impl FnMut(&mut Streams, usize) -> T,
) -> Tensor {
    let mut streams = streams.clone();
    Tensor::from_slice(&(0..count).map(|i| draw(&mut streams, i)).collect::<Vec<_>>())
}

fn torch(streams: &Streams, hook: &mut dyn Hook) {
    let bits = |value: f32| i64::from(value.to_bits());
    hook.summary(&Kind::Data.name("rng.torch.rand"), &draws(streams, DRAWS, |it, _| bits(it.torch.rand())));
    hook.summary(
        &Kind::Data.name("rng.torch.uniform"),
        &draws(streams, DRAWS, |it, _| bits(it.torch.uniform(0.05, 0.32))),
    );
    hook.summary(
        &Kind::Data.name("rng.torch.randint"),
        &draws(streams, DRAWS, |it, i| it.torch.randint(0, 1 + 37 * i as i64)),
    );
    let mut streams = streams.clone();
    let orders: Vec<i64> = (0..DRAWS / 4).flat_map(|_| streams.torch.randperm(4)).collect();
    hook.summary(&Kind::Data.name("rng.torch.randperm"), &Tensor::from_slice(&orders));
}

fn python(streams: &Streams, hook: &mut dyn Hook) {
    let bits = |value: f64| value.to_bits() as i64;
    hook.summary(&Kind::Data.name("rng.python.random"), &draws(streams, DRAWS, |it, _| bits(it.python.random())));
    hook.summary(
        &Kind::Data.name("rng.python.uniform"),
        &draws(streams, DRAWS, |it, _| bits(it.python.uniform(-1.2, 1.2))),
    );
    hook.summary(
        &Kind::Data.name("rng.python.randint"),
        &draws(streams, DRAWS, |it, i| it.python.randint(0, i as i64)),
    );
    let (mut streams, mut list) = (streams.clone(), (0..100).collect::<Vec<i64>>());
    let mut states: Vec<i64> = Vec::new();
    for _ in 0..DRAWS / list.len() {
        streams.python.shuffle(&mut list);
        states.extend(&list);
    }
    hook.summary(&Kind::Data.name("rng.python.shuffle"), &Tensor::from_slice(&states));
}

fn numpy(streams: &Streams, hook: &mut dyn Hook) {
    hook.summary(
        &Kind::Data.name("rng.numpy.randint"),
        &draws(streams, DRAWS, |it, i| it.numpy.randint(0, 1 + (i / 2 % 197) as i64)),
    );
    let (mut streams, all) = (streams.clone(), (0..196).collect::<Vec<i64>>());
    let chosen: Vec<i64> = (0..100).flat_map(|_| streams.numpy.choice_without_replacement(&all, 100)).collect();
    hook.summary(&Kind::Data.name("rng.numpy.choice"), &Tensor::from_slice(&chosen));
}

/// The seed that a loader draws for its workers when its iterator is made.
fn workers(streams: &Streams, hook: &mut dyn Hook) {
    let base_seed = streams.clone().torch.random_();
    hook.summary(&Kind::Data.name("rng.base_seed"), &Tensor::from_slice(&[base_seed]));
    let first = |worker| {
        let mut streams = Streams::of_worker(base_seed as u64, worker);
        let torch = streams.torch.randint(0, 1 << 31);
        [torch, streams.python.randint(0, (1 << 31) - 1), streams.numpy.randint(0, 1 << 31)]
    };
    let firsts: Vec<i64> = (0..WORKERS).flat_map(first).collect();
    hook.summary(&Kind::Data.name("rng.worker"), &Tensor::from_slice(&firsts).view([-1, 3]));
}
