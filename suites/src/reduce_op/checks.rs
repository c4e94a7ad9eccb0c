//! From the ranks' findings to verdicts.

use dinov3_ground::list;
use dinov3_ranks::{Group, PremulSum, ReduceOp};
use dinov3_reports::{Check, Finding, Quantity, Verdict};

use super::exact::Asked;
use super::format::{FORMATS, Format};
use super::grid::{Call, Filling, Op, fillings};
use super::measure::{Outcome, shows_a_factor};
use super::steps::{RANKS, STEPS, Trained};
use super::values::drawn_factor;
use super::{INFO, Ranks, Request};

/// How many findings the check of factor 1 lists; all are alike.
const LISTED: usize = 6;

/// What a group of so many ranks found out: for each filling and op, an outcome a rank.
pub(super) struct World {
    pub(super) size: usize,
    pub(super) outcomes: Vec<Vec<Outcome>>,
}

/// Everything found out so far.
pub(super) struct Found {
    pub(super) premul: PremulSum,
    pub(super) backend: String,
    pub(super) seed: u64,
    pub(super) drawn: f64,
    pub(super) blocks: Vec<Block>,
    ranks: usize,
    fillings: Vec<Filling>,
}

/// A collective at a dtype.
pub(super) struct Block {
    pub(super) call: Call,
    pub(super) worlds: Vec<World>,
}

/// One op on one tensor in one world.
pub(super) struct Case<'a> {
    pub(super) op: Op,
    pub(super) world: usize,
    filling: Filling,
    pub(super) ranks: &'a [Outcome],
}

/// The ids of all checks, in order.
pub(super) fn planned() -> Vec<String> {
    let blocks = super::blocks().map(|(call, format)| of_block(call, format).0);
    blocks.chain(Call::ALL.map(|call| of_factor_one(call).0)).chain([of_steps().0]).collect()
}

/// Id and title of the check of training steps.
pub(super) fn of_steps() -> (String, String) {
    let title = format!("{STEPS} training steps on {RANKS} ranks leave the same weights under SUM and PREMUL_SUM(1)");
    (format!("{}/steps/f32", INFO.name), title)
}

/// Id and title of a block's check.
pub(super) fn of_block(call: Call, format: Format) -> (String, String) {
    let (call, dtype) = (call.name(), format.name);
    (format!("{}/{call}/{dtype}", INFO.name), format!("every op of {call} on {dtype} tensors, against exact sums"))
}

fn of_factor_one(call: Call) -> (String, String) {
    let call = call.name();
    let title = format!("{call} by PREMUL_SUM(1) has the bits of SUM, and by other factors it has not");
    (format!("{}/factor-1/{call}", INFO.name), title)
}

impl Found {
    pub(super) fn new(request: &Request, ranks: Ranks<'_>) -> Self {
        Self {
            premul: ranks.tested.premul_sum,
            backend: ranks.tested.backend.to_string(),
            seed: request.seed,
            drawn: drawn_factor(request.seed),
            blocks: Vec::new(),
            ranks: ranks.all.size(),
            fillings: fillings(request.profile),
        }
    }

    /// The cases of a block.
    pub(super) fn cases<'a>(&'a self, block: &'a Block) -> impl Iterator<Item = Case<'a>> {
        block.worlds.iter().flat_map(move |world| {
            let cases = self.fillings.iter().flat_map(|filling| Op::ALL.map(|op| (*filling, op)));
            let case = |((filling, op), ranks): ((Filling, Op), &'a Vec<Outcome>)| Case {
                op,
                world: world.size,
                filling,
                ranks,
            };
            cases.zip(&world.outcomes).map(case)
        })
    }

