//! `data prepare | inspect`.

use std::fs;
use std::process::Command;

use crate::support::{Outcome, Place, check};

/// The arguments that all have in common.
const HERE: &str = "--root imagenet --extra tables";

/// Three images for training, one to validate on, and their labels.
fn imagenet() -> Place {
    let place = Place::empty();
    image(&place, "train/n01/n01_10.JPEG");
    image(&place, "train/n01/n01_9.JPEG");
    image(&place, "train/n02/n02_7.JPEG");
    image(&place, "val/n01/ILSVRC2012_val_00000293.JPEG");
    fs::write(place.path("imagenet/labels.txt"), "n01,tench\nn02,\"great white shark, man-eater\"\n").unwrap();
    place
}

fn image(place: &Place, path: &str) {
    let path = place.path("imagenet").join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "").unwrap();
}

/// What is in the folder of the tables.
fn tables(place: &Place) -> Vec<(String, Vec<u8>)> {
    let Ok(folder) = fs::read_dir(place.path("tables")) else { return Vec::new() };
    let files = folder.map(|file| file.unwrap().path());
    let mut files: Vec<_> =
        files.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap())).collect();
    files.sort();
    files
}

fn prepare(place: &Place, more: &str) -> Outcome {
    place.run(format!("data prepare {HERE} {more}").trim_end())
}

#[test]
fn help() {
    let place = Place::empty();
    for (name, line) in [
        ("help-data", "data --help"),
        ("help-data-prepare", "data prepare --help"),
        ("help-data-inspect", "data inspect --help"),
    ] {
        let outcome = place.run(line);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{line}");
        check(name, &[outcome]);
    }
}

#[test]
fn tables_are_made_once_until_something_changes() {
    let place = imagenet();
    let mut outcomes = vec![prepare(&place, ""), prepare(&place, "")];
    let made = tables(&place);
    image(&place, "train/n02/n02_8.JPEG");
    outcomes.extend([prepare(&place, ""), prepare(&place, "--split VAL --split TEST --force")]);
    assert_eq!((made.len(), tables(&place).len()), (6, 7));
    assert_ne!(made, tables(&place));
    check("data-prepare", &outcomes);
}

#[test]
fn one_split_is_gone_on_with() {
    let place = imagenet();
    prepare(&place, "");
    let made = tables(&place);
    fs::remove_file(place.path("tables/class-names-VAL.npy")).unwrap();
    fs::write(place.path("tables/.class-names-VAL.npy.killed.partial"), "half").unwrap();
    let outcome = prepare(&place, "");
    assert!(outcome.stdout.starts_with("kept     TRAIN 3 images"), "{}", outcome.transcript());
    assert!(outcome.stdout.contains("\nwritten  VAL   1 image"), "{}", outcome.transcript());
    assert!(made == tables(&place));
}

#[test]
fn what_is_odd_is_said() {
    let place = imagenet();
    image(&place, "train/n02/odd_8.jpg");
    fs::write(place.path("imagenet/labels.txt"), "x,tench\ny,shark\nn01,a\nn02,b\n").unwrap();
    check("data-prepare-odd", &[prepare(&place, "--split TRAIN")]);
}

#[test]
fn what_cannot_be_prepared_is_refused_by_name() {
    let place = imagenet();
    let mut outcomes = vec![prepare(&place, "--split train"), prepare(&place, "--split x")];
    outcomes.push(place.run("data prepare --root nowhere --extra tables"));
    outcomes.push(place.run("data prepare --root imagenet --extra imagenet/labels.txt"));
    fs::create_dir(place.path("imagenet/train/n03")).unwrap();
    outcomes.push(prepare(&place, ""));
    image(&place, "train/n03/n03_x.JPEG");
    fs::write(place.path("imagenet/labels.txt"), "n01,a\nn02,b\nn03,c\n").unwrap();
    outcomes.push(prepare(&place, ""));
    fs::write(place.path("imagenet/labels.txt"), "n01,a\nn02,b,c\n").unwrap();
    outcomes.push(prepare(&place, ""));
    fs::remove_file(place.path("imagenet/labels.txt")).unwrap();
    outcomes.push(prepare(&place, ""));
    // Those of the split that is sound were written.
    assert!(tables(&place).iter().all(|(name, _)| name.ends_with("-VAL.npy")));
    assert!(outcomes.iter().all(|outcome| outcome.code == 2));
    check("data-prepare-errors", &outcomes);
}

