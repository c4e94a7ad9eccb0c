//! What a person reads.

use super::Arguments;
use super::rank::Measured;
use super::workload::{Figures, Round};
use crate::table::{Columns, or_dash, spread_or_dash};

/// A table, a row a number of ranks, and what its figures mean.
pub fn text(arguments: &Arguments, all: &[Figures]) -> String {
    let header = [
        "ranks",
        "steps/s",
        "to the first",
        "peak of a rank",
        "of it libraries",
        "kept between steps",
        "sent a step",
        "by the formula",
    ];
    let mut table = Columns::new(header);
    for figures in all {
        let rate = |round: &Round| Some(round.rate());
        let rank = |f: fn(&Measured) -> u64| figures.rounds.iter().flat_map(|round| &round.ranks).map(f).max().map(mib);
        let parameters = figures.rounds.iter().find_map(|round| Some(round.ranks.first()?.parameters)).unwrap_or(0);
        table.add_row([
            figures.ranks.to_string(),
            spread_or_dash(figures.rounds.spread(rate), 3),
            spread_or_dash(figures.rounds.ratio_to(&all[0].rounds, rate), 2),
            or_dash(rank(|it| it.peak_bytes)),
            or_dash(rank(|it| it.libraries_bytes)),
            or_dash(rank(|it| it.rest_bytes)),
            or_dash(rank(|it| it.sent_bytes)),
            mib(formula(parameters, u64::from(figures.ranks), arguments.reshard)),
        ]);
    }
    table.align_right(0..header.len());
    let (name, images) = (arguments.recipe.name(), arguments.recipe.images());
    format!(
        "{name}, {images} images over all ranks, fp32, {} threads over all ranks, gloo on the loopback\n\n{table}\n\n\
         Medians, and ranges over the rounds ({}); ratios are taken round by round, memory and traffic are the largest of any rank.\n\
         The formula: student and teacher gathered, gradients scattered, each (N - 1) / N of the parameters in four bytes{}.\n",
        arguments.threads,
        arguments.rounds,
        if arguments.reshard { "; the student\ngathered once more for backward" } else { "" },
    )
}

fn formula(parameters: u64, ranks: u64, reshard: bool) -> u64 {
    let times = if reshard { 4 } else { 3 };
    times * 4 * parameters * (ranks - 1) / ranks
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