    /// The check of a block, which is kept for the report.
    pub(super) fn block(&mut self, call: Call, format: Format, worlds: Vec<World>) -> Check {
        let block = Block { call, worlds };
        let (id, title) = of_block(call, format);
        let cases = self.cases(&block).filter(|case| !case.refused()).count();
        let wrong: Vec<(Op, Finding)> =
            self.cases(&block).filter_map(|case| Some((case.op, self.finding(&case, call)?))).collect();
        let findings = self.first_of_each_op(&wrong);
        let worst = self.cases(&block).map(|case| self.share(&case, format)).fold(0.0, f64::max);
        let sizes: Vec<String> = block.worlds.iter().map(|world| world.size.to_string()).collect();
        let mut summary = format!("{cases} results in worlds of {}", list::and(&sizes));
        let verdict = match findings.is_empty() {
            false => {
                summary += &format!(", {} wrong", wrong.len());
                let ops = Op::ALL.into_iter().filter(|op| wrong.iter().any(|(it, _)| it == op));
                let ops: Vec<String> = ops.map(|op| op.name(self.drawn)).collect();
                Verdict::Fail { reason: format!("wrong under {}", list::and(&ops)) }
            }
            true if self.ranks == 1 => Verdict::Vacuous { reason: "one rank alone exchanges nothing".to_owned() },
            true => {
                summary += &format!(": 0 ulp where exact, at most {worst:.2} of the limit where rounded");
                Verdict::Pass
            }
        };
        let mut check = Check::new(id, title, verdict, summary);
        check.figure = Some(Quantity::new(wrong.len() as f64, "wrong results"));
        check.limit = Some(Quantity::new(0.0, "wrong results"));
        check.findings = findings;
        self.blocks.push(block);
        check
    }

    /// The first finding of each op, and how many there are beside it.
    fn first_of_each_op(&self, wrong: &[(Op, Finding)]) -> Vec<Finding> {
        let first = |op: Op| {
            let mut of_op = wrong.iter().filter(|(it, _)| *it == op).map(|(_, finding)| finding);
            let mut first = of_op.next()?.clone();
            match of_op.count() {
                0 => {}
                more => first.text += &format!("; and {more} more results of {}", op.name(self.drawn)),
            }
            Some(first)
        };
        Op::ALL.into_iter().filter_map(first).collect()
    }

    /// The error of those elements that are right, over what rounding allows.
    fn share(&self, case: &Case<'_>, format: Format) -> f64 {
        let limit = self.roundings(case.op, case.world, format);
        if limit == 0.0 { 0.0 } else { case.roundings() / limit }
    }

    /// How many roundings a number goes through.
    pub(super) fn roundings(&self, op: Op, world: usize, format: Format) -> f64 {
        let (factor, average) = match op.at(world, self.drawn) {
            ReduceOp::PremulSum(factor) => (Some(factor), false),
            op => (None, op == ReduceOp::Avg),
        };
        Asked { format, world, factor, average }.roundings()
    }

    fn finding(&self, case: &Case<'_>, call: Call) -> Option<Finding> {
        let (op, Filling { family, length }) = (case.op.name(self.drawn), case.filling);
        let of = if length == 1 { "1 element".to_owned() } else { format!("{length} elements") };
        let subject = format!("{op}, world {}, {} ({of})", case.world, family.name());
        let refused = case.ranks.iter().filter(|it| it.refused).count();
        let substituted = self.premul == PremulSum::SumAtOne && !matches!(case.op, Op::Sum | Op::Fraction(1));
        // What a group that substitutes SUM has to refuse; at 1/world in a world of one it is asked for SUM.
        let is_one = case.op == Op::World && case.world == 1;
        match (substituted && !is_one, refused == case.ranks.len(), refused) {
            (true, true, _) | (false, false, 0) => {}
            (true, ..) => return Some(Finding::new(subject, "not refused, although SUM stands for PREMUL_SUM")),
            (false, ..) => {
                return Some(Finding::new(subject, format!("refused on {refused} of {} ranks", case.ranks.len())));
            }
        }
        if let Some((rank, wrong)) = case.ranks.iter().enumerate().find(|(_, it)| it.wrong > 0) {
            let (place, got, expected) = wrong.first;
            let text = format!(
                "rank {rank}: {} of {of} wrong, at {place} first: {got:e} in place of {expected:e}",
                wrong.wrong
            );
            let finding = Finding::new(subject, text);
            return Some(if self.ignores(case) {
                finding.with_hint(format!("{} gives the plain sum whatever the factor", self.backend))
            } else {
                finding
            });
        }
        let first = case.ranks[0];
        let differs = |it: &&Outcome| call == Call::AllReduce && it.hash != first.hash;
        let other = case.ranks.iter().position(|it| differs(&it))?;
        Some(Finding::new(subject, format!("ranks 0 and {other} hold different bits, both within rounding")))
    }

    /// Whether a factor that must change the result did not.
    fn ignores(&self, case: &Case<'_>) -> bool {
        let other_factor = matches!(case.op.at(case.world, self.drawn), ReduceOp::PremulSum(factor) if factor != 1.0);
        other_factor && shows_a_factor(case.filling.family) && case.ranks.iter().all(|it| it.as_sum && !it.refused)
    }

