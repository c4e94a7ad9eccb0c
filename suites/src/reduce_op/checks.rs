//! Verdicts from the ranks' findings.

use dinov3_ranks::{Group, PremulSum, ReduceOp};
use dinov3_reports::message::{Key, Reduce, Values};
use dinov3_reports::{Check, Figure, Finding, Message, Verdict};
use tch::Kind;

use super::exact::Asked;
use super::format::Format;
use super::grid::{Call, Filling, Op, fillings};
use super::measure::{Outcome, shows_a_factor};
use super::steps::{RANKS, STEPS, Trained};
use super::values::drawn_factor;
use super::{INFO, Ranks, Request};

/// The number of findings that the check of factor 1 lists. All findings are alike.
const LISTED: usize = 6;

/// The outcomes in a group of `size` ranks: for each filling and op, one outcome per rank.
pub(super) struct World {
    pub(super) size: usize,
    pub(super) outcomes: Vec<Vec<Outcome>>,
}

/// All outcomes so far.
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
pub(super) fn of_steps() -> (String, Message) {
    let title = Reduce::SameWeights { steps: STEPS, ranks: RANKS };
    (format!("{}/steps/f32", INFO.name), title.into())
}

/// Id and title of a block's check.
pub(super) fn of_block(call: Call, format: Format) -> (String, Message) {
    let (call, dtype) = (call.name(), format.name);
    let title = Reduce::EveryOp { call: call.to_owned(), dtype: dtype.to_owned() };
    (format!("{}/{call}/{dtype}", INFO.name), title.into())
}

