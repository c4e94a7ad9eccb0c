//! Each bug that was ever fixed, once.

use std::fs;

use crate::support::Place;

/// A set that could not be opened hid all others from `golden show`.
#[test]
fn show_finds_a_set_beside_a_damaged_one() {
    let place = Place::with_sets(&["sets/a", "sets/opt_plain"]);
    fs::write(place.path("sets/a/manifest.json"), "{").unwrap();
    assert_eq!(place.run("golden show opt_plain --golden sets").code, 0);
    // The damaged one itself is not merely unknown.
    let outcome = place.run("golden show a --golden sets");
    assert!(outcome.code == 2 && outcome.stderr.contains("is not JSON"), "{}", outcome.stderr);
}

/// A set below two of the folders given was listed and verified twice.
#[test]
fn a_set_counts_once() {
    let place = Place::with_sets(&["sets/opt_plain"]);
    let outcome = place.run("golden verify sets sets/opt_plain --golden ./sets");
    assert_eq!((outcome.code, outcome.stdout.lines().count()), (0, 1), "{}", outcome.stdout);
}

/// A full disk was an error that did not say what could not be written.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named() {
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for arguments in [&["suites"][..], &["--help"], &["golden", "verify"]] {
        let output = std::process::Command::new(assert_cmd::cargo::cargo_bin!("dinov3-harness"))
            .args(arguments)
            .env("DINOV3_GOLDEN", crate::support::reference().join("opt_plain"))
            .stdout(full())
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.starts_with("error: standard output cannot be written\n"), "{arguments:?}: {stderr}");
    }
}

/// `anstream` took control characters out of data: what was printed was not what was merged.
#[test]
fn data_is_printed_byte_for_byte() {
    let folder = "a\u{7f}b";
    let outcome = Place::empty().run(&format!("config train.output_dir={folder} --format json"));
    let config: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(config["train"]["output_dir"], folder);
}
