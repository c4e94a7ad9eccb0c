//! Steps taken elsewhere.

use std::path::Path;

use dinov3_golden::manifest::Profile;
use dinov3_golden::{
    ChangedFile, Checkout, CheckoutDiff, Existing, GoldenSet, Manifest, PerPrecision, Precision, SetWriter, Stage,
    TensorFile, TensorView,
};
use dinov3_reports::{Check, Collector, SuiteResult, Verdict};
use dinov3_suites::defects::Plant;
use dinov3_suites::judging::replay::{Notes, Replay, with_view};
use dinov3_suites::layers::Layers;
use dinov3_suites::training::{self, Training};
use dinov3_suites::{Request, Source, Suite, SuiteError, run_alone};
use dinov3_torch::device::Device;
use dinov3_vit::hook::Hook;
use tch::Tensor;

use crate::fixture;

/// From a recorded state, so that all files of a set are there.
const GOLDEN: &str = "train_micro_10";

fn run(suite: &dyn Suite, candidate: &Path) -> Result<SuiteResult, SuiteError> {
    let source = Source::Candidate(vec![candidate.to_owned()]);
    let request = Request::of_sets(vec![fixture::sets()], Profile::Quick, source);
    let mut collector = Collector::default();
    run_alone(suite, &request, &mut collector)?;
    Ok(collector.suites()[0].clone())
}

/// Sees gradients of outputs too.
struct Everything<F>(F);

impl<F: FnMut(&str, &Tensor)> Hook for Everything<F> {
    fn tensor(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        (self.0)(name, value);
        None
    }

    fn wants_gradients(&self) -> bool {
        true
    }

    fn summary(&mut self, name: &str, value: &Tensor) {
        (self.0)(name, value);
    }
}

/// Writes what our own trainer computes for a committed set, on a device that says it is another one.
fn recorded_elsewhere(plant: Option<Plant>, to: &Path) {
    recorded_from(None, plant, to);
}

/// The same, from this checkout.
fn recorded_from(checkout: Option<Checkout>, plant: Option<Plant>, to: &Path) {
    let golden = fixture::set(GOLDEN);
    let mut writer = writer(&golden, checkout, to);
    copy(golden.inputs().unwrap().unwrap(), |name, view| writer.input(name, view).unwrap());
    copy(golden.state().unwrap().unwrap(), |name, view| writer.state(name, view).unwrap());
    let stage_of = |name: &str| golden.manifest().entry(name).map_or(Stage::Loss, |(_, entry)| entry.stage);
    let mut observer = Everything(|name: &str, value: &Tensor| {
        with_view(value, |view| writer.record(Precision::Fp32, name, stage_of(name), view)).unwrap();
    });
    let replay =
        Replay { precision: Precision::Fp32, device: Device::Cpu, plant, free_run: false, notes: Notes::default() };
    training::replay::run(&golden, &replay, None, &mut observer).unwrap();
    writer.finish().unwrap();
}

fn writer(golden: &GoldenSet, checkout: Option<Checkout>, to: &Path) -> SetWriter {
    let mut fp32 = golden.manifest().precisions.get(Precision::Fp32).unwrap().clone();
    fp32.fingerprint.device = "npu".to_owned();
    let precisions = PerPrecision { fp32: Some(fp32), ..PerPrecision::default() };
    let header = Manifest { entries: Vec::new(), precisions, checkout, ..golden.manifest().clone() };
    SetWriter::create(to, header, Existing::Refuse).unwrap()
}