fn of_factor_one(call: Call) -> (String, Message) {
    let call = call.name();
    let title = Reduce::FactorOne { call: call.to_owned() };
    (format!("{}/factor-1/{call}", INFO.name), title.into())
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
            let cases = self.fillings.iter().flat_map(|filling| Op::ALL.iter().map(|op| (*filling, *op)));
            let case = |((filling, op), ranks): ((Filling, Op), &'a Vec<Outcome>)| Case {
                op,
                world: world.size,
                filling,
                ranks,
            };
            cases.zip(&world.outcomes).map(case)
        })
    }

    /// The check of a block. Keeps the block for the report.
    pub(super) fn block(&mut self, call: Call, format: Format, worlds: Vec<World>) -> Check {
        let block = Block { call, worlds };
        let (id, title) = of_block(call, format);
        let cases = self.cases(&block).filter(|case| !case.refused()).count();
        // No gradient is float64, and HCCL does not reduce it. SUM of any other dtype must be there.
        let not_reduced = format.kind == Kind::Double && self.cases(&block).all(|case| case.refused());
        let found = self.cases(&block).filter_map(|case| Some((case.op, self.finding(&case, call)?)));
        let wrong: Vec<(Op, Wrong)> = if not_reduced { Vec::new() } else { found.collect() };
        let findings = self.first_of_each_op(&wrong);
        let worst = self.cases(&block).map(|case| self.share(&case, format)).fold(0.0, f64::max);
        let verdict = match findings.is_empty() {
            false => {
                let ops = Op::ALL.iter().filter(|op| wrong.iter().any(|(it, ..)| it == *op));
                let ops = ops.map(|op| op.word(self.drawn)).collect();
                Verdict::Fail { reason: Reduce::WrongUnder { ops }.into() }
            }
            true if not_reduced => {
                let (dtype, backend) = (format.name.to_owned(), self.backend.clone());
                Verdict::Skipped { reason: Reduce::NotReduced { dtype, backend }.into() }
            }
            true if self.ranks == 1 => Verdict::Vacuous { reason: Reduce::OneRank.into() },
            true => Verdict::Pass,
        };
        let summary = Reduce::Results {
            count: cases,
            worlds: block.worlds.iter().map(|world| world.size).collect(),
            wrong: wrong.len(),
            rounding: worst.into(),
            proved: verdict == Verdict::Pass,
        };
        let figures = vec![
            Figure::new(Key::WrongResults, wrong.len() as f64).with_limit(0.0),
            Figure::new(Key::RoundingOverLimit, worst).with_limit(1.0),
        ];
        self.blocks.push(block);
        Check { summary: Some(summary.into()), figures, findings, ..Check::new(id, title, verdict) }
    }

    /// The first finding of each op, with the number of further ones.
    fn first_of_each_op(&self, wrong: &[(Op, Wrong)]) -> Vec<Finding> {
        let first = |op: Op| {
            let mut of_op = wrong.iter().filter(|(it, _)| *it == op).map(|(_, found)| found);
            let first = of_op.next()?;
            let text = match of_op.count() {
                0 => first.what.clone(),
                count => {
                    let (first, op) = (Box::new(first.what.clone()), op.word(self.drawn));
                    Reduce::AndMore { first, count, op }
                }
            };
            let finding = Finding::new(first.subject.clone(), text);
            let ignored = || Reduce::FactorIgnored { backend: self.backend.clone() };
            Some(if first.ignored { finding.with_hint(ignored()) } else { finding })
        };
        Op::ALL.iter().copied().filter_map(first).collect()
    }

    /// The largest error of the right elements, over the limit that rounding allows.
    fn share(&self, case: &Case<'_>, format: Format) -> f64 {
        let limit = self.roundings(case.op, case.world, format);
        if limit == 0.0 { 0.0 } else { case.roundings() / limit }
    }

    /// The number of roundings that a number goes through.
    pub(super) fn roundings(&self, op: Op, world: usize, format: Format) -> f64 {
        let (factor, average) = match op.at(world, self.drawn) {
            ReduceOp::PremulSum(factor) => (Some(factor), false),
            op => (None, op == ReduceOp::Avg),
        };
        Asked { format, world, factor, average }.roundings()
    }

    fn finding(&self, case: &Case<'_>, call: Call) -> Option<Wrong> {
        let Filling { family, length } = case.filling;
        let (op, world, values) = (case.op.word(self.drawn), case.world, family.word());
        let wrong = |what| Wrong { subject: Reduce::Result { op, world, values, length }, what, ignored: false };
        let refused = case.ranks.iter().filter(|it| it.refused).count();
        let substituted = self.premul == PremulSum::SumAtOne && !matches!(case.op, Op::Sum | Op::Fraction(1));
        // A group that substitutes SUM has to refuse all other factors. 1/world in a world of one is factor 1.
        let is_one = case.op == Op::World && case.world == 1;
        match (substituted && !is_one, refused == case.ranks.len(), refused) {
            (true, true, _) | (false, false, 0) => {}
            (true, ..) => return Some(wrong(Reduce::NotRefused)),
            (false, ..) => return Some(wrong(Reduce::Refused { refused, ranks: case.ranks.len() })),
        }
        if let Some((rank, outcome)) = case.ranks.iter().enumerate().find(|(_, it)| it.wrong > 0) {
            let (place, found, expected) = outcome.first;
            let (found, expected) = (found.into(), expected.into());
            let what = Reduce::WrongElements { rank, wrong: outcome.wrong, length, place, found, expected };
            return Some(Wrong { ignored: self.ignores(case), ..wrong(what) });
        }
        let first = case.ranks[0];
        let differs = |it: &&Outcome| call == Call::AllReduce && it.hash != first.hash;
        let rank = case.ranks.iter().position(|it| differs(&it))?;
        Some(wrong(Reduce::OtherBits { rank }))
    }

    /// Whether a factor did not change a result that it must change.
    fn ignores(&self, case: &Case<'_>) -> bool {
        let other_factor = matches!(case.op.at(case.world, self.drawn), ReduceOp::PremulSum(factor) if factor != 1.0);
        other_factor && shows_a_factor(case.filling.family) && case.ranks.iter().all(|it| it.as_sum && !it.refused)
    }

    /// The check that factor 1 equals SUM, and that the other factors do not.
    pub(super) fn factor_one(&self, call: Call) -> Check {
        let (id, title) = of_factor_one(call);
        let cases = || self.blocks.iter().filter(|it| it.call == call).flat_map(|block| self.cases(block));
        let ones = || cases().filter(|case| case.op == Op::Fraction(1) && !case.refused());
        let differing: Vec<(usize, Values)> = ones()
            .filter(|case| case.ranks.iter().any(|it| !it.as_sum))
            .map(|case| (case.world, case.filling.family.word()))
            .collect();
        let ignored: Vec<Case<'_>> = cases().filter(|case| self.ignores(case)).collect();
        let backend = self.backend.clone();
        let summary = Reduce::BitForBit { count: ones().count() };
        let verdict = if let Some(&(world, values)) = differing.first() {
            Verdict::Fail { reason: Reduce::NotSumIn { world, values }.into() }
        } else if self.premul == PremulSum::SumAtOne {
            Verdict::Vacuous { reason: Reduce::SumStands { backend }.into() }
        } else if let Some(first) = ignored.first() {
            let (op, count, world) = (first.op.word(self.drawn), ignored.len(), first.world);
            Verdict::Vacuous { reason: Reduce::SameAsSum { backend, op, count, world }.into() }
        } else if self.ranks == 1 {
            Verdict::Vacuous { reason: Reduce::OneRank.into() }
        } else {
            Verdict::Pass
        };
        let figures = vec![Figure::new(Key::DifferentResults, differing.len() as f64).with_limit(0.0)];
        let listed = differing.into_iter().take(LISTED);
        let findings = listed.map(|(world, values)| Finding::new(Reduce::World { world, values }, Reduce::NotSum));
        Check { summary: Some(summary.into()), figures, findings: findings.collect(), ..Check::new(id, title, verdict) }
    }
}

