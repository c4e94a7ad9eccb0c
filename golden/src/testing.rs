//! Helpers of this crate's unit tests.

use std::path::Path;

use dinov3_ground::Hint;
use dinov3_ground::hint::text;

use crate::fingerprint::Fingerprint;
use crate::judge::{NameRules, RareError};
use crate::manifest::{
    Manifest, PerPrecision, Photograph, PrecisionFile, Profile, Recipe, Recorder, Reference, SCHEMA_VERSION, Training,
};
use crate::names::{Dtype, Precision, Stage};
use crate::tensor::TensorView;
use crate::writer::{Existing, SetWriter};

/// Little-endian bytes of float32 values.
pub fn bytes_f32(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Little-endian bytes of float64 values.
pub fn bytes_f64(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The fingerprint of the reference recordings.
pub fn fingerprint() -> Fingerprint {
    Fingerprint {
        torch: "2.8.0".into(),
        architecture: "x86_64".into(),
        device: "cpu".into(),
        cpu_vendor: Some("GenuineIntel".into()),
        cpu_capability: "AVX2".into(),
        mkl_cbwr: Some("AVX2".into()),
        onednn_max_cpu_isa: Some("AVX2".into()),
        threads: 2,
        tf32: false,
    }
}

/// A manifest without entries that records `truth`, `fp32` and `bf16` with sample limit 4096.
pub fn header(name: &str) -> Manifest {
    let mut precisions = PerPrecision::default();
    for &precision in Precision::ALL {
        *precisions.slot(precision) =
            Some(PrecisionFile { file: format!("{precision}.safetensors"), fingerprint: fingerprint() });
    }
    Manifest {
        schema_version: SCHEMA_VERSION,
        name: name.into(),
        description: "for tests".into(),
        profile: Profile::Quick,
        reference: Reference { repository: "facebookresearch/dinov3".into(), commit: "c".repeat(40) },
        checkout: None,
        recorder: Recorder { exporter: 1, weights: None, software: serde_json::Map::new() },
        recipe: Recipe {
            config_file: None,
            overrides: vec!["student.arch=vit_micro".into()],
            seed: 0,
            world_size: 1,
            batch_size: 2,
            warm: 0.02,
            stages: vec![Stage::Init, Stage::Data, Stage::Forward],
            photographs: vec![Photograph { file: "astronaut.jpg".into(), sha256: "a".repeat(64) }],
            intermediate: None,
            training: None,
            loss_battery: None,
            data_battery: None,
            config: serde_json::json!({
                "train": {"output_dir": "/here"}, "optim": {"lr": 1}, "student": {"arch": "vit_micro", "drop": [0, 0.3]},
            }),
        },
        sample_limit: Some(4096),
        precisions,
        entries: Vec::new(),
    }
}

/// A single step from a recorded state.
pub fn from_state() -> Training {
    let (teacher_config, students) = (None, Vec::new());
    Training {
        iteration: 10,
        steps: 1,
        batches: 8,
        state: true,
        updates: 10,
        activations: false,
        teacher_config,
        students,
    }
}

/// One entry of a set made for a test: the truth and the float32 value.
#[derive(Debug, Clone)]
pub struct Value {
    pub name: &'static str,
    pub stage: Stage,
    pub shape: Vec<usize>,
    pub truth: Vec<f64>,
    pub fp32: Vec<f32>,
}

impl Value {
    /// A one-dimensional activation whose float32 value is the truth rounded.
    pub fn forward(name: &'static str, truth: Vec<f64>) -> Self {
        let fp32 = truth.iter().map(|&value| value as f32).collect();
        Self { name, stage: Stage::Forward, shape: vec![truth.len()], truth, fp32 }
    }
}

/// Writes a set that records these values as `truth` (F64) and `fp32` (F32), and one input.
pub fn write_set(dir: &Path, sample_limit: Option<usize>, values: &[Value]) {
    let mut header = header("tiny");
    header.sample_limit = sample_limit;
    header.precisions.bf16 = None;
    let mut writer = SetWriter::create(dir, header, Existing::Refuse).unwrap();
    writer.input("crops", TensorView::new(Dtype::U8, &[2, 2], &[1, 2, 3, 4]).unwrap()).unwrap();
    for value in values {
        let bytes = bytes_f64(&value.truth);
        let view = TensorView::new(Dtype::F64, &value.shape, &bytes).unwrap();
        writer.record(Precision::Truth, value.name, value.stage, view).unwrap();
    }
    for value in values {
        let bytes = bytes_f32(&value.fp32);
        let view = TensorView::new(Dtype::F32, &value.shape, &bytes).unwrap();
        writer.record(Precision::Fp32, value.name, value.stage, view).unwrap();
    }
    writer.finish().unwrap();
}

/// Reproducible numbers, roughly normal.
pub struct Noise(pub u64);

impl Noise {
    /// The next number: mean 0, standard deviation 1, never beyond 6.
    pub fn draw(&mut self) -> f64 {
        let mut uniform = || {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 11) as f64 / (1u64 << 53) as f64
        };
        (0..12).map(|_| uniform()).sum::<f64>() - 6.0
    }

    /// The next `count` numbers.
    pub fn take(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.draw()).collect()
    }
}

/// A temporary folder in memory, where the system has one: for tests that write tens of thousands of times.
pub fn folder_in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// The text of an error as a person reads it, with the folder of the test taken out.
pub fn told(error: &dyn Hint, dir: &Path) -> String {
    text(error).replace(&dir.display().to_string(), "[dir]")
}

/// The rules of a model like DINOv3, for tests of what a judge makes of rules. The suites have the real ones.
pub const RULES: NameRules = NameRules {
    block: "blocks",
    trained: "student",
    averages: &["teacher", "gram_teacher"],
    rare: &[
        RareError {
            stages: &[Stage::Forward],
            parts: Some(&["apply_rope", "proj", "ls1"]),
            lender: None,
            why: "rotated in bfloat16",
        },
        RareError {
            stages: &[Stage::Forward],
            parts: Some(&["x_norm_clstoken", "dino_head"]),
            lender: Some("backbone.blocks.*.attn.proj"),
            why: "made of attention",
        },
        RareError {
            stages: &[Stage::Backward, Stage::Optimizer],
            parts: None,
            lender: None,
            why: "carries those errors on",
        },
    ],
};