fn copy(file: &TensorFile, mut write: impl FnMut(&str, TensorView<'_>)) {
    file.names().for_each(|name| write(name, file.get(name).unwrap()));
}

#[test]
fn a_correct_step_passes_and_a_wrong_one_is_named() {
    let _stream = fixture::libtorch();
    let folder = tempfile::tempdir().unwrap();
    let (right, wrong) = (folder.path().join("right"), folder.path().join("wrong"));
    recorded_elsewhere(None, &right);
    let result = run(&Training, &right).unwrap();
    let made = |check: &&Check| !matches!(check.verdict, Verdict::Skipped { .. });
    let ids: Vec<_> = result.checks.iter().filter(made).map(|check| check.id.as_str()).collect();
    assert_eq!(ids, ["training/train_micro_10/fp32"]);
    assert_eq!(result.checks[0].verdict, Verdict::Pass, "{:?}", result.checks[0].findings);
    recorded_elsewhere(Some("clip-all-together".parse().unwrap()), &wrong);
    let check = run(&Training, &wrong).unwrap().checks.remove(0);
    let reason = check.verdict.reason().map_or_else(String::new, ToString::to_string);
    assert_eq!(reason, "grad_norm:backbone is wrong by itself (stage optimizer)");
    assert!(matches!(check.verdict, Verdict::Fail { .. }));
    let nothing = run(&Layers, &right).unwrap();
    assert!(nothing.checks.iter().all(|check| matches!(check.verdict, Verdict::Skipped { .. })), "it has no recording");
}

/// The published way to run on another device patches the reference, and its average never receives the student.
#[test]
fn a_patched_port_is_a_candidate_and_no_golden_set() {
    let _stream = fixture::libtorch();
    let folder = tempfile::tempdir().unwrap();
    let (to, set) = (folder.path().join("port"), folder.path().join("sets"));
    let file = ChangedFile { path: "dinov3/train/ssl_meta_arch.py".to_owned(), added: 2, removed: 1 };
    let diff = CheckoutDiff { files: vec![file], sha256: "0".repeat(64), text: Some("--- a\n".to_owned()) };
    let checkout = Checkout { commit: None, tree: "0".repeat(40), clean: false, diff: Some(diff) };
    recorded_from(Some(checkout.clone()), Some("ema-without-student".parse().unwrap()), &to);
    assert_eq!(GoldenSet::open(&to).unwrap().manifest().checkout, Some(checkout));
    let check = run(&Training, &to).unwrap().checks.remove(0);
    let said: Vec<_> = check.findings.iter().map(|finding| finding.text.to_string()).collect();
    assert!(said.iter().any(|text| text.contains("the average did not receive the student")), "{said:#?}");
    std::fs::create_dir(&set).unwrap();
    std::fs::rename(&to, set.join(GOLDEN)).unwrap();
    let source = Source::Trainer { device: Device::Cpu, plant: None };
    let request = Request::of_sets(vec![set], Profile::Quick, source);
    let error = run_alone(&Training, &request, &mut Collector::default()).unwrap_err();
    assert!(matches!(error, SuiteError::PatchedGolden { .. }), "{error}");
}

#[test]
fn a_step_from_another_state_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let golden = fixture::set(GOLDEN);
    for moved in ["0.masks", "exp_avg.student.backbone.cls_token"] {
        let to = folder.path().join(moved);
        let mut writer = writer(&golden, None, &to);
        let changed = |name: &str, view: TensorView<'_>| {
            let mut bytes = view.bytes().to_vec();
            bytes[0] ^= u8::from(name == moved);
            bytes
        };
        copy(golden.inputs().unwrap().unwrap(), |name, view| {
            let bytes = changed(name, view);
            writer.input(name, TensorView::new(view.dtype(), view.shape(), &bytes).unwrap()).unwrap();
        });
        copy(golden.state().unwrap().unwrap(), |name, view| {
            let bytes = changed(name, view);
            writer.state(name, TensorView::new(view.dtype(), view.shape(), &bytes).unwrap()).unwrap();
        });
        writer.finish().unwrap();
        let error = run(&Training, &to).unwrap_err();
        let told = error.to_string();
        assert!(matches!(error, SuiteError::OtherStart { .. }) && told.contains(moved), "{told}");
    }
}
