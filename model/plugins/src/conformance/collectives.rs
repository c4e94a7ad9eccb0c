//! Checks of `c10d/1`: every collective that the harness asks a backend for, between ranks that are processes.

use std::fmt;
use std::time::Duration;

use dinov3_torch::c10d::{Links, Reduce, Seat, Store, Trouble, Work};
use dinov3_torch::device::{self, Device};
use dinov3_torch::plugin::{Collectives, Plugin};
use tch::{Kind, Tensor};

use super::lines::Lines;
use super::ranks::{self, Outcome, end_with_starter, report};
use super::{ENVIRONMENT, PASS, Request};

/// Elements of a rank's part. The number is no multiple of the period of [`values`], so each rank's part begins with another value.
const PART: usize = 7;

/// Factors of PREMUL_SUM: a power of two, another one, and the one that a backend may ignore without a trace.
const FACTORS: [f64; 3] = [0.5, 3.0, 1.0];

/// The time that a collective waits for a rank that does not join.
const SHORT: Duration = Duration::from_secs(1);

/// An op, without PREMUL_SUM's factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Sum,
    Max,
    Min,
    PremulSum,
}

/// One check, between all ranks.
#[derive(Clone, Copy, Debug)]
enum Check {
    Connects,
    AllReduce(Op, Kind),
    ReduceScatter(Op, Kind),
    AllGather(Kind),
    Broadcast(Kind),
    Barrier,
    Limit,
}

use Check::{AllGather, AllReduce, Barrier, Broadcast, Connects, Limit, ReduceScatter};
use Kind::{BFloat16, Float, Int64};

const CHECKS: [Check; 20] = [
    Connects,
    AllReduce(Op::Sum, Float),
    AllReduce(Op::Sum, BFloat16),
    AllReduce(Op::Sum, Int64),
    AllReduce(Op::Max, Float),
    AllReduce(Op::Min, Float),
    AllReduce(Op::PremulSum, Float),
    AllReduce(Op::PremulSum, BFloat16),
    ReduceScatter(Op::Sum, Float),
    ReduceScatter(Op::Sum, BFloat16),
    ReduceScatter(Op::PremulSum, Float),
    ReduceScatter(Op::PremulSum, BFloat16),
    AllGather(Float),
    AllGather(BFloat16),
    AllGather(Int64),
    Broadcast(Float),
    Broadcast(BFloat16),
    Broadcast(Int64),
    Barrier,
    Limit,
];

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dtype = |kind| match kind {
            Float => "float32",
            BFloat16 => "bfloat16",
            _ => "int64",
        };
        let op = |op| match op {
            Op::Sum => "sum",
            Op::Max => "max",
            Op::Min => "min",
            Op::PremulSum => "premul_sum",
        };
        match *self {
            Connects => write!(f, "c10d/1 make_backend"),
            AllReduce(by, kind) => write!(f, "c10d/1 all_reduce {} {}", op(by), dtype(kind)),
            ReduceScatter(by, kind) => write!(f, "c10d/1 reduce_scatter {} {}", op(by), dtype(kind)),
            AllGather(kind) => write!(f, "c10d/1 all_gather {}", dtype(kind)),
            Broadcast(kind) => write!(f, "c10d/1 broadcast {}", dtype(kind)),
            Barrier => write!(f, "c10d/1 barrier"),
            Limit => write!(f, "c10d/1 time limit"),
        }
    }
}

/// The checks of a backend, with or without those of PREMUL_SUM.
fn checks(premul_sum: bool) -> Vec<Check> {
    let is_asked =
        |check: &Check| premul_sum || !matches!(check, AllReduce(Op::PremulSum, _) | ReduceScatter(Op::PremulSum, _));
    CHECKS.into_iter().filter(is_asked).collect()
}

/// Checks the backend between ranks, which need a device each.
///
/// # Errors
/// If this machine cannot run the ranks.
pub(super) fn check(plugin: &'static Plugin, request: &Request, lines: &mut Lines) -> Result<(), String> {
    let lent = match plugin.collectives() {
        Ok(lent) => lent,
        Err(error) => {
            lines.error("c10d/1", &error);
            return Ok(());
        }
    };
    lines.pass("c10d/1", &format!("the backend `{}` for tensors on `{}`", lent.backend(), lent.device()));
    match lent.devices() {
        Ok(Some(devices)) if devices < request.size() => {
            return Err(format!("{} ranks need a device each, and this machine has {devices}", request.size()));
        }
        Ok(_) => {}
        Err(error) => {
            lines.fail("c10d/1 device", &error.to_string());
            return Ok(());
        }
    }
    if !lent.has_premul_sum() {
        lines.absent("c10d/1 premul_sum", "the table says so: the harness multiplies, then asks for SUM");
    }
    let checks = checks(lent.has_premul_sum());
    let mut names = checks.iter();
    ranks::run(request, checks.len(), |outcome| {
        if let Some(check) = names.next() {
            lines.check(&check.to_string(), outcome);
        }
    })
}

