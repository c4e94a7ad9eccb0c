//! Mistakes within an operation that is fused, so that nobody recorded where they are made.

use std::path::Path;

use dinov3_golden::manifest::Profile;
use dinov3_golden::{Existing, Manifest, PerPrecision, Precision, SetWriter, Stage};
use dinov3_reports::message::Coverage;
use dinov3_reports::{Check, Collector, Verdict};
use dinov3_suites::judging::replay::{Notes, Replay, with_view};
use dinov3_suites::layers::{self, Layers};
use dinov3_suites::{Choice, Pattern, Request, Source, run_alone};
use dinov3_torch::device::Device;
use dinov3_vit::hook::Hook;
use tch::Tensor;

use crate::fixture;

/// Computes attention with queries times a factor, and shows neither them nor the keys.
struct FusedScale<F> {
    factor: f64,
    record: F,
}

impl<F: FnMut(&str, &Tensor)> Hook for FusedScale<F> {
    fn tensor(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        if name.contains(".apply_rope") {
            return name.ends_with(":0").then(|| (value * self.factor).to_kind(value.kind()));
        }
        (self.record)(name, value);
        None
    }
}

/// A recording of `micro` at bf16, on a device that says it is another one.
fn recorded(factor: f64, to: &Path) {
    let golden = fixture::set("micro");
    let mut bf16 = golden.manifest().precisions.get(Precision::Bf16).unwrap().clone();
    bf16.fingerprint.device = "npu".to_owned();
    let precisions = PerPrecision { bf16: Some(bf16), ..PerPrecision::default() };
    let header = Manifest { entries: Vec::new(), precisions, ..golden.manifest().clone() };
    let mut writer = SetWriter::create(to, header, Existing::Refuse).unwrap();
    let record = |name: &str, value: &Tensor| {
        let stage = golden.manifest().entry(name).map_or(Stage::Forward, |(_, entry)| entry.stage);
        with_view(value, |view| writer.record(Precision::Bf16, name, stage, view)).unwrap();
    };
    let replay = Replay {
        precision: Precision::Bf16,
        device: Device::Cpu,
        plant: None,
        free_run: false,
        notes: Notes::default(),
    };
    layers::replay::run(&golden, &replay, &mut FusedScale { factor, record }).unwrap();
    writer.finish().unwrap();
}

fn judged(factor: f64) -> Check {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("micro");
    recorded(factor, &set);
    let choice = Choice { allow_missing: vec![Pattern::new("*.attn.apply_rope*")], ..Choice::default() };
    let source = Source::Candidate(vec![set]);
    let request = Request { choice, ..Request::of_sets(vec![fixture::sets()], Profile::Quick, source) };
    let mut collector = Collector::default();
    run_alone(&Layers, &request, &mut collector).unwrap();
    let skipped = Coverage::NoRecording.into();
    let mut checks = collector.suites()[0].checks.clone();
    checks.retain(|check| check.id == "layers/micro/bf16" && check.verdict.reason() != Some(&skipped));
    checks.remove(0)
}

/// Seen to fail: the wrong scale was tried where rotated queries were recorded alone, so that 2 % passed.
#[test]
fn a_wrong_scale_of_attention_is_found_within_a_fused_rotation() {
    let _stream = fixture::libtorch();
    let right = judged(1.0);
    assert_eq!(right.verdict, Verdict::Pass, "{:?}", right.findings);
    let wrong = judged(1.02);
    assert!(matches!(wrong.verdict, Verdict::Fail { .. }), "{:?}", wrong.summary);
    let first = &wrong.findings[0];
    assert_eq!(first.subject.as_name(), Some("teacher.backbone.blocks.0.attn.proj:in"));
    assert!(first.text.to_string().contains("attention"), "{}", first.text);
}
