//! Throughput of comparing, on one core: bytes of candidate and reference together a second.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dinov3_golden::{Dtype, Expectation, NameRules, Precision, TensorView, compare, digest, judge_set};
use dinov3_perf::compare::{ELEMENTS, bytes, two_sets};

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
    let (golden, candidate) = two_sets(folder.path());
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
