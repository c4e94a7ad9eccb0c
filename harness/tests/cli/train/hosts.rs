//! Two hosts: network namespaces with a router between them, and two ranks on each.
//!
//! It needs root, and a kernel that lets it make namespaces: `cargo nextest run --profile system`. Where it may not, each test says by its
//! name that it was skipped. Seen red: the bits where two of the ranks had another `train.seed`, the cut link where the error of a step had
//! no hint.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::killed::{last_checkpoint_of, wait_until};
use super::place::{ENVIRONMENT, figures, place, text, train};
use crate::support::Place;

/// Four ranks that take twelve steps.
const ARGUMENTS: &str = "--loader-threads 1 optim.epochs=1 train.OFFICIAL_EPOCH_LENGTH=12 checkpointing.period=4 \
                         evaluation.eval_period_iterations=0";
const RANKS: usize = 4;
const PORT: &str = "29555";

/// The exit code of a rank that ends because of another one.
const PEER: i32 = 4;

/// Seconds that a collective waits, where the link is cut.
const WAIT: u64 = 10;

/// Two namespaces, and one that routes between them.
struct Hosts {
    /// The two hosts, and the router.
    names: [String; 3],
}

impl Hosts {
    /// The reason, where there can be none.
    fn new() -> Result<Self, String> {
        let names = ["a", "b", "router"].map(|name| format!("dinov3-{}-{name}", std::process::id()));
        ip(&format!("netns add {}", names[0]))?;
        let hosts = Self { names };
        let [_, second, router] = &hosts.names;
        for name in [second, router] {
            ip(&format!("netns add {name}"))?;
        }
        for (host, n) in hosts.names[..2].iter().zip(1..) {
            for line in [
                format!("-n {host} link add eth0 type veth peer name port{n} netns {router}"),
                format!("-n {host} addr add {}/24 dev eth0", address(n - 1)),
                format!("-n {host} link set eth0 up"),
                format!("-n {host} link set lo up"),
                format!("-n {router} addr add 10.213.{n}.254/24 dev port{n}"),
                format!("-n {router} link set port{n} up"),
                format!("-n {host} route add default via 10.213.{n}.254"),
            ] {
                ip(&line)?;
            }
        }
        let forward = "echo 1 > /proc/sys/net/ipv4/ip_forward";
        said(Command::new("ip").args(["netns", "exec", router, "sh", "-c", forward]))?;
        Ok(hosts)
    }

    /// Rank `rank` of four, on the first host or the second.
    fn start(&self, place: &Place, rank: usize, out: &str) -> Child {
        let host = &self.names[rank / 2];
        let mut command = Command::new("ip");
        command.args(["netns", "exec", host]).arg(assert_cmd::cargo::cargo_bin!("dinov3-harness"));
        command.args(["train", "--config-file", "micro.yaml", "--output-dir", out]).args(ARGUMENTS.split_whitespace());
        command.current_dir(place.path("")).envs(ENVIRONMENT).stdout(Stdio::null()).stderr(Stdio::piped());
        command.env("RANK", rank.to_string()).env("LOCAL_RANK", (rank % 2).to_string());
        command.env("WORLD_SIZE", RANKS.to_string()).env("MASTER_ADDR", address(0)).env("MASTER_PORT", PORT);
        command.env("DINOV3_COLLECTIVE_SECONDS", WAIT.to_string());
        command.spawn().unwrap()
    }

    /// Takes the link of the first host down, at the router's end: the host itself notices no more than that nothing comes.
    fn cut(&self) {
        ip(&format!("-n {} link set port1 down", self.names[2])).unwrap();
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = ip(&format!("netns del {name}"));
        }
    }
}

fn address(host: usize) -> String {
    format!("10.213.{}.1", host + 1)
}

fn ip(line: &str) -> Result<(), String> {
    said(Command::new("ip").args(line.split(' ')))
}

/// What the command said, if it failed.
fn said(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let Output { status, stderr, .. } = &output;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {}", String::from_utf8_lossy(stderr).trim())) }
}

/// The hosts; where there can be none, a line says that the test was skipped, and why.
fn hosts(test: &str) -> Option<Hosts> {
    Hosts::new().inspect_err(|reason| println!("SKIPPED {test}: {reason}")).ok()
}

#[test]
fn two_hosts_have_the_bits_of_one() {
    let Some(hosts) = hosts("two_hosts_have_the_bits_of_one") else { return };
    let place = place();
    let one = train(&place, &format!("--nproc 4 --output-dir one {ARGUMENTS}"));
    assert_eq!(one.code, 0, "{}", one.stderr);
    let ranks: Vec<Child> = (0..RANKS).map(|rank| hosts.start(&place, rank, "two")).collect();
    for (rank, child) in ranks.into_iter().enumerate() {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "rank {rank}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(last_checkpoint_of(&place, "two", 11) == last_checkpoint_of(&place, "one", 11), "the checkpoints differ");
    assert_eq!(figures(&place, "two"), figures(&place, "one"));
    assert!(text(&place, "two/logs/log.txt.rank3").contains("using 10.213.1.1:29555 (rank=3, world size=4)"));
}

/// Every rank ends, with the other host's address and ranks.
#[test]
fn a_link_that_is_cut_ends_the_training_on_both_hosts() {
    let Some(hosts) = hosts("a_link_that_is_cut_ends_the_training_on_both_hosts") else { return };
    let place = place();
    let ranks: Vec<Child> = (0..RANKS).map(|rank| hosts.start(&place, rank, "out")).collect();
    wait_until("the first step", || {
        let log = std::fs::read_to_string(place.path("out/logs/log.txt")).unwrap_or_default();
        log.contains("Starting training from iteration 0")
    });
    hosts.cut();
    let begun = Instant::now();
    for (rank, child) in ranks.into_iter().enumerate() {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(PEER), "rank {rank}: {said}");
        let (others, host) = if rank < 2 { ("2 and 3", address(1)) } else { ("0 and 1", address(0)) };
        assert!(said.contains(&format!("failed: ranks {others} on {host} are gone")), "rank {rank}: {said}");
        assert!(said.contains("look at that machine and at the network to it"), "rank {rank}: {said}");
    }
    // The time of one collective of the loop, that of one of a checkpoint that is being written, and the search for those that are gone.
    assert!(begun.elapsed() < Duration::from_secs(2 * WAIT + 20), "{:?}", begun.elapsed());
}