impl Found {
    /// The check of the training steps.
    pub(super) fn steps(&self, trained: &Trained) -> Check {
        let (id, title) = of_steps();
        let left = match trained {
            Trained::Left(left) => left,
            Trained::TooFewRanks => {
                return Check::new(id, title, Verdict::Vacuous { reason: Reduce::OneRank.into() });
            }
            Trained::NoTrainer { device } => {
                let reason = Reduce::NoTrainer { device: device.clone() };
                return Check::new(id, title, Verdict::Skipped { reason: reason.into() });
            }
        };
        let mut differ = Vec::new();
        for (rank, it) in left.iter().enumerate() {
            differ.extend((it.one != it.sum).then_some((rank, false)));
            differ.extend((it.sum != left[0].sum).then_some((rank, true)));
        }
        let backend = self.backend.clone();
        let first = differ.first().map(|&(rank, from_rank_0)| Reduce::WeightsDiffer { rank, from_rank_0 });
        let verdict = if let Some(first) = &first {
            Verdict::Fail { reason: first.clone().into() }
        } else if left.iter().any(|it| it.half.is_none()) {
            Verdict::Vacuous { reason: Reduce::SumStands { backend }.into() }
        } else if left.iter().any(|it| it.half == it.sum) {
            Verdict::Vacuous { reason: Reduce::HalfIsSum { backend }.into() }
        } else {
            Verdict::Pass
        };
        let finding = |(rank, from_rank_0)| {
            let what = if from_rank_0 { Reduce::OtherWeightsThanRank0 } else { Reduce::OtherWeightsThanSum };
            Finding::new(Reduce::Weights { rank }, what)
        };
        let summary = first.unwrap_or(Reduce::WeightsAgree { ranks: RANKS, steps: STEPS });
        Check {
            summary: Some(summary.into()),
            figures: vec![Figure::new(Key::DifferentResults, differ.len() as f64).with_limit(0.0)],
            findings: differ.into_iter().map(finding).collect(),
            ..Check::new(id, title, verdict)
        }
    }
}

/// A result that is wrong.
struct Wrong {
    subject: Reduce,
    what: Reduce,
    /// The result equals the plain sum.
    ignored: bool,
}

impl Case<'_> {
    pub(super) fn refused(&self) -> bool {
        self.ranks.iter().all(|it| it.refused)
    }

    /// The number of wrong elements on all ranks together.
    pub(super) fn wrong(&self) -> u64 {
        self.ranks.iter().map(|it| it.wrong).sum()
    }

    /// The largest error of the right elements, in roundings.
    pub(super) fn roundings(&self) -> f64 {
        self.ranks.iter().map(|it| it.roundings).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests;
