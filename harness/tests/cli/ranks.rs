//! `run` on several ranks: those of `--nproc`, those that torchrun starts, and those that `reduce-op` starts for itself.

use std::net::TcpListener;
use std::thread;

use dinov3_reports::{Verdict, json};

use crate::support::{Outcome, Place, check};

#[test]
fn ranks_of_our_own_sum_as_they_should() {
    let outcome = Place::empty().run("run --suite reduce-op --nproc 2");
    assert_eq!(outcome.code, 0, "{}", outcome.transcript());
    check("ranks", &[outcome]);
}

/// Suites that need no ranks run on rank 0 alone, and there is one report.
#[test]
fn one_of_the_ranks_reports() {
    let place = Place::empty();
    let outcome = place.run("run --suite layers --golden REFERENCE/opt_plain --nproc 3 --report r.json");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{}", outcome.transcript());
    assert_eq!(outcome.stdout.matches("PASS 2 passed").count(), 1, "{}", outcome.stdout);
    let report = json::from_json(&std::fs::read_to_string(place.path("r.json")).unwrap()).unwrap();
    assert_eq!(report.checks().count(), 2);
}

#[test]
fn a_failing_check_fails_on_all_ranks_and_is_told_once() {
    let outcome = Place::empty().run("run --suite reduce-op --nproc 2 --plant wrong-chunk --format json");
    assert_eq!(outcome.code, 1, "{}", outcome.transcript());
    let report = json::from_json(&outcome.stdout).unwrap();
    let failed = report.checks().filter(|check| matches!(check.verdict, Verdict::Fail { .. }));
    assert!(failed.map(|check| &check.id).all(|id| id.starts_with("reduce-op/reduce_scatter/")), "{}", outcome.stdout);
    assert_eq!(outcome.stderr.matches("FAIL 7 passed, 4 failed").count(), 1, "{}", outcome.stderr);
}

/// As torchrun does: every rank is started by somebody else.
#[test]
fn ranks_of_torchrun_give_one_verdict() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let rank = |rank: &str| {
        let environment = [
            ("RANK", rank),
            ("LOCAL_RANK", rank),
            ("WORLD_SIZE", "2"),
            ("MASTER_ADDR", "127.0.0.1"),
            ("MASTER_PORT", &port),
        ];
        Place::empty().run_in("run --suite reduce-op --plant premul-ignored", &environment)
    };
    let outcomes: Vec<Outcome> = thread::scope(|scope| {
        let ranks = ["0", "1"].map(|it| scope.spawn(move || rank(it)));
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    });
    for outcome in &outcomes {
        assert_eq!(outcome.code, 1, "{}", outcome.transcript());
    }
    assert!(
        outcomes[0].stdout.contains("gloo gives for PREMUL_SUM(1/2) what it gives for SUM"),
        "{}",
        outcomes[0].stdout
    );
    assert_eq!((outcomes[1].stdout.as_str(), outcomes[1].stderr.as_str()), ("", ""));
}

/// Nothing was computed, one error is shown, and it is the last on the screen.
#[test]
fn what_cannot_be_is_refused() {
    let place = Place::empty();
    let of_torchrun = [("RANK", "1"), ("WORLD_SIZE", "2")];
    let lines = [
        place.run("run --suite reduce-op --nproc 0"),
        place.run("run --suite reduce-op --nproc 1000"),
        place.run("run --suite reduce-op --nproc two"),
        place.run_in("run --suite reduce-op --nproc 2", &of_torchrun),
        place.run_in("run --suite reduce-op", &of_torchrun),
        place.run("run --suite reduce-op --premul native"),
        place.run("run --suite reduce-op --plant gelu-tanh"),
        place.run("run --suite layers --plant lost-element"),
        place.run("run --suite layers --golden nowhere --nproc 2"),
    ];
    for outcome in &lines {
        assert_eq!((outcome.code, outcome.stderr.matches("error: ").count()), (2, 1), "{}", outcome.transcript());
    }
    check("error-ranks", &lines);
}