/// Runs all checks as one of the ranks, and gives the exit code of its process.
pub(super) fn rank(request: &Request, rank: usize, port: u16) -> i32 {
    end_with_starter();
    tch::set_num_threads(1);
    match Member::join(request, rank, port) {
        Ok(member) => {
            for (number, check) in checks(member.lent.has_premul_sum()).into_iter().enumerate() {
                report(&member.run(number, check));
            }
            // Rank 0 serves the store.
            let _ = member.meet("the end");
            PASS
        }
        Err(why) => {
            eprintln!("error: rank {rank}: {why}");
            ENVIRONMENT
        }
    }
}

/// A rank, and the address at which it meets the others.
struct Member {
    rank: usize,
    size: usize,
    limit: Duration,
    store: Store,
    lent: &'static Collectives,
    /// The device of this rank.
    device: Device,
}

impl Member {
    fn join(request: &Request, rank: usize, port: u16) -> Result<Self, String> {
        let plugin = Plugin::load(&request.plugin).map_err(text)?;
        let lent = plugin.collectives().map_err(text)?;
        let device = Device::named(lent.device(), rank);
        if device != Device::Cpu {
            let kind = plugin.device_type().map_err(text)?;
            kind.register().and_then(|()| kind.set(rank)).map_err(text)?;
        }
        let (size, limit) = (request.size(), request.limit());
        let store = Store::tcp("127.0.0.1", port, rank == 0, limit).map_err(said)?;
        Ok(Self { rank, size, limit, store, lent, device })
    }

    /// Waits for all ranks at a place that has this name.
    fn meet(&self, place: &str) -> Outcome {
        let key = |rank| format!("{place}/{rank}");
        self.store.set(&key(self.rank), "here").map_err(said)?;
        (0..self.size).try_for_each(|rank| self.store.wait(&key(rank), self.limit)).map_err(said)
    }

    /// Runs one check over its own backend, so that the leavings of one check do not reach the next.
    fn run(&self, number: usize, check: Check) -> Outcome {
        self.meet(&format!("check {number}"))?;
        let store = self.store.prefixed(&format!("backend {number}")).map_err(said)?;
        let timeout = if matches!(check, Limit) { SHORT } else { self.limit / 2 };
        let seat = Seat { store: &store, rank: self.rank, size: self.size, timeout };
        let links = self.lent.connect(seat, self.rank).map_err(said);
        // No rank uses the backend, or drops it, before all have theirs; no rank drops it while another uses it.
        self.meet(&format!("made {number}"))?;
        let links = links?;
        let outcome = match check {
            Connects => Ok(()),
            AllReduce(op, kind) => self.all_reduce(&links, op, kind),
            ReduceScatter(op, kind) => self.reduce_scatter(&links, op, kind),
            AllGather(kind) => self.all_gather(&links, kind),
            Broadcast(kind) => self.broadcast(&links, kind),
            Barrier => self.barrier(&links, &store),
            Limit => self.limit(&links, &store),
        };
        let all_done = self.meet(&format!("done {number}"));
        if outcome.is_err() || matches!(check, Limit) {
            links.give_up();
        }
        outcome.and(all_done)
    }

    fn all_reduce(&self, links: &Links, op: Op, kind: Kind) -> Outcome {
        for (reduce, factor) in reductions(op) {
            let tensor = self.there(&values(self.rank, self.size, kind), kind)?;
            wait(links.all_reduce(&tensor, reduce))?;
            compare(&tensor, &reduced(self.size, kind, op, factor)).map_err(|why| of_factor(op, factor, &why))?;
        }
        Ok(())
    }

    fn reduce_scatter(&self, links: &Links, op: Op, kind: Kind) -> Outcome {
        for (reduce, factor) in reductions(op) {
            let input = self.there(&values(self.rank, self.size, kind), kind)?;
            let output = self.there(&[0; PART], kind)?;
            wait(links.reduce_scatter(&output, &input, reduce))?;
            let whole = reduced(self.size, kind, op, factor);
            let own = &whole[self.rank * PART..][..PART];
            compare(&output, own).map_err(|why| of_factor(op, factor, &why))?;
            let given: Vec<f64> = values(self.rank, self.size, kind).into_iter().map(|it| it as f64).collect();
            compare(&input, &given).map_err(|why| of_factor(op, factor, &format!("the input was changed: {why}")))?;
        }
        Ok(())
    }

