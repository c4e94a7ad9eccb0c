//! Local ranks: what their launcher shows and gives back, and that none outlives it.
//!
//! The launcher is this binary, started again; the ranks are shell scripts, or this binary once more.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use dinov3_ranks::launch::{Death, Ended, How, Request, Show};
use rustix::process::{Pid, Signal};

/// The script that the launcher's ranks run; none: this binary's test of the scenario that the environment names.
const SCRIPT: &str = "DINOV3_LAUNCH_SCRIPT";

/// How many ranks, and how patient the launcher is, in milliseconds.
const RANKS: &str = "DINOV3_LAUNCH_RANKS";

/// Within which everything here must have ended.
const DEADLINE: Duration = Duration::from_secs(40);

fn request(ranks: usize, program: impl AsRef<Path>, arguments: &[&str]) -> Request {
    let arguments = arguments.iter().map(Into::into).collect();
    Request { ranks, program: program.as_ref().into(), arguments, consequence: 4, show: Show::Lines }
}

/// Launches ranks from this very thread; how they ended, and what rank 0 said.
fn launch(ranks: usize, script: &str) -> (Ended, Vec<String>) {
    let launch = request(ranks, "/bin/sh", &["-c", script]).resolve().unwrap();
    let launch = launch.with_patience(Duration::from_secs(1), Duration::from_secs(1));
    let mut lines = Vec::new();
    let begun = Instant::now();
    let ended = launch.run(&mut |line| lines.push(line.to_owned())).unwrap();
    assert!(begun.elapsed() < DEADLINE, "{:?}", begun.elapsed());
    (ended, lines)
}

fn failed(rank: usize, of: usize, how: How, last_words: &str) -> Ended {
    Ended::Failed(Death { rank, of, how, last_words: last_words.to_owned() })
}

#[test]
fn ranks_know_their_place_and_only_rank_0_is_heard() {
    let script = "echo $RANK $LOCAL_RANK $WORLD_SIZE $MASTER_ADDR; echo unheard >&2; echo last";
    let (ended, lines) = launch(3, script);
    assert_eq!(ended, Ended::Together(0));
    assert_eq!(lines, ["0 0 3 127.0.0.1", "last"]);
}

#[test]
fn one_fails_and_all_end_with_its_code_and_words() {
    let script = "if [ $RANK = 1 ]; then echo first >&2; echo 'error: no luck' >&2; exit 7; fi; exec sleep 60";
    let (ended, _) = launch(3, script);
    assert_eq!(ended, failed(1, 3, How::Code(7), "first\nerror: no luck"));
    assert_eq!(ended.exit_code(), 7);
}

#[test]
fn who_fails_because_of_another_is_not_to_blame() {
    // Rank 2 is seen to end first, and says by its exit code that it is not the cause.
    let script = "case $RANK in 0) sleep 0.4; kill -9 $$;; 2) exit 4;; esac; exec sleep 60";
    let (ended, _) = launch(3, script);
    assert_eq!(ended, failed(0, 3, How::Signal(9), ""));
    assert_eq!(ended.exit_code(), 137);
}

#[test]
fn who_ignores_sigterm_is_killed() {
    let script = "trap '' TERM; if [ $RANK = 0 ]; then exit 3; fi; while true; do sleep 0.1; done";
    assert_eq!(launch(2, script).0, failed(0, 2, How::Code(3), ""));
}

#[test]
fn all_with_one_code_is_no_one_ranks_failure() {
    let quiet = Request { show: Show::Through, ..request(3, "/bin/sh", &["-c", "exit 1"]) };
    assert_eq!(quiet.resolve().unwrap().run(&mut |_| {}).unwrap(), Ended::Together(1));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let error = request(2, "/no/such/program", &[]).resolve().unwrap().run(&mut |_| {}).unwrap_err();
    assert!(error.to_string().starts_with("rank 0 cannot be started: /no/such/program: "), "{error}");
}

/// Where a started process launches ranks. Without a script, this is a test that has nothing to do.
#[test]
fn a_launcher() {
    let Ok(script) = std::env::var(SCRIPT) else { return };
    let ranks = std::env::var(RANKS).unwrap().parse().unwrap();
    let itself = std::env::current_exe().unwrap();
    let request = match script.as_str() {
        "" => request(ranks, itself, &["--exact", "ranks::a_rank", "--nocapture"]),
        script => request(ranks, "/bin/sh", &["-c", script]),
    };
    let ended = request.resolve().unwrap().run(&mut |line| println!("> {line}")).unwrap();
    println!("> {ended:?}");
    std::process::exit(ended.exit_code());
}

/// Starts a launcher as a process of its own.
pub(super) fn launcher(ranks: usize, script: &str, environment: &[(&str, &str)]) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "launch::a_launcher", "--nocapture"])
        .env(SCRIPT, script)
        .env(RANKS, ranks.to_string())
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Its exit code and what it said, once it has ended; killed at the deadline.
pub(super) fn ended(mut launcher: Child) -> (Option<i32>, String) {
    let mut output = launcher.stdout.take().unwrap();
    let reader = thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        text
    });
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = launcher.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > DEADLINE {
            launcher.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(10));
    };
    (status.code(), reader.join().unwrap())
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < DEADLINE, "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The processes that ranks have written down in a folder: one file a rank.
fn written(folder: &Path) -> Vec<i32> {
    let files = fs::read_dir(folder).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    files.filter_map(|text| text.trim().parse().ok()).collect()
}

fn lives(process: i32) -> bool {
    // A zombie is dead, and waits for whoever inherited it.
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

#[test]
fn signals_reach_the_ranks() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let folder = tempfile::tempdir().unwrap();
        let script = format!("echo $$ > {}/$RANK; exec sleep 60", folder.path().display());
        let launcher = launcher(3, &script, &[]);
        until("the ranks start", || written(folder.path()).len() == 3);
        rustix::process::kill_process(Pid::from_child(&launcher), signal).unwrap();
        let (ended, said) = ended(launcher);
        assert_eq!(ended, Some(code), "{said}");
        assert!(said.contains(&format!("> Told {{ signal: {} }}", code - 128)), "{said}");
        assert!(!written(folder.path()).into_iter().any(lives));
    }
}

#[test]
fn ranks_that_end_well_at_a_signal_did_not_fail() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "trap 'echo saved; exit 0' TERM; echo $$ > {}/$RANK; while true; do sleep 0.05; done",
        folder.path().display()
    );
    let launcher = launcher(2, &script, &[]);
    until("the ranks start", || written(folder.path()).len() == 2);
    rustix::process::kill_process(Pid::from_child(&launcher), Signal::TERM).unwrap();
    let (ended, said) = ended(launcher);
    assert!(ended == Some(0) && said.contains("> saved"), "{ended:?} {said}");
}

#[test]
fn no_rank_outlives_a_launcher_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let script =
        format!("trap '' TERM HUP INT; echo $$ > {}/$RANK; while true; do sleep 0.05; done", folder.path().display());
    let mut launcher = launcher(4, &script, &[]);
    until("the ranks start", || written(folder.path()).len() == 4);
    let ranks = written(folder.path());
    assert!(ranks.iter().all(|rank| lives(*rank)));
    launcher.kill().unwrap();
    launcher.wait().unwrap();
    until("the ranks are gone", || !ranks.iter().any(|rank| lives(*rank)));
}
