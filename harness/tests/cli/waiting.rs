//! How threads of OpenMP wait: libgomp tells, when its library is loaded.

use crate::support::Place;

/// What libgomp says of how often a thread looks for work before it sleeps; the program that starts itself anew says it twice.
fn spin_counts(environment: &[(&str, &str)]) -> Vec<String> {
    let verbose = ("OMP_DISPLAY_ENV", "VERBOSE");
    let environment: Vec<(&str, &str)> = environment.iter().copied().chain([verbose]).collect();
    let outcome = Place::empty().run_in("suites", &environment);
    assert_eq!(outcome.code, 0, "{}", outcome.transcript());
    assert!(outcome.stdout.contains("layers"), "the arguments arrive: {}", outcome.stdout);
    let count = |line: &str| Some(line.split_once("GOMP_SPINCOUNT = '")?.1.trim_end_matches('\'').to_owned());
    outcome.stderr.lines().filter_map(count).collect()
}

/// Seen red: without the new start libgomp says 300000 once.
#[test]
fn threads_sleep_unless_the_user_says_otherwise() {
    let counts = spin_counts(&[]);
    assert_eq!((counts.len(), counts.last().map(String::as_str)), (2, Some("0")), "{counts:?}");
    assert_eq!(spin_counts(&[("OMP_WAIT_POLICY", "passive")]), ["0"]);
    assert_eq!(spin_counts(&[("GOMP_SPINCOUNT", "1234")]), ["1234"]);
    assert_ne!(spin_counts(&[("OMP_WAIT_POLICY", "active")]), ["0"]);
}
