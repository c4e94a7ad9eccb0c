use std::fs;

use tempfile::TempDir;

use super::*;
use crate::tables::{Options, prepare};

/// Two images of two classes, prepared.
fn imagenet() -> (TempDir, DatasetSpec) {
    let root = tempfile::tempdir().unwrap();
    for (file, text) in [("train/n01/n01_10.JPEG", "first"), ("train/n02/n02_7.JPEG", "second")] {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::write(root.path().join("labels.txt"), "n01,tench\nn02,goldfish\n").unwrap();
    let spec = DatasetSpec { split: Split::Train, root: root.path().into(), extra: root.path().join("extra") };
    prepare(spec.split, &Options { root: &spec.root, extra: &spec.extra, force: false, progress: &|_| {} }).unwrap();
    (root, spec)
}

#[test]
fn images_are_read_by_number() {
    let (root, spec) = imagenet();
    let dataset = ImageNet::open(&spec, Length::Any).unwrap();
    assert_eq!((dataset.len(), dataset.official_len_if_other()), (2, Some(1_281_167)));
    assert_eq!(dataset.read(1).unwrap(), b"second");
    assert_eq!(dataset.path(0).unwrap(), root.path().join("train/n01/n01_10.JPEG"));
    assert_eq!(dataset.name_of(0), root.path().join("train/n01/n01_10.JPEG").display().to_string());
    assert_eq!((dataset.target(1), dataset.target(2)), (Some(1), None));
    assert_eq!(dataset.class_id(1).as_deref(), Some("n02"));
    assert_eq!(dataset.class_name(0).as_deref(), Some("tench"));
}

#[test]
fn what_cannot_be_read_is_named() {
    let (root, spec) = imagenet();
    let dataset = ImageNet::open(&spec, Length::Any).unwrap();
    let error = dataset.read(2).unwrap_err();
    assert_eq!(error.to_string(), "there is no sample 2: the dataset has 2, counted from 0");
    assert_eq!(dataset.name_of(2), "sample 2");
    fs::remove_file(root.path().join("train/n01/n01_10.JPEG")).unwrap();
    let error = dataset.read(0).unwrap_err();
    let expected = format!("sample 0 cannot be read from {}/train/n01/n01_10.JPEG: ", root.path().display());
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert!(error.hints().to_string().contains("data prepare"), "{}", error.hints().to_string());
}

#[test]
fn the_official_length_is_insisted_on() {
    let (root, spec) = imagenet();
    let error = ImageNet::open(&spec, Length::Official).unwrap_err();
    let text = error.to_string().replace(&*root.path().to_string_lossy(), "ROOT");
    assert_eq!(text, "TRAIN has 2 images in ROOT/extra/entries-TRAIN.npy, and officially 1281167");
    let spec = DatasetSpec { split: Split::Test, ..spec };
    prepare(Split::Test, &Options { root: &spec.root, extra: &spec.extra, force: false, progress: &|_| {} }).unwrap();
    let error = ImageNet::open(&spec, Length::Official).unwrap_err();
    assert!(matches!(error, OpenError::NoFolder(_)), "{error}");
    fs::create_dir(root.path().join("test")).unwrap();
    let dataset = ImageNet::open(&spec, Length::Official).unwrap();
    assert_eq!((dataset.len(), dataset.official_len_if_other(), dataset.target(0)), (100_000, None, None));
    assert_eq!((dataset.class_id(0), dataset.class_name(0)), (None, None));
    assert_eq!(dataset.path(4).unwrap(), root.path().join("test/ILSVRC2012_test_00000005.JPEG"));
}

#[test]
fn tables_of_another_split_are_missed() {
    let (_root, spec) = imagenet();
    let error = ImageNet::open(&DatasetSpec { split: Split::Val, ..spec }, Length::Any).unwrap_err();
    assert!(error.to_string().contains("entries-VAL.npy cannot be read"), "{error}");
    assert!(error.hints().to_string().contains("data prepare"), "{}", error.hints().to_string());
}
