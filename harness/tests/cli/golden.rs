//! `golden list | verify | show | weights`.

use std::fs;

use crate::support::{FILES, Place, check};

#[test]
fn list() {
    let place = Place::with_sets(&["sets/opt_plain"]);
    check("golden-list", &[place.run("golden list sets"), place.run("golden list --golden sets/opt_plain")]);
}

#[test]
fn list_shows_what_can_be_read_beside_what_cannot() {
    let place = Place::with_sets(&["sets/a", "sets/b", "sets/c"]);
    place.edit("sets/a/manifest.json", |bytes| bytes.truncate(100));
    fs::remove_file(place.path("sets/c/fp32.safetensors")).unwrap();
    check("golden-list-damaged", &[place.run("golden list sets")]);
}

#[test]
fn verify_finds_sound_sets_sound() {
    let place = Place::with_sets(&["sets/opt_plain"]);
    check("golden-verify", &[place.run("golden verify sets")]);
}

#[test]
fn verify_finds_a_flipped_bit_in_any_file() {
    let folders = FILES.map(|file| format!("sets/{}", file.replace('.', "_")));
    let place = Place::with_sets(&folders.each_ref().map(String::as_str));
    for (folder, file) in folders.iter().zip(FILES) {
        place.flip_a_bit(&format!("{folder}/{file}"));
    }
    let outcome = place.run("golden verify sets");
    assert_eq!(outcome.code, 1);
    for (folder, file) in folders.iter().zip(FILES) {
        let block = outcome.stdout.split("DAMAGED  ").find(|block| block.starts_with(folder.as_str()));
        assert!(block.is_some_and(|block| block.contains(file)), "{file}: {}", outcome.stdout);
    }
    assert!(outcome.stdout.ends_with("6 of 6 sets damaged\n"), "{}", outcome.stdout);
}

#[test]
fn verify_finds_all_kinds_of_damage_and_goes_on() {
    let place = Place::with_sets(&["sets/a-bit", "sets/extra", "sets/missing", "sets/sound", "sets/truncated"]);
    place.flip_a_bit("sets/a-bit/fp32.safetensors");
    fs::write(place.path("sets/extra/notes.txt"), "mine").unwrap();
    fs::remove_file(place.path("sets/missing/truth.safetensors")).unwrap();
    place.edit("sets/truncated/bf16.safetensors", |bytes| bytes.truncate(1000));
    check("golden-verify-damaged", &[place.run("golden verify sets")]);
}

/// Every hash is right, and the recipe says something else than the inputs. A run ended by a panic, or passed.
#[test]
fn verify_holds_a_recipe_against_its_inputs() {
    let place = Place::with_sets(&["sets/batch", "sets/patch", "sets/ranks"]);
    place.edit_manifest("sets/batch", "\"batch_size\": 2", "\"batch_size\": 7");
    place.edit_manifest("sets/patch", "\"patch_size\": 14", "\"patch_size\": 0");
    place.edit_manifest("sets/ranks", "\"world_size\": 1", "\"world_size\": 1000");
    let mut outcomes = vec![place.run("golden verify sets")];
    for set in ["batch", "patch", "ranks"] {
        outcomes.push(place.run(&format!("run --suite layers --golden sets/{set}")));
        assert_eq!(outcomes.last().unwrap().code, 2);
    }
    check("golden-verify-recipes", &outcomes);
}

/// Whether the folder then still counts as a set or not: it must not pass.
#[test]
fn verify_misses_a_manifest() {
    let place = Place::with_sets(&["opt_plain"]);
    fs::remove_file(place.path("opt_plain/manifest.json")).unwrap();
    let outcome = place.run("golden verify opt_plain");
    assert_ne!(outcome.code, 0);
    assert!(outcome.transcript().contains("manifest.json"), "{}", outcome.transcript());
}

#[test]
fn show() {
    let place = Place::with_sets(&["sets/opt_plain"]);
    check(
        "golden-show",
        &[
            place.run("golden show opt_plain --golden sets"),
            place.run("golden show sets/opt_plain teacher.backbone.blocks.0.norm1"),
        ],
    );
}

#[test]
fn show_a_training_set() {
    let outcome = Place::empty().run("golden show REFERENCE/train_micro_10");
    assert!(outcome.stdout.contains("  steps        1 in a row, from iteration 10; "), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("start: a recorded state, updates so far: 10\n"), "{}", outcome.stdout);
}

#[test]
fn show_says_what_there_is_in_place_of_what_there_is_not() {
    let place = Place::with_sets(&["sets/opt_plain"]);
    check(
        "golden-show-nothing",
        &[
            place.run("golden show opt-plain --golden sets"),
            place.run("golden show nonsense --golden sets"),
            place.run("golden show opt_plain nonsense --golden sets"),
        ],
    );
}

#[test]
fn the_environment_may_say_where_sets_are() {
    let place = Place::with_sets(&["sets/opt_plain"]);
    let output = place.command("golden verify").env("DINOV3_GOLDEN", "sets").output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("sound    sets/opt_plain: "));
    // What is given goes before.
    let output = place.command("golden verify sets").env("DINOV3_GOLDEN", "nowhere").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}

/// `golden list | head -1` succeeds.
#[test]
fn nobody_reads_on() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("dinov3-harness"))
        .args(["golden", "verify"])
        .arg(crate::support::reference().join("opt_plain"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stderr)), (Some(0), ""));
}

/// What a set starts from is written, or refused with the reason.
#[test]
fn weights() {
    let place = Place::with_sets(&["sets/opt_plain"]);
    check(
        "golden-weights",
        &[
            place.run("golden weights opt_plain --golden sets --out start.safetensors"),
            place.run("golden weights opt-plain --golden sets --out other.safetensors"),
            place.run("golden weights REFERENCE/losses --out other.safetensors"),
        ],
    );
    assert!(place.path("start.safetensors").is_file() && !place.path("other.safetensors").exists());
}