    /// The check that factor 1 is SUM, and that this says something.
    pub(super) fn factor_one(&self, call: Call) -> Check {
        let (id, title) = of_factor_one(call);
        let cases = || self.blocks.iter().filter(|it| it.call == call).flat_map(|block| self.cases(block));
        let ones = || cases().filter(|case| case.op == Op::Fraction(1));
        let differing: Vec<Finding> = ones()
            .filter(|case| case.ranks.iter().any(|it| !it.as_sum))
            .map(|case| Finding::new(format!("world {}, {}", case.world, case.filling.family.name()), "not SUM's bits"))
            .collect();
        let ignored: Vec<Case<'_>> = cases().filter(|case| self.ignores(case)).collect();
        let backend = &self.backend;
        let summary = format!("{} results, bit for bit; every other factor changes them", ones().count());
        let verdict = if let Some(first) = differing.first() {
            Verdict::Fail { reason: format!("{}: {}", first.subject, first.text) }
        } else if self.premul == PremulSum::SumAtOne {
            let reason = format!(
                "SUM stands for PREMUL_SUM on {backend}, and other factors are refused: equality at 1 says nothing"
            );
            Verdict::Vacuous { reason }
        } else if let Some(first) = ignored.first() {
            let (op, count, world) = (first.op.name(self.drawn), ignored.len(), first.world);
            let reason = format!(
                "{backend} gives for {op} what it gives for SUM, in {count} results, the first in world {world}: equality at 1 says nothing"
            );
            Verdict::Vacuous { reason }
        } else if self.ranks == 1 {
            Verdict::Vacuous { reason: "one rank alone exchanges nothing".to_owned() }
        } else {
            Verdict::Pass
        };
        let mut check = Check::new(id, title, verdict, summary);
        check.findings = differing.into_iter().take(LISTED).collect();
        check
    }
}

impl Found {
    fn substituted(&self) -> String {
        let backend = &self.backend;
        format!("SUM stands for PREMUL_SUM on {backend}, and other factors are refused: equality at 1 says nothing")
    }

    /// What the steps that were taken, or not, say.
    pub(super) fn steps(&self, trained: &Trained) -> Check {
        let (id, title) = of_steps();
        let left = match trained {
            Trained::Left(left) => left,
            Trained::TooFewRanks => {
                let reason = "one rank alone exchanges nothing".to_owned();
                return Check::new(id, title, Verdict::Vacuous { reason }, "");
            }
            Trained::NoTrainer { device } => {
                let reason = format!("the trainer does not compute on {device} yet");
                return Check::new(id, title, Verdict::Skipped { reason }, "");
            }
        };
        let mut findings = Vec::new();
        for (rank, it) in left.iter().enumerate() {
            let weights = format!("weights of rank {rank}");
            if it.one != it.sum {
                findings.push(Finding::new(&weights, "PREMUL_SUM(1) leaves others than SUM"));
            }
            if it.sum != left[0].sum {
                findings.push(Finding::new(&weights, "SUM leaves others than on rank 0"));
            }
        }
        let backend = &self.backend;
        let verdict = if let Some(first) = findings.first() {
            Verdict::Fail { reason: format!("{}: {}", first.subject, first.text) }
        } else if left.iter().any(|it| it.half.is_none()) {
            Verdict::Vacuous { reason: self.substituted() }
        } else if left.iter().any(|it| it.half == it.sum) {
            let reason =
                format!("PREMUL_SUM(1/2) on {backend} leaves the weights that SUM does: equality at 1 says nothing");
            Verdict::Vacuous { reason }
        } else {
            Verdict::Pass
        };
        let summary = match findings.first() {
            Some(first) => format!("{}: {}", first.subject, first.text),
            None => format!("the same weights on {RANKS} ranks after {STEPS} steps; PREMUL_SUM(1/2) leaves others"),
        };
        let mut check = Check::new(id, title, verdict, summary);
        check.findings = findings;
        check
    }
}

impl Case<'_> {
    pub(super) fn refused(&self) -> bool {
        self.ranks.iter().all(|it| it.refused)
    }

    /// How many elements are wrong, on all ranks together.
    pub(super) fn wrong(&self) -> u64 {
        self.ranks.iter().map(|it| it.wrong).sum()
    }

    /// The largest error of those that are right, in roundings.
    pub(super) fn roundings(&self) -> f64 {
        self.ranks.iter().map(|it| it.roundings).fold(0.0, f64::max)
    }
}

/// The names of the dtypes.
pub(super) fn dtypes() -> String {
    list::and(FORMATS.map(|format| format.name))
}

#[cfg(test)]
mod tests;
