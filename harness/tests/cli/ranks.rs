//! `run` on several ranks: those of `--nproc`, those that torchrun starts, and those that `reduce-op` starts for itself.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

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
        let environment = of_two(rank, &port);
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

/// What torchrun gives a rank of two.
fn of_two<'a>(rank: &'a str, port: &'a str) -> [(&'static str, &'a str); 5] {
    [("RANK", rank), ("LOCAL_RANK", rank), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", port)]
}

/// While the others wait for its word: they hear that the run is over, and end with its exit code.
#[test]
fn a_first_rank_that_gives_up_leaves_nobody_waiting() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let begun = Instant::now();
    let rank = |rank: &str, set: &str| {
        let environment = of_two(rank, &port);
        Place::empty().run_in(&format!("run --suite training --golden REFERENCE/{set}"), &environment)
    };
    // Rank 0 alone finds nothing for the suite.
    let outcomes: Vec<Outcome> = thread::scope(|scope| {
        let rank = &rank;
        let ranks = [("0", "opt_plain"), ("1", "train_ranks")].map(|(it, set)| scope.spawn(move || rank(it, set)));
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    });
    assert_eq!((outcomes[0].code, outcomes[1].code), (2, 2), "{}", outcomes[1].transcript());
    assert!(outcomes[0].stderr.contains("is for the suite `training`"), "{}", outcomes[0].stderr);
    assert_eq!((outcomes[1].stdout.as_str(), outcomes[1].stderr.as_str()), ("", ""));
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

/// While the others wait for the next set of a suite, or are within its collectives: the first hear that the run is over, the others see the
/// connections of rank 0 go.
#[test]
fn a_first_rank_that_gives_up_within_a_suite_leaves_nobody_waiting() {
    let suites =
        [("training --golden REFERENCE/train_ranks", "rank 0 is gone"), ("reduce-op", "Connection closed by peer")];
    for (suite, seen) in suites {
        let place = Place::empty();
        assert!(Command::new("mkfifo").arg(place.path("events")).status().unwrap().success());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let rank = |rank: &str, events: &str| {
            let environment = of_two(rank, &port);
            place.run_in(&format!("run --suite {suite}{events}"), &environment)
        };
        let (outcomes, waited) = thread::scope(|scope| {
            let rank = &rank;
            let ranks =
                [("0", " --events events"), ("1", "")].map(|(it, events)| scope.spawn(move || rank(it, events)));
            // Who reads rank 0's events goes away after the first check has begun, and rank 0 fails at the next one.
            let mut events = BufReader::new(File::open(place.path("events")).unwrap()).lines();
            while !events.next().unwrap().unwrap().contains("check_started") {}
            drop(events);
            let begun = Instant::now();
            (ranks.map(|rank| rank.join().unwrap()), begun.elapsed())
        });
        assert_eq!((outcomes[0].code, outcomes[1].code), (2, 4), "{suite}: {}", outcomes[1].transcript());
        assert!(outcomes[0].stderr.contains("Broken pipe"), "{suite}: {}", outcomes[0].stderr);
        let gone = [seen, "rank 0 is gone"].iter().any(|it| outcomes[1].stderr.contains(it));
        assert!(gone, "{suite}: {}", outcomes[1].stderr);
        assert!(waited < Duration::from_secs(60), "{suite}: {waited:?}");
    }
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
        place.run("run --suite reduce-op --device cuda:1"),
        place.run("run --suite training --device cuda:0 --nproc 2"),
        place.run("run --suite reduce-op --plant gelu-tanh"),
        place.run("run --suite layers --plant lost-element"),
        place.run("run --suite layers --suite training --plant ema-without-student"),
        place.run("run --suite precision --golden nowhere --plant lost-element"),
        place.run("run --suite layers --golden nowhere --nproc 2"),
    ];
    for outcome in &lines {
        assert_eq!((outcome.code, outcome.stderr.matches("error: ").count()), (2, 1), "{}", outcome.transcript());
    }
    check("error-ranks", &lines);
}

/// The children of a process, and their ranks.
fn ranks_of(launcher: u32) -> Vec<(usize, i32)> {
    let children = std::fs::read_to_string(format!("/proc/{launcher}/task/{launcher}/children")).unwrap_or_default();
    let rank = |child: &str| {
        let environment = std::fs::read_to_string(format!("/proc/{child}/environ")).ok()?;
        let rank = environment.split('\0').find_map(|pair| pair.strip_prefix("RANK="))?;
        Some((rank.parse().ok()?, child.parse().ok()?))
    };
    children.split_whitespace().filter_map(rank).collect()
}

/// The other ranks say whom they miss, and the launcher has the last word: who it was, and by its exit code of what it died.
#[test]
fn a_rank_that_is_killed_ends_all_and_is_the_last_on_the_screen() {
    let mut launcher = Command::new(assert_cmd::cargo::cargo_bin!("dinov3-harness"))
        .args(["run", "--suite", "reduce-op", "--nproc", "3"])
        .env_remove("RANK")
        .env_remove("WORLD_SIZE")
        .env_remove("LOCAL_RANK")
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Until the first check is told of: the ranks are together then.
    let mut output = BufReader::new(launcher.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("reduce-op/all_reduce/f64") {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "the ranks ended early");
    }
    let ranks = ranks_of(launcher.id());
    let killed = ranks.iter().find(|(rank, _)| *rank == 2).expect("rank 2 is there").1;
    assert!(Command::new("kill").args(["-KILL", &killed.to_string()]).status().unwrap().success());
    let begun = Instant::now();
    let rest = thread::spawn(move || output.read_to_end(&mut Vec::new()).unwrap());
    let outcome = launcher.wait_with_output().unwrap();
    rest.join().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let stderr = String::from_utf8(outcome.stderr).unwrap();
    assert_eq!(outcome.status.code(), Some(128 + 9), "{stderr}");
    assert!(stderr.contains("error: rank 0: ") && stderr.contains(" failed: rank 2 is gone"), "{stderr}");
    let last = "error: rank 2 of 3 was killed by SIGKILL\nhint: unless somebody killed it, ask the kernel's log about memory\n";
    assert!(stderr.ends_with(last), "{stderr}");
    assert!(ranks.iter().all(|(_, process)| !std::path::Path::new(&format!("/proc/{process}")).exists()), "{ranks:?}");
}
