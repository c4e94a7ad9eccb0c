//! Tensors and sets to compare, for the benchmark `compare`: `cargo ci bench compare`.

use std::path::Path;

use dinov3_golden::{Dtype, Existing, GoldenSet, Manifest, Precision, SetWriter, Stage, TensorView};

/// 16 Mi elements: 64 MiB of float32, beyond any cache.
pub const ELEMENTS: usize = 16 << 20;

/// A cheap generator: values near 1, whose bits all vary.
fn values() -> impl Iterator<Item = f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    (0..ELEMENTS).map(move |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    })
}

/// A tensor of [`ELEMENTS`] values near 1, each with the relative error `error`.
///
/// # Panics
/// For a dtype that is not measured: it measures fp32, bf16 and float64.
pub fn bytes(dtype: Dtype, error: f64) -> Vec<u8> {
    let values = values().map(|value| value * (1.0 + error));
    match dtype {
        Dtype::F64 => values.flat_map(f64::to_le_bytes).collect(),
        Dtype::F32 => values.flat_map(|value| (value as f32).to_le_bytes()).collect(),
        Dtype::Bf16 => values.flat_map(|value| half::bf16::from_f64(value).to_le_bytes()).collect(),
        other => unreachable!("{other} is not measured"),
    }
}

/// A golden set and a candidate in `folder`, of two tensors each, every one of whose values has other bits.
pub fn two_sets(folder: &Path) -> (GoldenSet, GoldenSet) {
    (written(&folder.join("golden"), 1e-7), written(&folder.join("candidate"), 2e-7))
}

fn written(dir: &Path, error: f64) -> GoldenSet {
    let micro = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/sets/micro"));
    let micro = GoldenSet::open(micro).expect("the committed sets are sound");
    let mut precisions = micro.manifest().precisions.clone();
    precisions.bf16 = None;
    let header = Manifest { entries: Vec::new(), precisions, sample_limit: None, ..micro.manifest().clone() };
    let mut writer = SetWriter::create(dir, header, Existing::Refuse).expect("a new folder");
    let shape = [ELEMENTS];
    for entry in ["a.mlp.fc1", "a.mlp.fc2"] {
        for (precision, dtype, error) in [(Precision::Truth, Dtype::F64, 0.0), (Precision::Fp32, Dtype::F32, error)] {
            let bytes = bytes(dtype, error);
            let view = TensorView::new(dtype, &shape, &bytes).expect("as many bytes as elements");
            writer.record(precision, entry, Stage::Forward, view).expect("space in the temporary folder");
        }
    }
    writer.finish().expect("space in the temporary folder");
    GoldenSet::open(dir).expect("just written")
}
