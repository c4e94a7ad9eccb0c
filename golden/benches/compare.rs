//! Throughput of comparing, on one core: bytes of candidate and reference together a second.

use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dinov3_golden::{
    Dtype, Existing, Expectation, GoldenSet, Manifest, NameRules, Precision, SetWriter, Stage, TensorView, compare,
    digest, judge_set,
};

/// 16 Mi elements: 64 MiB of float32, beyond any cache.
const ELEMENTS: usize = 16 << 20;

/// A cheap generator: values near 1, whose bits all vary.
fn values() -> impl Iterator<Item = f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    (0..ELEMENTS).map(move |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    })
}

fn bytes(dtype: Dtype, error: f64) -> Vec<u8> {
    let values = values().map(|value| value * (1.0 + error));
    match dtype {
        Dtype::F64 => values.flat_map(f64::to_le_bytes).collect(),
        Dtype::F32 => values.flat_map(|value| (value as f32).to_le_bytes()).collect(),
        Dtype::Bf16 => values.flat_map(|value| half::bf16::from_f64(value).to_le_bytes()).collect(),
        other => unreachable!("{other} is not measured"),
    }
}

fn comparing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compare");
    group.sample_size(10);
    let shape = [ELEMENTS];
    for (candidate, reference) in [
        (Dtype::F32, Dtype::F32),
        (Dtype::F32, Dtype::F64),
        (Dtype::F64, Dtype::F64),
        (Dtype::Bf16, Dtype::Bf16),
        (Dtype::Bf16, Dtype::F64),
    ] {
        let (a, b) = (bytes(candidate, 1e-6), bytes(reference, 0.0));
        group.throughput(Throughput::Bytes((a.len() + b.len()) as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{candidate} with {reference}")), |bencher| {
            let a = TensorView::new(candidate, &shape, &a).expect("as many bytes as elements");
            let b = TensorView::new(reference, &shape, &b).expect("as many bytes as elements");
            bencher.iter(|| compare(black_box(a), black_box(b)).expect("comparable"));
        });
    }
    group.finish();
}

fn digesting(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("digest");
    group.sample_size(10);
    let shape = [ELEMENTS];
    for dtype in [Dtype::F32, Dtype::Bf16, Dtype::F64] {
        let bytes = bytes(dtype, 0.0);
        let view = TensorView::new(dtype, &shape, &bytes).expect("as many bytes as elements");
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(BenchmarkId::new("statistics", dtype), |bencher| {
            bencher.iter(|| digest::stats(black_box(view)));
        });
        group.bench_function(BenchmarkId::new("sha256", dtype), |bencher| {
            bencher.iter(|| digest::sha256_hex(black_box(view.bytes())));
        });
    }
    group.finish();
}

/// Two sets on disk, from end to end: every tensor of the candidate has other bits, so that every metric is computed, and so is
/// the reference's own error. The bytes are those of candidate, reference and truth.
fn judging_sets(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let micro = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/sets/micro"));
    let micro = GoldenSet::open(micro).expect("the committed sets are sound");
    let write = |name: &str, error: f64| {
        let mut precisions = micro.manifest().precisions.clone();
        precisions.bf16 = None;
        let header = Manifest { entries: Vec::new(), precisions, sample_limit: None, ..micro.manifest().clone() };
        let dir = folder.path().join(name);
        let mut writer = SetWriter::create(&dir, header, Existing::Refuse).expect("a new folder");
        let shape = [ELEMENTS];
        for entry in ["a.mlp.fc1", "a.mlp.fc2"] {
            for (precision, dtype, error) in [(Precision::Truth, Dtype::F64, 0.0), (Precision::Fp32, Dtype::F32, error)]
            {
                let bytes = bytes(dtype, error);
                let view = TensorView::new(dtype, &shape, &bytes).expect("as many bytes as elements");
                writer.record(precision, entry, Stage::Forward, view).expect("space in the temporary folder");
            }
        }
        writer.finish().expect("space in the temporary folder");
        GoldenSet::open(&dir).expect("just written")
    };
    let (golden, candidate) = (write("golden", 1e-7), write("candidate", 2e-7));
    let mut group = criterion.benchmark_group("judge_set");
    group.sample_size(10).throughput(Throughput::Bytes((2 * ELEMENTS * (4 + 4 + 8)) as u64));
    group.bench_function("two sets of two tensors", |bencher| {
        bencher.iter(|| {
            let here = Expectation::Yardstick { differences: Vec::new() };
            let judgement =
                judge_set(&golden, &candidate, Precision::Fp32, here, NameRules::NONE).expect("both have fp32");
            assert!(judgement.identical() == 0 && judgement.entries.iter().all(|entry| entry.metrics.is_some()));
        });
    });
    group.finish();
}

criterion_group!(benches, comparing, digesting, judging_sets);
criterion_main!(benches);
