//! Runs made elsewhere: sets of tensors as candidates.

use std::fs;
use std::path::Path;

use dinov3_golden::manifest::Profile;
use dinov3_golden::{Existing, Manifest, PerPrecision, Precision, SetWriter, Stage};
use dinov3_reports::{Collector, SuiteResult, Verdict};
use dinov3_suites::SuiteError;
use dinov3_suites::defects::Plant;
use dinov3_suites::judging::replay::{Notes, Replay, with_view};
use dinov3_suites::layers::{self, Layers};
use dinov3_suites::{Request, Source, run_alone};
use dinov3_torch::device::Device;
use tch::Tensor;

use crate::fixture;

fn copy_of(name: &str, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(fixture::sets().join(name)).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

fn run(candidate: &Path) -> Result<SuiteResult, SuiteError> {
    let request = Request::of_sets(vec![fixture::sets()], Profile::Quick, Source::Candidate(candidate.to_owned()));
    let mut collector = Collector::default();
    run_alone(&Layers, &request, &mut collector)?;
    Ok(collector.suites()[0].clone())
}

#[test]
fn a_golden_set_is_its_own_best_candidate() {
    let folder = tempfile::tempdir().unwrap();
    copy_of("opt_plain", &folder.path().join("opt_plain"));
    for place in [folder.path().to_owned(), folder.path().join("opt_plain")] {
        let result = run(&place).unwrap();
        let ids: Vec<_> = result.checks.iter().map(|check| check.id.as_str()).collect();
        assert_eq!(ids, ["layers/opt_plain/fp32", "layers/opt_plain/bf16"]);
        assert!(result.checks.iter().all(|check| check.verdict == Verdict::Pass));
    }
}

#[test]
fn a_damaged_candidate_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("opt_plain");
    copy_of("opt_plain", &set);
    let path = set.join("fp32.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = run(&set).unwrap_err();
    assert!(matches!(error, SuiteError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("fp32.safetensors"), "{error}");
}

#[test]
fn an_empty_folder_is_no_candidate() {
    let folder = tempfile::tempdir().unwrap();
    let error = run(folder.path()).unwrap_err();
    assert!(matches!(error, SuiteError::NoCandidate(_)), "{error}");
}

/// Writes what our own trainer computes for a committed set, on a device that says it is another one.
fn recorded_elsewhere(name: &str, plant: Option<Plant>, to: &Path) {
    recorded_in_part(name, plant, to, |_| true);
}

/// The same, but only the tensors whose names `keep` keeps.
fn recorded_in_part(name: &str, plant: Option<Plant>, to: &Path, keep: impl Fn(&str) -> bool) {
    let golden = fixture::set(name);
    let mut fp32 = golden.manifest().precisions.get(Precision::Fp32).unwrap().clone();
    fp32.fingerprint.device = "npu".to_owned();
    let precisions = PerPrecision { fp32: Some(fp32), ..PerPrecision::default() };
    let header = Manifest { entries: Vec::new(), precisions, ..golden.manifest().clone() };
    let mut writer = SetWriter::create(to, header, Existing::Refuse).unwrap();
    let stage_of = |name: &str| golden.manifest().entry(name).map_or(Stage::Forward, |(_, entry)| entry.stage);
    let mut observer = |name: &str, value: &Tensor| {
        if keep(name) {
            with_view(value, |view| writer.record(Precision::Fp32, name, stage_of(name), view)).unwrap();
        }
    };
    let replay =
        Replay { precision: Precision::Fp32, device: Device::Cpu, plant, free_run: false, notes: Notes::default() };
    layers::replay::run(&golden, &replay, &mut observer).unwrap();
    writer.finish().unwrap();
}

#[test]
fn a_sound_recording_of_a_correct_run_passes() {
    let _stream = fixture::libtorch();
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("opt_storage");
    recorded_elsewhere("opt_storage", None, &set);
    let result = run(&set).unwrap();
    assert_eq!(result.checks.len(), 1);
    assert_eq!(result.checks[0].verdict, Verdict::Pass, "{:?}", result.checks[0].findings);
}

#[test]
fn a_sound_recording_of_a_wrong_run_fails_and_names_the_layer() {
    let _stream = fixture::libtorch();
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("opt_storage");
    recorded_elsewhere("opt_storage", Some("no-k-bias-mask@2".parse().unwrap()), &set);
    let result = run(&set).unwrap();
    assert!(matches!(result.checks[0].verdict, Verdict::Fail { .. }));
    let finding = &result.checks[0].findings[0];
    assert_eq!(finding.subject.as_name(), Some("teacher.backbone.blocks.2.attn.qkv"));
    let hint = finding.hint.as_ref().map_or_else(String::new, ToString::to_string);
    assert!(hint.contains("teacher.backbone.blocks.2.norm1 still agrees"), "{hint}");
}

/// What is wrong comes before what is missing, and the hint belongs to it.
#[test]
fn a_wrong_run_that_lacks_tensors_is_told_what_is_wrong() {
    let _stream = fixture::libtorch();
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("opt_storage");
    let plant = "no-k-bias-mask@2".parse().unwrap();
    recorded_in_part("opt_storage", Some(plant), &set, |name| !name.contains("patch_embed"));
    let findings = run(&set).unwrap().checks.remove(0).findings;
    assert_eq!(findings[0].subject.as_name(), Some("teacher.backbone.blocks.2.attn.qkv"));
    assert!(findings[0].hint.is_some());
    assert!(findings[1].subject.to_string().contains("patch_embed") && findings[1].hint.is_none(), "{:?}", findings[1]);
}