/// Where no image would be found when it is read, the tables are of no use, and the exit code says so.
#[test]
fn tables_of_no_use_are_a_failed_check() {
    let place = Place::empty();
    image(&place, "train/n01/odd_1.jpg");
    image(&place, "val/n01/ILSVRC2012_val_00000293.JPEG");
    fs::write(place.path("imagenet/labels.txt"), "n01,a\n").unwrap();
    let mut outcomes = vec![prepare(&place, ""), prepare(&place, "--split VAL")];
    assert_eq!(outcomes.iter().map(|outcome| outcome.code).collect::<Vec<_>>(), [1, 0]);
    let kaggle = "n01440764 tench, Tinca tinca\nn01443537 goldfish, Carassius auratus\n";
    fs::write(place.path("imagenet/labels.txt"), kaggle).unwrap();
    outcomes.push(prepare(&place, "--force"));
    check("data-prepare-useless", &outcomes);
}

/// A limit on the size of files stands for a disk that is full.
#[test]
fn a_full_disk_leaves_what_was_there() {
    let place = imagenet();
    prepare(&place, "");
    let made = tables(&place);
    for number in 0..2000 {
        image(&place, &format!("train/n01/n01_{number}.JPEG"));
    }
    let program = assert_cmd::cargo::cargo_bin!("dinov3-harness");
    let output = Command::new("sh")
        .current_dir(place.path("."))
        .args(["-c", &format!("trap '' XFSZ; ulimit -f 8; exec \"$0\" data prepare {HERE}")])
        .arg(program)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.starts_with("error: tables/entries-TRAIN.npy cannot be written: File too large"), "{stderr}");
    assert!(stderr.contains("hint: free some space"), "{stderr}");
    assert!(made == tables(&place), "a table was changed, or something was left behind");
    assert!(prepare(&place, "").stdout.starts_with("written  TRAIN 2001 images"));
}

#[test]
fn inspect() {
    let place = imagenet();
    prepare(&place, "--split TRAIN --split VAL --split TEST");
    check(
        "data-inspect",
        &[
            place.run("data inspect --extra tables"),
            place.run("data inspect --extra tables --root imagenet --format json"),
            place.run("data inspect ImageNet:split=TRAIN:root=imagenet:extra=tables"),
        ],
    );
}

#[test]
fn inspect_misses_images_and_tables() {
    let place = imagenet();
    let mut outcomes = vec![place.run("data inspect --extra tables")];
    prepare(&place, "");
    fs::remove_file(place.path("imagenet/train/n02/n02_7.JPEG")).unwrap();
    outcomes.push(place.run("data inspect ImageNet:split=TRAIN:root=imagenet:extra=tables"));
    assert_eq!(outcomes[1].code, 1);
    place.edit("tables/entries-TRAIN.npy", |bytes| bytes.truncate(300));
    outcomes.push(place.run("data inspect --extra tables"));
    for dataset in
        ["ImageNet22k:root=a", "ImagNet:split=VAL", "ImageNet:split=val:root=a:extra=b", "ImageNet:root=a:root=b"]
    {
        outcomes.push(place.run(&format!("data inspect {dataset}")));
    }
    outcomes.push(place.run("data inspect"));
    outcomes.push(place.run("data inspect --extra tables ImageNet:split=VAL"));
    check("data-inspect-errors", &outcomes);
}