    fn all_gather(&self, links: &Links, kind: Kind) -> Outcome {
        let input = self.there(&values(self.rank, self.size, kind)[..PART], kind)?;
        let output = self.there(&vec![0; PART * self.size], kind)?;
        wait(links.all_gather(&output, &input))?;
        let parts = (0..self.size).flat_map(|rank| values(rank, self.size, kind).into_iter().take(PART));
        compare(&output, &parts.map(|it| it as f64).collect::<Vec<_>>())
    }

    /// From the last rank.
    fn broadcast(&self, links: &Links, kind: Kind) -> Outcome {
        let tensor = self.there(&values(self.rank, self.size, kind), kind)?;
        wait(links.broadcast(&tensor, self.size - 1))?;
        let sent = values(self.size - 1, self.size, kind);
        compare(&tensor, &sent.into_iter().map(|it| it as f64).collect::<Vec<_>>())
    }

    /// The last rank comes late. A rank that passes the barrier before that was not held up.
    fn barrier(&self, links: &Links, store: &Store) -> Outcome {
        let came = |rank| format!("came/{rank}");
        if self.rank + 1 == self.size {
            std::thread::sleep(SHORT / 2);
        }
        store.set(&came(self.rank), "here").map_err(said)?;
        wait(links.barrier())?;
        for rank in 0..self.size {
            if !store.has(&came(rank)).map_err(said)? {
                return Err(format!("the barrier let it pass before rank {rank} had come"));
            }
        }
        Ok(())
    }

    /// The last rank does not join; the others' collective raises.
    fn limit(&self, links: &Links, store: &Store) -> Outcome {
        let raised = |rank| format!("raised/{rank}");
        if self.rank + 1 == self.size {
            return (0..self.rank).try_for_each(|rank| store.wait(&raised(rank), self.limit)).map_err(said);
        }
        let tensor = self.there(&values(self.rank, self.size, Float), Float)?;
        let ended = links.all_reduce(&tensor, Reduce::Sum).and_then(Work::wait);
        store.set(&raised(self.rank), "here").map_err(said)?;
        match ended {
            Err(_) => Ok(()),
            Ok(()) => Err(format!("an all-reduce ended that rank {} did not join", self.size - 1)),
        }
    }

    /// A tensor of these values on this rank's device.
    fn there(&self, values: &[i64], kind: Kind) -> Result<Tensor, String> {
        device::to(&Tensor::from_slice(values).to_kind(kind), self.device).map_err(text)
    }
}

/// The values that `rank` puts into a collective: small integers with a period of five. Every sum of them over ranks, times a factor of
/// [`FACTORS`], is exact in bf16. Those of int64 are larger than float32 holds, and still exact in float64.
fn values(rank: usize, size: usize, kind: Kind) -> Vec<i64> {
    let large = if kind == Int64 { 1 << 40 } else { 0 };
    (0..PART * size).map(|i| (rank as i64 + 1) * (large + i as i64 % 5 + 1)).collect()
}

/// The expected result of all ranks' values.
fn reduced(size: usize, kind: Kind, op: Op, factor: f64) -> Vec<f64> {
    let of_ranks: Vec<Vec<i64>> = (0..size).map(|rank| values(rank, size, kind)).collect();
    let at = |i: usize| of_ranks.iter().map(move |of_rank| of_rank[i] as f64);
    let one = |i| match op {
        Op::Sum | Op::PremulSum => factor * at(i).sum::<f64>(),
        Op::Max => at(i).fold(f64::NEG_INFINITY, f64::max),
        Op::Min => at(i).fold(f64::INFINITY, f64::min),
    };
    (0..PART * size).map(one).collect()
}

/// The reduction that an op asks the backend for, and the factor of its result.
fn reductions(op: Op) -> Vec<(Reduce, f64)> {
    match op {
        Op::Sum => vec![(Reduce::Sum, 1.0)],
        Op::Max => vec![(Reduce::Max, 1.0)],
        Op::Min => vec![(Reduce::Min, 1.0)],
        Op::PremulSum => FACTORS.map(|factor| (Reduce::PremulSum(factor), factor)).to_vec(),
    }
}

fn of_factor(op: Op, factor: f64, why: &str) -> String {
    if op == Op::PremulSum { format!("factor {factor}: {why}") } else { why.to_owned() }
}

fn wait(started: Result<Work, Trouble>) -> Outcome {
    started.and_then(Work::wait).map_err(said)
}

fn compare(found: &Tensor, expected: &[f64]) -> Outcome {
    let host = device::to(found, Device::Cpu).map_err(text)?.to_kind(Kind::Double);
    let found = Vec::<f64>::try_from(host).map_err(text)?;
    match found.iter().zip(expected).position(|(found, expected)| found != expected) {
        None => Ok(()),
        Some(i) => Err(format!("element {i} is {}, not {}", found[i], expected[i])),
    }
}

fn text(error: impl fmt::Display) -> String {
    error.to_string()
}

fn said(trouble: Trouble) -> String {
    trouble.message().to_owned()
}
