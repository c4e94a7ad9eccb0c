//! What the program says of itself.

use crate::support::{Place, check};

#[test]
fn of_all_commands() {
    let place = Place::empty();
    for (name, line) in [
        ("help", "--help"),
        ("help-run", "run --help"),
        ("help-run-short", "run -h"),
        ("help-golden", "golden --help"),
        ("help-golden-list", "golden list --help"),
        ("help-golden-verify", "golden verify --help"),
        ("help-golden-show", "golden show --help"),
        ("help-golden-weights", "golden weights --help"),
        ("help-suites", "suites --help"),
    ] {
        let outcome = place.run(line);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{line}");
        check(name, &[outcome]);
    }
}

/// Nothing was asked for: that is wrong usage, and the help is no data.
#[test]
fn in_place_of_a_command() {
    let place = Place::empty();
    for line in ["", "golden"] {
        let outcome = place.run(line);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{line}");
        assert!(outcome.stderr.contains("Commands:"), "{line}: {}", outcome.stderr);
    }
}

#[test]
fn version() {
    check("version", &[Place::empty().run("--version")]);
}

#[test]
fn suites() {
    check("suites", &[Place::empty().run("suites")]);
}

/// Whatever else the arguments lack.
#[test]
fn of_what_can_be_planted() {
    let place = Place::empty();
    let outcome = place.run("run --plant help");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    check("plants", &[outcome]);
    assert_eq!(place.run("run --suite layers --plant help").code, 0);
}
