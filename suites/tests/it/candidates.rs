//! Runs made elsewhere: sets of tensors as candidates.

use std::fs;
use std::path::Path;

use dinov3_golden::manifest::Profile;
use dinov3_reports::{Collector, SuiteResult, Verdict};
use dinov3_suites::SuiteError;
use dinov3_suites::layers::{self, Request, Source};

use crate::fixture;

fn copy_of(name: &str, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(fixture::sets().join(name)).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

fn run(candidate: &Path) -> Result<SuiteResult, SuiteError> {
    let request = Request {
        golden: vec![fixture::sets()],
        profile: Profile::Quick,
        source: Source::Candidate(candidate.to_owned()),
    };
    let mut collector = Collector::default();
    layers::run(&request, &mut collector)?;
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
