//! `kill -9` at random moments: whoever is killed, and whenever, the same command ends with the bits of the undisturbed training.
//!
//! The moments come from a seed; where in the program they fall depends on the machine. Seen red where the training went on as the reference
//! resumes, with other images and streams.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::place::{ENVIRONMENT, figures, place, text, train};
use crate::support::Place;

/// Forty steps on two ranks with ten checkpoints.
const ARGUMENTS: &str =
    "--nproc 2 --loader-threads 1 optim.epochs=2 checkpointing.period=4 evaluation.eval_period_iterations=0";
const RANKS: usize = 2;
const LAST: u64 = 39;
const PATIENCE: Duration = Duration::from_secs(120);
const SIGKILL: i32 = 9;

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Victim {
    Rank(usize),
    Launcher,
}

/// When, in milliseconds after something was seen.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// A checkpoint is being read.
    Loading(u64),
    /// A checkpoint is being written, after so many that were.
    Saving(usize, u64),
    /// The figures of an iteration were logged.
    Between(usize, u64),
}

/// SplitMix64.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// The `i`th kill: each victim at each kind of moment in turn.
fn kill_of(i: usize, draws: &mut Draws) -> (Victim, Moment) {
    let victim = [Victim::Rank(0), Victim::Rank(1), Victim::Launcher][(i + i / 3) % 3];
    let moment = match i % 3 {
        0 => Moment::Saving(draws.below(8) as usize, draws.below(8)),
        1 => Moment::Loading(draws.below(40)),
        _ => Moment::Between(10 * draws.below(3) as usize, draws.below(200)),
    };
    (victim, moment)
}

/// A training under way, with its launcher.
struct Running<'a> {
    place: &'a Place,
    out: String,
    launcher: Child,
    /// The bytes that the log had before.
    begin: usize,
}

impl<'a> Running<'a> {
    fn start(place: &'a Place, out: &str) -> Self {
        let begin = fs::read(place.path(&format!("{out}/logs/log.txt"))).map_or(0, |log| log.len());
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("dinov3-harness"));
        command.args(["train", "--config-file", "micro.yaml", "--output-dir", out]).args(ARGUMENTS.split(' '));
        command.current_dir(place.path("")).envs(ENVIRONMENT).stdout(Stdio::null()).stderr(Stdio::null());
        Self { place, out: out.to_owned(), launcher: command.spawn().unwrap(), begin }
    }

    fn log(&self) -> String {
        let log = fs::read_to_string(self.place.path(&format!("{}/logs/log.txt", self.out))).unwrap_or_default();
        log[self.begin.min(log.len())..].to_owned()
    }

    fn is_saving(&self) -> bool {
        let entries = fs::read_dir(self.place.path(&format!("{}/ckpt", self.out))).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| entry.file_name().to_string_lossy().ends_with(".partial"))
    }

    /// Waits for `moment`; the training is not over by then.
    fn wait_for(&mut self, moment: Moment) {
        let begun = Instant::now();
        let pause = loop {
            match moment {
                Moment::Loading(pause) if self.log().contains("Checkpoint found") => break pause,
                Moment::Saving(n, pause) if self.log().matches("] Saved: ").count() >= n && self.is_saving() => {
                    break pause;
                }
                Moment::Between(it, pause) if self.log().contains(&format!("[{it:>2}/40]")) => break pause,
                _ => {}
            }
            assert_eq!(self.launcher.try_wait().unwrap(), None, "the training ended before {moment:?}");
            assert!(begun.elapsed() < PATIENCE, "{moment:?} never came");
            std::thread::sleep(Duration::from_micros(500));
        };
        std::thread::sleep(Duration::from_millis(pause));
    }

    /// The ranks' processes, in the order of their ranks.
    fn ranks(&self) -> Vec<i32> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.launcher.id())).unwrap();
        let children = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        let children: String = children.collect::<Vec<_>>().join(" ");
        let rank_of = |pid: &i32| {
            let environment = fs::read_to_string(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split('\0').find_map(|it| it.strip_prefix("RANK=")?.parse::<usize>().ok())
        };
        let mut ranks: Vec<i32> = children.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
        ranks.sort_by_key(rank_of);
        assert_eq!(ranks.iter().map(rank_of).collect::<Vec<_>>(), (0..RANKS).map(Some).collect::<Vec<_>>());
        ranks
    }

    /// Kills `victim`; gives how the launcher then ended. No rank is left.
    fn kill(mut self, victim: Victim) -> ExitStatus {
        let ranks = self.ranks();
        let pid = match victim {
            Victim::Rank(rank) => ranks[rank],
            Victim::Launcher => self.launcher.id() as i32,
        };
        assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
        let begun = Instant::now();
        loop {
            let ended = self.launcher.try_wait().unwrap();
            let left = ranks.iter().any(|pid| is_alive(*pid));
            if let Some(status) = ended.filter(|_| !left) {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "{victim:?}: the others go on: {ended:?}, {ranks:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn is_alive(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat"));
    status.is_ok_and(|status| !status.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

/// The iteration after which the last checkpoint was saved, as the log has it.
fn last_saved(log: &str) -> Option<u64> {
    log.lines().rev().filter(|line| line.contains("] Saved: ")).find_map(|line| line.rsplit('/').next()?.parse().ok())
}

/// Figures by iteration; those of a repeated one as they came last.
fn last_figures(place: &Place, out: &str) -> BTreeMap<u64, Value> {
    figures(place, out).into_iter().map(|line| (line["iteration"].as_u64().unwrap(), line)).collect()
}

/// Every byte of the checkpoint after an iteration, by file.
pub fn last_checkpoint_of(place: &Place, out: &str, it: u64) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(place.path(&format!("{out}/ckpt/{it}"))).unwrap().map(|file| file.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

/// Waits until `is_so`.
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what} never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => fs::copy(entry.path(), to).map(|_| ()).unwrap(),
        }
    }
}

