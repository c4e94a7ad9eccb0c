use std::fs;

use serde_json::Value as Json;

use super::*;
use crate::manifest::{INPUTS, MANIFEST};
use crate::testing::{Value, folder_in_memory, told, write_set};

fn tiny(dir: &Path) {
    let sampled = Value::forward("sampled", (0..9).map(f64::from).collect());
    write_set(dir, Some(4), &[Value::forward("full", vec![1.0, 2.5]), sampled]);
}

/// Hashes every file again, like a user who changes a set and hides the change.
fn sum_again(dir: &Path) {
    let names = fs::read_dir(dir).unwrap().map(|item| item.unwrap().file_name().into_string().unwrap());
    let hashes = names.filter(|name| name != SUMS).map(|name| {
        let hash = sha256_hex(&fs::read(dir.join(&name)).unwrap());
        (name, hash)
    });
    fs::write(dir.join(SUMS), sums::format(&hashes.collect())).unwrap();
}

fn told_after(spoil: impl FnOnce(&Path)) -> String {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("tiny");
    tiny(&dir);
    assert!(verify(&dir).is_ok());
    spoil(&dir);
    let problems = verify(&dir).expect_err("spoilt");
    assert!(!problems.hints().is_empty());
    problems.iter().map(|it| told(it, &dir)).collect::<Vec<_>>().join("\n")
}

/// Every bit of every file of a set: header and data of each tensor file, manifest, sums.
#[test]
fn any_flipped_bit_is_found() {
    let root = folder_in_memory();
    let dir = root.path().join("tiny");
    tiny(&dir);
    let mut flipped = 0;
    for name in [MANIFEST, INPUTS, "truth.safetensors", "fp32.safetensors", SUMS] {
        let path = dir.join(name);
        let mut bytes = fs::read(&path).unwrap();
        for bit in 0..8 * bytes.len() {
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &bytes).unwrap();
            assert!(verify(&dir).is_err(), "bit {bit} of {name}");
            bytes[bit / 8] ^= 1 << (bit % 8);
            flipped += 1;
        }
        fs::write(&path, &bytes).unwrap();
        assert!(verify(&dir).is_ok(), "{name} restored");
    }
    assert!(flipped > 8 * 2000, "{flipped} bits are less than a set");
}

#[test]
fn files_that_come_and_go() {
    let all = [
        told_after(|dir| fs::write(dir.join("notes.txt"), "").unwrap()),
        told_after(|dir| fs::create_dir(dir.join("more")).unwrap()),
        told_after(|dir| fs::remove_file(dir.join(INPUTS)).unwrap()),
        told_after(|dir| fs::remove_file(dir.join(SUMS)).unwrap()),
        told_after(|dir| fs::remove_dir_all(dir).unwrap()),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn all_problems_are_told() {
    let message = told_after(|dir| {
        fs::write(dir.join("notes.txt"), "").unwrap();
        fs::remove_file(dir.join("truth.safetensors")).unwrap();
        let mut bytes = fs::read(dir.join(INPUTS)).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(dir.join(INPUTS), bytes).unwrap();
    });
    insta::assert_snapshot!(message);
}

#[test]
fn sums_must_be_as_written() {
    let mut all = Vec::new();
    let edited = |edit: fn(String) -> String| {
        told_after(|dir| {
            let text = fs::read_to_string(dir.join(SUMS)).unwrap();
            fs::write(dir.join(SUMS), edit(text)).unwrap();
        })
    };
    all.push(edited(|text| text.trim_end().to_owned()));
    all.push(edited(|text| text.to_uppercase()));
    all.push(edited(|text| text.lines().skip(1).map(|line| format!("{line}\n")).collect()));
    insta::assert_snapshot!(all.join("\n\n"));
}

/// With the sums made to fit, the set must still fit itself.
#[test]
fn contents_are_checked_against_the_records() {
    let mut all = Vec::new();
    let edited = |edit: fn(&mut Json)| {
        told_after(|dir| {
            let mut json = serde_json::from_slice(&fs::read(dir.join(MANIFEST)).unwrap()).unwrap();
            edit(&mut json);
            fs::write(dir.join(MANIFEST), serde_json::to_vec(&json).unwrap()).unwrap();
            sum_again(dir);
        })
    };
    fn full(json: &mut Json) -> &mut Json {
        &mut json["entries"][0]["records"]["fp32"]
    }
    all.push(edited(|json| full(json)["sha256"] = "0".repeat(64).into()));
    all.push(edited(|json| full(json)["stats"]["non_finite"] = 1.into()));
    all.push(edited(|json| full(json)["stats"]["min"] = 0.5.into()));
    all.push(edited(|json| full(json)["stats"]["max"] = Json::Null));
    all.push(edited(|json| full(json)["stats"]["mean"] = 1.7500001.into()));
    all.push(edited(|json| full(json)["stats"]["l2"] = 2.6925.into()));
    all.push(edited(|json| json["entries"][0]["records"]["truth"]["shape"] = vec![2, 1].into()));
    all.push(edited(|json| drop(json["entries"].as_array_mut().unwrap().remove(0))));
    all.push(edited(|json| json["sample_limit"] = 1.into()));
    all.push(edited(|json| json["schema_version"] = 7.into()));
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn tensors_are_checked_against_the_records() {
    let message = told_after(|dir| {
        let path = dir.join("fp32.safetensors");
        let mut bytes = fs::read(&path).unwrap();
        // The file's last float32, of whichever tensor: the full one is checked, so swap both ends.
        let len = bytes.len();
        bytes[len - 20] ^= 1;
        bytes[len - 1] ^= 1;
        fs::write(path, bytes).unwrap();
        sum_again(dir);
    });
    assert!(message.contains("the record of `full` at fp32 does not describe its tensor: its SHA-256 is"), "{message}");
    let message = told_after(|dir| {
        fs::write(dir.join(INPUTS), "not a tensor").unwrap();
        sum_again(dir);
    });
    assert!(message.contains("inputs.safetensors is"), "{message}");
}

/// A sample is a part of the tensor, so its elements are within the record's extremes. Seen to fail before samples were
/// looked at: `verify` called the set sound with 1e308 among elements of at most 8.
#[test]
fn samples_are_checked_against_the_extremes() {
    let mut all = Vec::new();
    for value in [1e308, -1.0, f64::NAN, f64::NEG_INFINITY] {
        all.push(told_after(|dir| {
            let path = dir.join("truth.safetensors");
            let mut bytes = fs::read(&path).unwrap();
            // 3, the second of the sampled elements 0, 3, 6.
            let at = bytes.windows(8).rposition(|bytes| bytes == 3f64.to_le_bytes()).unwrap();
            bytes[at..at + 8].copy_from_slice(&f64::to_le_bytes(value));
            fs::write(path, bytes).unwrap();
            sum_again(dir);
        }));
    }
    all.push(told_after(|dir| {
        let mut json: Json = serde_json::from_slice(&fs::read(dir.join(MANIFEST)).unwrap()).unwrap();
        json["entries"][1]["records"]["fp32"]["stats"]["min"] = Json::Null;
        fs::write(dir.join(MANIFEST), serde_json::to_vec(&json).unwrap()).unwrap();
        sum_again(dir);
    }));
    insta::assert_snapshot!(all.join("\n\n"));
}
