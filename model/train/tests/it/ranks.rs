//! Ranks as processes: this binary starts itself again, once for each, on the loopback.
//!
//! A scenario is a function that a rank runs; what it prints after `> ` is what it reports. No scenario may hang: whoever is still there at
//! the deadline is killed, and the test is red.

mod exact;
mod failing;
mod memory;
mod refused;
mod traffic;

use std::io::Read;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use dinov3_ranks::{Backend, Env, GroupError, GroupOptions, Options, ProcessGroup};

/// The scenario that a rank is to run.
const SCENARIO: &str = "DINOV3_RANK_SCENARIO";

/// Within which every scenario must have ended.
const DEADLINE: Duration = Duration::from_secs(60);

/// How one rank ended.
#[derive(Debug)]
struct Ended {
    /// What it reported, line by line.
    said: Vec<String>,
    /// Its exit code; minus the number of the signal that ended it.
    code: i32,
    /// After how long.
    after: Duration,
}

/// Where a started process runs its scenario. Without one, this is a test that has nothing to do.
#[test]
fn a_rank() {
    let Ok(scenario) = std::env::var(SCENARIO) else { return };
    tch::set_num_threads(1);
    match scenario.as_str() {
        "exact" => exact::rank(&of_all()),
        "exact, lent" => exact::rank(&over_a_plugin(&of_all())),
        "refused" => refused::rank(),
        "traffic" => traffic::rank(),
        "killed 0" => failing::killed(&join(PATIENCE, LIMIT).unwrap(), 0),
        "killed 2" => failing::killed(&join(PATIENCE, LIMIT).unwrap(), 2),
        "killed 2, lent" => failing::killed(&over_a_plugin(&join(PATIENCE, LIMIT).unwrap()), 2),
        "killed at sinkhorn:ibot" => failing::killed_in_a_step("sinkhorn:ibot"),
        "killed at loss:total_loss" => failing::killed_in_a_step("loss:total_loss"),
        "initialised" => memory::initialised(),
        "late" => failing::late(),
        "launched" => failing::launched(),
        "absent" | "no store" => failing::absent(),
        other => panic!("no scenario {other}"),
    }
}

/// Joins the others, as torchrun's environment says.
fn join(rendezvous: Duration, collective: Duration) -> Result<ProcessGroup, GroupError> {
    ProcessGroup::join(&Env::from_torchrun().unwrap(), Options::new(rendezvous, collective))
}

/// For how long ranks wait for each other where none is to be late, and where one is killed.
const PATIENCE: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(5);

fn of_all() -> ProcessGroup {
    join(PATIENCE, PATIENCE).unwrap()
}

/// The same ranks, over a backend that a plugin lends.
fn over_a_plugin(all: &ProcessGroup) -> ProcessGroup {
    let backend = Backend::named(dinov3_plugins::simulated().to_str().unwrap(), 0).unwrap();
    assert_eq!((backend.to_string(), backend.device()), ("simulated".to_owned(), "cpu".to_owned()));
    let options = GroupOptions::over(backend, all.options().timeout);
    all.new_group_with(all.members(), options).unwrap().unwrap()
}

fn say(text: impl std::fmt::Display) {
    println!("> {text}");
}

/// Runs `scenario` in the processes of these ranks of `world`; how they ended, in that order.
fn run(scenario: &str, ranks: &[usize], world: usize) -> Vec<Ended> {
    // Free a moment ago; whoever takes it in between makes the test red, not wrong.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let begun = Instant::now();
    let started: Vec<Child> = ranks.iter().map(|&rank| start(scenario, rank, world, port)).collect();
    thread::scope(|scope| {
        let waits: Vec<_> = started.into_iter().map(|child| scope.spawn(move || wait(child, begun))).collect();
        waits.into_iter().map(|wait| wait.join().unwrap()).collect()
    })
}

fn start(scenario: &str, rank: usize, world: usize, port: u16) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ranks::a_rank", "--nocapture"])
        .env(SCENARIO, scenario)
        .env("RANK", rank.to_string())
        .env("LOCAL_RANK", rank.to_string())
        .env("WORLD_SIZE", world.to_string())
        .env("MASTER_ADDR", "127.0.0.1")
        .env("MASTER_PORT", port.to_string())
        .env_remove("TORCHELASTIC_USE_AGENT_STORE")
        .env_remove("TORCHELASTIC_RESTART_COUNT")
        .env("OMP_NUM_THREADS", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for one rank, and kills it at the deadline. It is reaped here, so none is left.
fn wait(mut child: Child, begun: Instant) -> Ended {
    let mut output = child.stdout.take().unwrap();
    let reader = thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        text
    });
    let (status, after) = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break (status, begun.elapsed());
        }
        if begun.elapsed() > DEADLINE {
            child.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(5));
    };
    let text = reader.join().unwrap();
    let said = text.lines().filter_map(|line| Some(line.split_once("> ")?.1.to_owned())).collect();
    let code = status.code().unwrap_or_else(|| -status.signal().unwrap_or(0));
    Ended { said, code, after }
}

/// That all ended well; what each said.
#[track_caller]
fn said_by_all(ended: Vec<Ended>) -> Vec<Vec<String>> {
    for (rank, it) in ended.iter().enumerate() {
        assert_eq!(it.code, 0, "rank {rank} failed: {it:?}");
    }
    ended.into_iter().map(|it| it.said).collect()
}
