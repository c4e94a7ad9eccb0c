use super::*;
use crate::names::Dtype;
use crate::set::GoldenSet;
use crate::testing::{Noise, Value, bytes_f32, from_state, header, told, write_set};

fn record(writer: &mut SetWriter, precision: Precision, name: &str, values: &[f32]) -> Result<(), WriteError> {
    let (shape, bytes) = ([values.len()], bytes_f32(values));
    writer.record(precision, name, Stage::Forward, TensorView::new(Dtype::F32, &shape, &bytes).unwrap())
}

fn listing(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_is_written_is_read_back() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("deep/tiny");
    let truth = Noise(1).take(100);
    let value = Value::forward("student.norm", truth);
    let init =
        Value { name: "param:w", stage: Stage::Init, shape: vec![2], truth: vec![1.0, 2.0], fp32: vec![1.0, 2.0] };
    write_set(&dir, Some(40), &[init, value.clone()]);

    assert_eq!(
        listing(&dir),
        ["SHA256SUMS", "fp32.safetensors", "inputs.safetensors", "manifest.json", "truth.safetensors"]
    );
    let verified = crate::verify(&dir).unwrap();
    assert_eq!((verified.files, verified.records), (4, 4));
    let set = GoldenSet::open(&dir).unwrap();
    assert_eq!(set.inputs().unwrap().unwrap().get("crops").unwrap().bytes(), [1, 2, 3, 4]);
    let entries = &set.manifest().entries;
    let digest = set.recorded(&entries[0], Precision::Fp32).unwrap();
    assert_eq!((digest.record.storage, digest.stored), (Storage::Digest, None));
    let sampled = set.recorded(&entries[1], Precision::Fp32).unwrap();
    assert_eq!(sampled.record.storage, Storage::Sample);
    assert_eq!(sampled.record.sha256, sha256_hex(&bytes_f32(&value.fp32)));
    let every_third: Vec<f32> = value.fp32.iter().copied().step_by(3).collect();
    assert_eq!(sampled.stored.unwrap().bytes(), bytes_f32(&every_third));
    assert_eq!(sampled.stored.unwrap().shape(), [34]);
}

/// The text that Python's exporter writes and reads as well.
#[test]
fn the_manifest_as_written() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("tiny");
    let zero = Value { name: "empty", stage: Stage::Forward, shape: vec![0, 3], truth: vec![], fp32: vec![] };
    let init = Value { name: "param:w", stage: Stage::Init, shape: vec![1], truth: vec![0.1], fp32: vec![0.1] };
    write_set(&dir, None, &[init, zero, Value::forward("norm", vec![f64::NAN, 3.0, 4.0])]);
    insta::assert_snapshot!(fs::read_to_string(dir.join(MANIFEST)).unwrap());
}

#[test]
fn equal_tensors_are_stored_once() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("tiny");
    let mut writer = SetWriter::create(&dir, header("tiny"), Existing::Refuse).unwrap();
    let fp32 = Precision::Fp32;
    record(&mut writer, fp32, "a", &[1.0, 2.0]).unwrap();
    record(&mut writer, fp32, "b", &[1.0, 2.0]).unwrap();
    record(&mut writer, fp32, "c", &[2.0, 1.0]).unwrap();
    // The same bytes in another shape, and of another dtype, are other tensors.
    let bytes = bytes_f32(&[1.0, 2.0]);
    let reshaped = TensorView::new(Dtype::F32, &[2, 1], &bytes).unwrap();
    writer.record(fp32, "d", Stage::Forward, reshaped).unwrap();
    let integers = TensorView::new(Dtype::I32, &[2], &bytes).unwrap();
    writer.record(fp32, "e", Stage::Forward, integers).unwrap();
    // Nothing is shared between precisions.
    record(&mut writer, Precision::Truth, "b", &[1.0, 2.0]).unwrap();
    let manifest = writer.finish().unwrap();
    let key = |name: &str, precision| {
        let record = manifest.entry(name).unwrap().1.records.get(precision).unwrap();
        record.tensor.clone().unwrap()
    };
    assert_eq!(["a", "b", "c", "d", "e"].map(|name| key(name, fp32)), ["a", "a", "c", "d", "e"]);
    assert_eq!(key("b", Precision::Truth), "b");
    let set = GoldenSet::open(&dir).unwrap();
    assert_eq!(set.file(fp32).unwrap().names().collect::<Vec<_>>(), ["a", "c", "d", "e"]);
    set.verify().unwrap();
}

#[test]
fn names_new_to_a_later_precision_keep_its_order() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = SetWriter::create(&root.path().join("tiny"), header("tiny"), Existing::Refuse).unwrap();
    for name in ["a", "b", "c"] {
        record(&mut writer, Precision::Truth, name, &[1.0]).unwrap();
    }
    for name in ["a", "new", "b", "newer", "c", "last"] {
        record(&mut writer, Precision::Bf16, name, &[1.0]).unwrap();
    }
    record(&mut writer, Precision::Truth, "d", &[1.0]).unwrap();
    let manifest = writer.finish().unwrap();
    let names: Vec<_> = manifest.entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["a", "new", "b", "newer", "c", "d", "last"]);
}

#[test]
fn nothing_is_left_of_an_abandoned_set() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = SetWriter::create(&root.path().join("tiny"), header("tiny"), Existing::Refuse).unwrap();
    record(&mut writer, Precision::Fp32, "a", &[1.0]).unwrap();
    drop(writer);
    assert!(listing(root.path()).is_empty());
}