/// What the undisturbed training came to.
struct Whole {
    place: Place,
    checkpoint: BTreeMap<String, Vec<u8>>,
    figures: BTreeMap<u64, Value>,
}

impl Whole {
    /// And a folder `begun` with its first ten steps.
    fn trained() -> Self {
        let place = place();
        for line in ["--output-dir whole", "--output-dir begun --steps 10"] {
            assert_eq!(train(&place, &format!("{line} {ARGUMENTS}")).code, 0, "{line}");
        }
        let (checkpoint, figures) = (last_checkpoint_of(&place, "whole", LAST), last_figures(&place, "whole"));
        assert_eq!(checkpoint.len(), RANKS + 2, "{:?}", checkpoint.keys());
        Self { place, checkpoint, figures }
    }

    /// Kills `victim` at `moment` and goes on; gives what was seen.
    fn survives(&self, i: usize, victim: Victim, moment: Moment) -> String {
        let (place, out) = (&self.place, format!("killed-{i}"));
        if matches!(moment, Moment::Loading(_)) {
            copy(&place.path("begun"), &place.path(&out));
        }
        let mut running = Running::start(place, &out);
        running.wait_for(moment);
        let status = running.kill(victim);
        let expected = if victim == Victim::Launcher { status.signal() } else { status.code().map(|code| code - 128) };
        assert_eq!(expected, Some(SIGKILL), "{victim:?} at {moment:?}: {status}");
        let before = text(place, &format!("{out}/logs/log.txt"));
        let saved = last_saved(&before);
        let was_saving = fs::read_dir(place.path(&format!("{out}/ckpt"))).is_ok_and(|entries| {
            entries.flatten().any(|entry| entry.file_name().to_string_lossy().ends_with(".partial"))
        });
        let was_loading = before.matches("Checkpoint found").count() > before.matches("] Loaded: ").count();
        let outcome = train(place, &format!("--output-dir {out} {ARGUMENTS}"));
        assert_eq!(outcome.code, 0, "{victim:?} at {moment:?}: {}", outcome.stderr);
        let started = outcome.stdout.split("Starting training from iteration ").nth(1).unwrap();
        let started: u64 = started.lines().next().unwrap().parse().unwrap();
        let kept = saved.map_or(0, |it| it + 1);
        assert!(started >= kept, "{victim:?} at {moment:?}: {kept} steps were saved, and {started} are known");
        assert!(
            last_checkpoint_of(place, &out, LAST) == self.checkpoint,
            "{victim:?} at {moment:?}: the last checkpoints differ"
        );
        assert_eq!(last_figures(place, &out), self.figures, "{victim:?} at {moment:?}");
        format!(
            "{victim:?} at {moment:?}: {}, {kept} steps saved, went on from {started}",
            match (was_loading, was_saving) {
                (true, _) => "while a checkpoint was read",
                (_, true) => "while a checkpoint was written",
                _ => "between",
            }
        )
    }
}

fn survives(kills: usize, seed: u64) {
    let (whole, mut draws) = (Whole::trained(), Draws(seed));
    for i in 0..kills {
        let (victim, moment) = kill_of(i, &mut draws);
        println!("{:2} of {kills}: {}", i + 1, whole.survives(i, victim, moment));
    }
}

#[test]
fn three_kills_lose_nothing_that_was_saved() {
    survives(3, 3);
}

/// Some minutes: `cargo nextest run --profile kills`.
#[test]
fn twenty_kills_lose_nothing_that_was_saved() {
    survives(20, 20);
}
