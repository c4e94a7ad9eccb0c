//! What a set starts from, written for a recording elsewhere.

use std::fs;

use dinov3_golden::{Dtype, GoldenSet, TensorFile};
use dinov3_suites::{SuiteError, weights};

use crate::fixture;

/// The names of a file that begin with `root`.
fn count(file: &TensorFile, root: &str) -> usize {
    file.names().filter(|name| name.starts_with(root)).count()
}

/// Weights before and after noise, buffers in their dtype, and the draws of RoPE and of stochastic depth: three and three for each of three
/// blocks and two kinds of crops, and four permutations a block.
#[test]
fn a_forward_set_has_weights_buffers_and_draws() {
    let _stream = fixture::libtorch();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let written = weights::write(&fixture::set("opt_rope"), &path).unwrap();
    let file = TensorFile::open(&path).unwrap();
    let counts = ["student.", "teacher.", "init.student.", "uniform.", "randperm."].map(|root| count(&file, root));
    assert_eq!(counts, [62, 62, 62, 18, 12]);
    assert_eq!(counts.iter().sum::<usize>(), written);
    assert_eq!(file.get("student.backbone.rope_embed.periods").unwrap().dtype(), Dtype::Bf16);
    assert_eq!(file.get("uniform.0").unwrap().dtype(), Dtype::Bf16);
    let bytes = |name: &str| file.get(name).unwrap().bytes().to_vec();
    assert_ne!(bytes("student.backbone.cls_token"), bytes("init.student.backbone.cls_token"), "noise was added");
    assert_eq!(bytes("student.backbone.cls_token"), bytes("teacher.backbone.cls_token"));
}

/// Steps start from the student, its average and the other teachers; a set with a state starts from it.
#[test]
fn a_set_of_steps_has_every_network() {
    let _stream = fixture::libtorch();
    let folder = tempfile::tempdir().unwrap();
    for (name, roots) in [
        ("train_gram", ["student.", "teacher.", "gram_teacher."]),
        ("train_distill", ["student.", "teacher.", "distilled."]),
        ("train_micro_1", ["student.", "teacher.", "student."]),
        // Of several students the first one, and the teacher that they share.
        ("train_students", ["student.", "teacher.", "distilled."]),
        ("train_students_other", ["student.", "teacher.", "distilled."]),
    ] {
        let path = folder.path().join(name);
        let set = fixture::set(name);
        weights::write(&set, &path).unwrap();
        let file = TensorFile::open(&path).unwrap();
        assert!(roots.iter().all(|root| count(&file, root) > 20), "{name}");
        if let Some(state) = set.state().unwrap() {
            let key = "student.backbone.cls_token";
            let stored = state.get(&format!("param.{key}")).unwrap();
            assert_eq!(file.get(key).unwrap().bytes(), stored.bytes(), "{name}");
        }
    }
}

/// Weights that are not the recorded ones are not handed out. Seen to fail: without the comparison, the file is written.
#[test]
fn what_cannot_be_handed_out_is_refused() {
    let _stream = fixture::libtorch();
    let folder = tempfile::tempdir().unwrap();
    let (copy, path) = (folder.path().join("opt_plain"), folder.path().join("weights.safetensors"));
    fs::create_dir(&copy).unwrap();
    for file in fs::read_dir(fixture::sets().join("opt_plain")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.join(file.file_name())).unwrap();
    }
    let manifest = fs::read_to_string(copy.join("manifest.json")).unwrap();
    fs::write(copy.join("manifest.json"), manifest.replacen("\"seed\": 0,", "\"seed\": 1,", 1)).unwrap();
    let error = weights::write(&GoldenSet::open(&copy).unwrap(), &path).unwrap_err();
    assert!(
        matches!(&error, SuiteError::OtherWeights { tensor, .. } if tensor.starts_with("param:student.")),
        "{error}"
    );
    let error = weights::write(&fixture::set("losses"), &path).unwrap_err();
    assert!(matches!(error, SuiteError::NoWeights { .. }), "{error}");
    assert!(!path.exists());
}