#[test]
fn a_set_is_replaced_only_when_told_and_only_when_complete() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("tiny");
    let value = |it: f64| [Value::forward("a", vec![it])];
    write_set(&dir, None, &value(1.0));
    let before = fs::read(dir.join(SUMS)).unwrap();
    let error = SetWriter::create(&dir, header("tiny"), Existing::Refuse).unwrap_err();
    assert!(matches!(error, WriteError::Exists { .. }), "{error}");

    let mut writer = SetWriter::create(&dir, header("tiny"), Existing::Replace).unwrap();
    record(&mut writer, Precision::Fp32, "a", &[2.0]).unwrap();
    assert_eq!(fs::read(dir.join(SUMS)).unwrap(), before, "still the old one");
    writer.finish().unwrap();
    assert_ne!(fs::read(dir.join(SUMS)).unwrap(), before);
    crate::verify(&dir).unwrap();
    assert_eq!(listing(root.path()), ["tiny"]);

    // A set that appears while another is being written is not overwritten either.
    let late = root.path().join("late");
    let writer = SetWriter::create(&late, header("tiny"), Existing::Refuse).unwrap();
    write_set(&late, None, &value(3.0));
    assert!(matches!(writer.finish().unwrap_err(), WriteError::Exists { .. }));
    crate::verify(&late).unwrap();
}

#[cfg(unix)]
#[test]
fn others_may_read_a_set() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let (dir, plain) = (root.path().join("tiny"), root.path().join("plain"));
    write_set(&dir, None, &[Value::forward("a", vec![1.0])]);
    fs::create_dir(&plain).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&dir), mode(&plain));
    fs::write(plain.join("file"), "").unwrap();
    assert_eq!(mode(&dir.join("fp32.safetensors")), mode(&plain.join("file")));
}

#[test]
fn each_refusal_has_its_message() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("tiny");
    let mut messages = Vec::new();
    let mut tell = |error: WriteError| messages.push(told(&error, root.path()));
    let new = |header: Manifest| SetWriter::create(&dir, header, Existing::Refuse);

    tell(new(Manifest { schema_version: 2, ..header("tiny") }).unwrap_err());
    tell(new(Manifest { sample_limit: Some(0), ..header("tiny") }).unwrap_err());
    let mut named = header("tiny");
    named.precisions.fp32.as_mut().unwrap().file = "../fp32.safetensors".into();
    tell(new(named).unwrap_err());
    let mut twice = header("tiny");
    twice.precisions.fp32.as_mut().unwrap().file = "truth.safetensors".into();
    tell(new(twice).unwrap_err());

    let mut only_fp32 = header("tiny");
    only_fp32.precisions.bf16 = None;
    let mut writer = new(only_fp32).unwrap();
    tell(record(&mut writer, Precision::Bf16, "a", &[1.0]).unwrap_err());
    record(&mut writer, Precision::Fp32, "a", &[1.0]).unwrap();
    tell(record(&mut writer, Precision::Fp32, "a", &[1.0]).unwrap_err());
    let view = TensorView::new(Dtype::U8, &[1], &[1]).unwrap();
    tell(writer.record(Precision::Truth, "a", Stage::Loss, view).unwrap_err());
    writer.input("x", view).unwrap();
    tell(writer.input("x", view).unwrap_err());
    writer.finish().unwrap();
    tell(new(header("tiny")).unwrap_err());
    let below_a_file = dir.join(MANIFEST).join("tiny");
    tell(SetWriter::create(&below_a_file, header("tiny"), Existing::Refuse).unwrap_err());
    insta::assert_snapshot!(messages.join("\n\n"));
}

#[test]
fn a_state_and_tables_of_a_training_set() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("tiny");
    let mut header = Manifest { sample_limit: Some(4), ..header("tiny") };
    header.recipe.training = Some(from_state());
    let mut writer = SetWriter::create(&dir, header, Existing::Refuse).unwrap();
    let bytes = bytes_f32(&[1.0; 9]);
    let view = TensorView::new(Dtype::F32, &[9], &bytes).unwrap();
    writer.state("param.student.w", view).unwrap();
    assert!(matches!(writer.state("param.student.w", view), Err(WriteError::Duplicate { .. })));
    for (name, stage) in [
        ("groups:lr_multiplier", Stage::Optimizer),
        ("param:student.w", Stage::Optimizer),
        ("trajectory:total_loss", Stage::Trajectory),
        ("final:student.w", Stage::Trajectory),
    ] {
        writer.record(Precision::Fp32, name, stage, view).unwrap();
    }
    let storage: Vec<_> =
        writer.finish().unwrap().entries.iter().map(|it| it.records.fp32.as_ref().unwrap().storage).collect();
    assert_eq!(storage, [Storage::Full, Storage::Sample, Storage::Full, Storage::Digest]);
    let set = GoldenSet::open(&dir).unwrap();
    assert_eq!(set.state().unwrap().unwrap().get("param.student.w").unwrap().bytes(), bytes);
    assert_eq!(crate::verify(&dir).unwrap().files, 5);
    let mut damaged = fs::read(dir.join(STATE)).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(dir.join(STATE), damaged).unwrap();
    assert!(crate::verify(&dir).unwrap_err().to_string().contains(STATE));
}
