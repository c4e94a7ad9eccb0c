//! The table of limits: every number that decides a verdict about a trajectory, with its reason.
//!
//! The rule: a run that is judged is one more run of the same recipe, unless it is shown not to be. Rounding grows
//! until two correct runs have nothing in common but their statistics, so a run is held against the spread of runs whose
//! first weights differ by an ulp. They see the same images in the same order, and most of the noise of a batch is
//! common to all of them: what is judged is the difference from the mean of these runs.
//!
//! Tests of one kind are corrected together by Holm's method: it needs no independence, which neighbouring windows and
//! terms of one loss lack (Šidák's does), and is never weaker than Bonferroni's.

/// A number that decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// The probability that any window of a correct run fails.
    WindowLevel,
    /// The same for the slopes of all meters.
    DriftLevel,
    /// The same for the spikes of all meters.
    SpikeLevel,
    /// The same for the norms' factors.
    FactorLevel,
    /// The level of each of the two one-sided tests of equivalence.
    EquivalenceLevel,
    /// The margin of equivalence, relative to the loss.
    Margin,
    /// The margin of equivalence, in standard deviations between runs, if that is more.
    MarginDeviations,
    /// The relative deviation that counts as none, before rounding has settled and without further runs.
    EarlyMargin,
    /// The part of the run that is its tail.
    Tail,
    /// The ratio of the ends of neighbouring windows.
    WindowRatio,
    /// The step from which on rounding has grown up.
    Settled,
    /// The part of a short run that counts as not settled.
    SettledShare,
    /// Neighbouring windows, on each side, whose spread a window borrows before rounding has grown up.
    Borrowed,
    /// The part of the largest spread of any window at which an ulp has grown up.
    Grown,
    /// The fewest runs that make a spread, the one that is held against included.
    FewestRuns,
    /// The fewest blocks of a window without further runs.
    FewestBlocks,
    /// The most blocks.
    MostBlocks,
    /// The length of a block, in correlation times.
    BlockLength,
    /// How far above the largest spike of correct runs a spike begins.
    SpikeHeadroom,
    /// The factor on the limit of normal noise.
    SpikeScale,
    /// Points of the running median.
    SpikeWindow,
    /// The factor between norms of gradients that is one.
    FactorSize,
    /// How near the reciprocal of a whole number a factor is to be explained by a number of ranks.
    RankAgreement,
    /// Units in the last place between schedules that are equal.
    ScheduleUlps,
    /// The probability with which a shift is found whose size is called the power.
    Power,
    /// The steps at the beginning that do not count for the speed.
    WarmUp,
    /// The probability that a repeat of a run is outside of its interval.
    RepeatLevel,
    /// The runs one after the other of which any has the others in its interval.
    Repeats,
    /// The fewest times of steps from which doubts are raised.
    FewestTimes,
    /// The probability that a run of equal steps is said to change.
    TrendLevel,
    /// The change over a run, relative to the median, that counts as none.
    TrendSize,
    /// The distance of two kinds of steps, in standard deviations of each kind.
    ModeDistance,
    /// The same, relative to the median.
    ModeSize,
    /// The fewest steps that make a kind, as a share.
    ModeShare,
    /// The share of the steps of either kind that stand on their side of a jump.
    JumpOrder,
    /// How far a slow step is from the median, in standard deviations.
    OutlierWidth,
    /// The same, relative to the median.
    OutlierSize,
    /// The share of the time that slow steps may take beyond the median's.
    OutlierTime,
    /// The share of the time that the loop may wait for data.
    StarvedShare,
    /// The share of the clock that may be lost.
    ClockLoss,
    /// The share of the machine's cores that others may use.
    BusyShare,
    /// The probability with which a gate says that an equal run is slower.
    GateLevel,
    /// How far the parts of a step may be from the step.
    SplitError,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// What it is.
    pub limit: Limit,
    /// The number.
    pub value: f64,
    /// The reason.
    pub why: &'static str,
}

