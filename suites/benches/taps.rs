//! What observing costs: the forward pass of a golden set's recipe with no hook, with one that observes all, and judged.
//!
//! The claim to check: at most half as much again when all is observed. That an absent hook costs nothing is below what can be
//! measured: it is one branch, some three hundred times in a forward pass. Unpinned, as all timings are.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use dinov3_golden::{Expectation, GoldenSet, Judge, Precision};
use dinov3_suites::judging::replay::{Notes, Replay, with_view};
use dinov3_suites::judging::rules::DINOV3;
use dinov3_suites::layers::replay::prepare;
use dinov3_torch::device::Device;
use dinov3_torch::runtime;
use dinov3_vit::hook::Hooks;
use tch::Tensor;

fn hooks(criterion: &mut Criterion) {
    runtime::set_threads(2);
    for name in ["micro", "vit_small"] {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../golden/sets")).join(name);
        let set = GoldenSet::open(&folder).expect("the committed sets are sound");
        let replay = Replay {
            precision: Precision::Fp32,
            device: Device::Cpu,
            plant: None,
            free_run: false,
            notes: Notes::default(),
        };
        let prepared =
            prepare(&set, &replay, &mut |_: &str, _: &Tensor| ()).expect("the committed sets can be replayed");
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10).warm_up_time(Duration::from_secs(2)).measurement_time(Duration::from_secs(10));
        group.bench_function("no hook", |bencher| bencher.iter(|| prepared.forward(&mut Hooks::none())));
        group.bench_function("all observed", |bencher| {
            bencher.iter(|| {
                prepared.forward(&mut Hooks::to(&mut |name: &str, value: &Tensor| {
                    black_box((name, value));
                }))
            });
        });
        group.bench_function("all judged", |bencher| {
            bencher.iter(|| {
                let here = Expectation::Yardstick { differences: Vec::new() };
                let mut judge = Judge::new(&set, Precision::Fp32, here, DINOV3).expect("the set has fp32");
                prepared.forward(&mut Hooks::to(&mut |name: &str, value: &Tensor| {
                    with_view(value, |view| judge.observe(name, view).map(drop)).expect("the set can be read");
                }));
                judge
            });
        });
        group.finish();
    }
}

criterion_group!(benches, hooks);
criterion_main!(benches);
