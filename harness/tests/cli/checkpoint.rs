//! `checkpoint show | convert`, on files that torch has written; `model/weights/tests/files.rs` says what they are.

use std::fs;
use std::path::Path;

use crate::support::{Place, check};

/// A folder with copies of the fixtures.
fn place() -> Place {
    let place = Place::empty();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/weights/tests/fixtures");
    fs::copy(fixtures.join("teacher_checkpoint.pth"), place.path("teacher_checkpoint.pth")).unwrap();
    for folder in ["two_ranks", "mixed"] {
        fs::create_dir(place.path(folder)).unwrap();
        for file in [".metadata", "__0_0.distcp", "__1_0.distcp"] {
            fs::copy(fixtures.join(folder).join(file), place.path(folder).join(file)).unwrap();
        }
    }
    place
}

#[test]
fn help() {
    let place = Place::empty();
    for (name, line) in [
        ("help-checkpoint", "checkpoint --help"),
        ("help-checkpoint-show", "checkpoint show --help"),
        ("help-checkpoint-convert", "checkpoint convert --help"),
    ] {
        let outcome = place.run(line);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{line}");
        check(name, &[outcome]);
    }
}

#[test]
fn what_a_checkpoint_holds_is_shown() {
    let place = place();
    check(
        "checkpoint-show",
        &[
            place.run("checkpoint show teacher_checkpoint.pth"),
            place.run("checkpoint show two_ranks"),
            place.run("checkpoint show mixed --tensors"),
            place.run("checkpoint show mixed --format json"),
        ],
    );
}

#[test]
fn a_checkpoint_is_written_in_another_format() {
    let place = place();
    let outcomes = [
        place.run("checkpoint convert two_ranks teacher.pth"),
        place.run("checkpoint convert teacher.pth gram"),
        place.run("checkpoint convert gram teacher.safetensors"),
        place.run("checkpoint show teacher.safetensors"),
        place.run("checkpoint convert teacher.safetensors folder.pth --to dcp"),
    ];
    check("checkpoint-convert", &outcomes);
    let files = |folder: &str| fs::read_dir(place.path(folder)).unwrap().count();
    assert_eq!((files("gram"), files("folder.pth")), (2, 2));
}

#[test]
fn what_cannot_be_converted_is_refused() {
    let place = place();
    fs::create_dir(place.path("empty")).unwrap();
    fs::write(place.path("text.pth"), "no checkpoint").unwrap();
    check(
        "checkpoint-errors",
        &[
            place.run("checkpoint show nowhere"),
            place.run("checkpoint show empty"),
            place.run("checkpoint show text.pth"),
            place.run("checkpoint convert two_ranks two_ranks"),
            place.run("checkpoint convert two_ranks a.pth --part head"),
            place.run("checkpoint convert two_ranks a.pth --part model_ema"),
        ],
    );
    assert!(!place.path("a.pth").exists());
}
