//! The judge can compare a set larger than memory: the heap stays small for any size of tensor.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use dinov3_golden::{
    Dtype, Existing, Expectation, GoldenSet, Judge, Manifest, NameRules, Precision, SetWriter, Stage, TensorView,
    judge_set, verify,
};

/// An allocator that counts allocated bytes and keeps the maximum.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: passes every call to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(NOW.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The largest number of bytes that `work` has allocated at once, beyond the bytes allocated before.
fn heap_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = NOW.load(Relaxed);
    MOST.store(before, Relaxed);
    let result = work();
    (result, MOST.load(Relaxed) - before)
}

const ELEMENTS: usize = 4 << 20;
const BUDGET: usize = 4 << 20;

fn header() -> Manifest {
    let fingerprint = serde_json::json!({
        "torch": "2.8.0", "architecture": "x86_64", "device": "cpu", "cpu_vendor": null, "cpu_capability": "AVX2",
        "mkl_cbwr": null, "onednn_max_cpu_isa": null, "threads": 2,
    });
    serde_json::from_value(serde_json::json!({
        "schema_version": 1, "name": "large", "description": "for a test", "profile": "full",
        "reference": {"repository": "facebookresearch/dinov3", "commit": "0"},
        "recorder": {"exporter": 1},
        "recipe": {
            "config_file": null, "overrides": [], "seed": 0, "world_size": 1, "batch_size": 1, "warm": 0.0,
            "stages": ["forward"], "photographs": [], "intermediate": null, "config": {},
        },
        "sample_limit": null,
        "precisions": {
            "truth": {"file": "truth.safetensors", "fingerprint": fingerprint},
            "fp32": {"file": "fp32.safetensors", "fingerprint": fingerprint},
        },
        "entries": [],
    }))
    .expect("a manifest")
}

/// A set of one tensor, 48 MiB in all; `last` is added to its last float32.
fn write(dir: &std::path::Path, last: f32) {
    let shape = [ELEMENTS];
    let truth: Vec<u8> = (0..ELEMENTS).flat_map(|i| (1.0 + i as f64 / 3.0).to_le_bytes()).collect();
    let mut fp32 = Vec::with_capacity(4 * ELEMENTS);
    for i in 0..ELEMENTS {
        let value = (1.0 + i as f64 / 3.0) as f32 + if i + 1 == ELEMENTS { last } else { 0.0 };
        fp32.write_all(&value.to_le_bytes()).expect("a vector grows");
    }
    let mut writer = SetWriter::create(dir, header(), Existing::Refuse).expect("a folder");
    let ((), heap) = heap_of(|| {
        for (precision, dtype, bytes) in [(Precision::Truth, Dtype::F64, &truth), (Precision::Fp32, Dtype::F32, &fp32)]
        {
            let view = TensorView::new(dtype, &shape, bytes).expect("as long as its shape");
            writer.record(precision, "x", Stage::Forward, view).expect("room on the disk");
        }
        writer.finish().expect("a set");
    });
    assert!(heap < BUDGET, "writing took {heap} bytes of heap");
}

#[test]
fn large_tensors_are_never_collected() {
    let root = tempfile::tempdir().expect("a temporary folder");
    let (golden, candidate) = (root.path().join("golden"), root.path().join("candidate"));
    write(&golden, 0.0);
    write(&candidate, 1e6);
    let yardstick = || Expectation::Yardstick { differences: Vec::new() };

    let (verified, heap) = heap_of(|| verify(&golden).expect("sound"));
    assert!(verified.bytes > 12 * ELEMENTS as u64);
    assert!(heap < BUDGET, "verifying took {heap} bytes of heap");

    let (judgement, heap) = heap_of(|| {
        let (golden, candidate) =
            (GoldenSet::open(&golden).expect("sound"), GoldenSet::open(&candidate).expect("sound"));
        judge_set(&golden, &candidate, Precision::Fp32, yardstick(), NameRules::NONE).expect("comparable")
    });
    assert_eq!(judgement.first_divergence().map(|entry| entry.name.as_str()), Some("x"));
    assert!(heap < BUDGET, "comparing took {heap} bytes of heap");

    let golden = GoldenSet::open(&golden).expect("sound");
    let candidate = GoldenSet::open(&candidate).expect("sound");
    let view = candidate.file(Precision::Fp32).expect("sound").get("x").expect("there");
    let ((), heap) = heap_of(|| {
        let mut judge = Judge::new(&golden, Precision::Fp32, yardstick(), NameRules::NONE).expect("recorded");
        assert!(!judge.observe("x", view).expect("comparable").passes());
    });
    assert!(heap < BUDGET, "observing took {heap} bytes of heap");
}