/// All limits.
pub const TABLE: [Row; 43] = [
    row(
        Limit::WindowLevel,
        0.003,
        "The levels of the five statistical checks add up to 0.7 %: correct runs fail in less than one case of a hundred, as asked. Windows have the largest part, since they are the most tests.",
    ),
    row(Limit::DriftLevel, 0.001, "See the windows' level. One test a meter."),
    row(
        Limit::SpikeLevel,
        0.001,
        "See the windows' level. One test a point: the limit grows with the logarithm of their number alone.",
    ),
    row(Limit::FactorLevel, 0.001, "See the windows' level. One test a norm."),
    row(
        Limit::EquivalenceLevel,
        0.05,
        "The usual level of two one-sided tests, equal to an interval of 90 %: a run outside the margin is called equivalent in at most one case of twenty.",
    ),
    row(
        Limit::Margin,
        0.001,
        "A tenth of a percent of the loss: more than three times the distance of the two published figures (0.029 %), and half of the smallest drift that has to be found (0.2 %). A term of the loss may be off by as much as the total: KoLeo's passes through zero, and no margin is relative to zero. A user may state another one before the comparison.",
    ),
    row(
        Limit::MarginDeviations,
        8.0,
        "Where correct runs end further apart than the margin resolves, the margin follows them: with a dozen runs the interval's half width is twice their deviation, and six deviations are left, which chance does not reach in ten thousand runs. The spread is known before the candidate, so this margin is stated beforehand too. It is for runs with a spread; without one the margin stays as it is, and a log that cannot show it is inconclusive.",
    ),
    row(
        Limit::EarlyMargin,
        0.01,
        "Twice the 0.5 % that the reference is from itself at the fourth step. Only without further runs, which show how far apart early steps are.",
    ),
    row(
        Limit::Tail,
        0.1,
        "The last tenth of the iterations: the learning rate is near its end, the loss moves little, and of 125000 steps there are 1250 logged figures, against the 20 steps of the published one.",
    ),
    row(
        Limit::WindowRatio,
        std::f64::consts::SQRT_2,
        "Windows of equal length on a logarithmic scale, two an octave: what goes wrong early (warm-up, first updates) goes wrong within few steps, and would be diluted in a longer window. More windows cost power by the correction for their number, but only with its logarithm.",
    ),
    row(
        Limit::Settled,
        1000.0,
        "Measured on the reference against itself: the losses are up to 0.5 % apart at the fourth step and have settled at 0.003 to 0.03 % some hundred steps later. Spikes, drift and factors are looked for behind that.",
    ),
    row(
        Limit::SettledShare,
        0.2,
        "A run of fewer than 5000 steps has settled after a fifth of it, or else nothing of it would be looked at.",
    ),
    row(
        Limit::Borrowed,
        2.0,
        "An octave on each side: how soon an ulp has grown up depends on how many weights it moved, and another device moves all of them in the first step. Growth is exponential, so an octave of steps covers any number.",
    ),
    row(
        Limit::Grown,
        0.1,
        "Ten runs of micro-125k an ulp apart have the same loss to 1e-8 until step 1800, and are 0.1 % apart from step 5000 on. Until then their spread is no measure for another device, which rounds every operation of every step otherwise: on an H200, with TF32 as the reference sets it, the loss of correct steps was up to 0.04 % off in the first 2000, and KoLeo 0.3 %. What it may be off by is what an ulp grows to. The growth from a tenth of that takes an octave.",
    ),
    row(
        Limit::FewestRuns,
        3.0,
        "A standard deviation of two runs has one degree of freedom: its deviations have no finite mean, and a level of a thousandth is at 600 of them. Three is the fewest with which anything is found; the verdict says how much a dozen would add.",
    ),
    row(
        Limit::FewestBlocks,
        5.0,
        "Four degrees of freedom: the smallest number at which a level of a thousandth is below ten deviations.",
    ),
    row(
        Limit::MostBlocks,
        20.0,
        "With nineteen degrees of freedom the limit is within a fifth of the normal one. Longer blocks are then worth more than more blocks: they contain slower wandering.",
    ),
    row(
        Limit::BlockLength,
        2.5,
        "A correlation time counts both directions in time: two and a half of them are five times the length over which a correlation falls to 1/e. Means of such blocks have a correlation of about a tenth, and the standard error is 10 % too small at most, which is less than the uncertainty of its estimate.",
    ),
    row(
        Limit::SpikeHeadroom,
        1.5,
        "The noise of a loss is not normal. The largest residual of correct runs is itself a matter of chance: among a dozen runs of exponential tails the next one exceeds it by half in one of hundreds.",
    ),
    row(
        Limit::SpikeScale,
        1.2,
        "The deviation of a window of some hundred points that depend on each other is itself known to a sixth.",
    ),
    row(
        Limit::SpikeWindow,
        51.0,
        "Ten times the five steps that are to be found: their number does not move the median, and the curve is straight over so few points.",
    ),
    row(
        Limit::FactorSize,
        1.05,
        "Smaller ratios show in the windows. The nearest cause with a whole number of ranks is 1/2.",
    ),
    row(
        Limit::RankAgreement,
        0.05,
        "Norms of averaged gradients differ by exactly N where the weights are the same; once they are not, by some percent. A run without warm-up had norms of 0.306, which is no third. The next reciprocal is nearer than a twentieth only from twenty ranks on, where the number is a hint.",
    ),
    row(
        Limit::ScheduleUlps,
        4.0,
        "As golden sets have it for schedules: one cosine, which libraries round an ulp apart, and three products. Where a log rounds, half a step of its last decimal comes on top.",
    ),
    row(Limit::Power, 0.9, "Nine runs of ten, as asked."),
    row(
        Limit::WarmUp,
        20.0,
        "The window of the log's means: the first mean without the first step is that of steps 1 to 20. Allocators and the choice of kernels settle within a few steps. A run of fewer than a hundred steps warms up for a fifth of them.",
    ),
    row(Limit::RepeatLevel, 0.05, "The usual confidence of 95 %."),
    row(
        Limit::Repeats,
        10.0,
        "Whoever measures again does so a few times. Runs whose noise flickers move apart with the logarithm of their number: ten are 1.6 times as far apart as two, a hundred 2.1 times.",
    ),
    row(
        Limit::FewestTimes,
        20.0,
        "With fewer times a change of a tenth of the run is two of them, and no test finds it: a figure without doubts would say nothing.",
    ),
    row(
        Limit::TrendLevel,
        0.000_1,
        "A step is tried at every place of a run, and noise that depends on itself is underestimated in short runs: of a thousand quiet runs at most one is to be doubted.",
    ),
    row(
        Limit::TrendSize,
        0.02,
        "A gate looks for losses of 3 %: what moves by less than 2 % within one run leaves its median within 1 % of either end.",
    ),
    row(
        Limit::ModeDistance,
        4.5,
        "The halves of a normal distribution are 2.6 of their own deviations apart, those of a uniform one 3.5: steps of one kind are below, whatever their distribution is.",
    ),
    row(Limit::ModeSize, 0.03, "The loss of speed that a gate looks for: two kinds nearer than that do not hide it."),
    row(
        Limit::ModeShare,
        0.05,
        "Fewer steps than a twentieth move the median by no more than a few percent of the spread; they are outliers.",
    ),
    row(
        Limit::JumpOrder,
        0.95,
        "Steps of two kinds that alternate by chance are in such an order less than once in a thousand runs of twenty steps, and never in longer ones.",
    ),
    row(
        Limit::OutlierWidth,
        6.0,
        "Normal noise is beyond six deviations once in a thousand million steps; that of step times has tails.",
    ),
    row(Limit::OutlierSize, 0.1, "Where steps are equal to a permille, six deviations are no loss that anybody sees."),
    row(
        Limit::OutlierTime,
        0.02,
        "The median does not see slow steps, and the user pays for them: beyond this share, median and mean differ by as much as a drift that counts.",
    ),
    row(
        Limit::StarvedShare,
        0.05,
        "Loaders that keep up wait for a permille. From a twentieth on, the figure is that of the loader as much as of the device.",
    ),
    row(
        Limit::ClockLoss,
        0.05,
        "Readings of a steady clock are within 2 %; speed follows the clock at most one to one.",
    ),
    row(
        Limit::BusyShare,
        0.05,
        "An idle system uses less than one core of a hundred. A twentieth of the cores is a process that computes on a machine of up to 20 cores.",
    ),
    row(
        Limit::GateLevel,
        0.01,
        "One false alarm in a hundred runs, as asked: a gate that cries more often is switched off.",
    ),
    row(
        Limit::SplitError,
        0.01,
        "As asked. Two clocks, read at the same places, are within a permille; a phase that is counted twice or not at all shows.",
    ),
];

const fn row(limit: Limit, value: f64, why: &'static str) -> Row {
    Row { limit, value, why }
}

impl Limit {
    /// The number.
    pub fn value(self) -> f64 {
        TABLE.iter().find(|row| row.limit == self).map_or(f64::NAN, |row| row.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_has_one_row_and_a_reason() {
        for row in TABLE {
            assert_eq!(TABLE.iter().filter(|other| other.limit == row.limit).count(), 1, "{:?}", row.limit);
            assert!(row.limit.value() == row.value && row.value > 0.0 && row.why.len() > 20, "{:?}", row.limit);
        }
    }

    /// Correct runs fail at most once in a hundred.
    #[test]
    fn the_levels_add_up_to_less_than_a_hundredth() {
        let levels = [Limit::WindowLevel, Limit::DriftLevel, Limit::SpikeLevel, Limit::FactorLevel, Limit::FactorLevel];
        assert!(levels.iter().map(|level| level.value()).sum::<f64>() < 0.01);
    }

    /// A changed limit shows in review as a changed snapshot.
    #[test]
    fn the_table() {
        let rows = TABLE.map(|row| format!("{:?} = {}\n    {}", row.limit, row.value, row.why));
        insta::assert_snapshot!(rows.join("\n"));
    }
}
