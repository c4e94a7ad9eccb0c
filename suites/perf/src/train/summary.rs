//! What a person reads, and the same as JSON.

use serde_json::{Value, json};

use super::workload::{Measured, Round};
use crate::rounds::Rounds;
use crate::table::{Columns, spread_or_dash};

type Of = fn(&Round) -> Option<f64>;

const SIDES: [(&str, Of); 4] = [
    ("trainer and loader alone", |round| Some(round.bare.rate())),
    ("the program", |round| Some(round.program.rate())),
    ("the program, half watched", |round| Some(round.watched.rate())),
    ("the reference's program", |round| round.reference.as_ref().map(Measured::rate)),
];

/// A table, a row a side, and what its figures mean.
pub fn text(rounds: &Rounds<Round>) -> String {
    let mut table = Columns::new(["side", "steps/s", "to the row above", "to the reference"]);
    for (row, (name, rate)) in SIDES.into_iter().enumerate() {
        let above = row.checked_sub(1).filter(|_| row < SIDES.len() - 1).map(|above| SIDES[above].1);
        table.add_row([
            name.to_owned(),
            spread_or_dash(rounds.spread(rate), 1),
            spread_or_dash(above.and_then(|above| rounds.ratio(rate, above)), 3),
            spread_or_dash(rounds.ratio(rate, SIDES[3].1), 2),
        ]);
    }
    table.align_right(1..4);
    let (watching, logging) = (spread_or_dash(rounds.spread(cost), 4), spread_or_dash(rounds.spread(logging), 4));
    let save = spread_or_dash(rounds.spread(|round| Some(1e3 * round.watched.seconds_of_save?)), 1);
    let saving = spread_or_dash(rounds.spread(saving), 5);
    let Measured { libtorch, capability, threads, steps, .. } = &rounds.iter().next().expect("at least one round").bare;
    format!(
        "libtorch {libtorch} on cpu, {capability}; threads: {threads}; micro-125k, {steps} iterations\n\n{table}\n\n\
         A step that the suite `performance` watches takes {watching} times what its neighbour in the same run takes.\n\
         The log takes {logging} of the program's time. A checkpoint and an export of the teacher, one in {RECIPE_SAVES} steps of the\n\
         recipe, take the loop {save} ms, and {saving} of its time.\n\
         Medians, and ranges over the rounds ({}); ratios are taken round by round. The program writes its log and figures, and saves\n\
         in the background; the reference's writes its log and figures and saves nothing.\n",
        rounds.len()
    )
}

fn cost(round: &Round) -> Option<f64> {
    round.watched.cost_of_watching
}

fn logging(round: &Round) -> Option<f64> {
    round.watched.share_of_logging
}

/// Steps between two checkpoints of the recipe.
const RECIPE_SAVES: f64 = 12_500.0;

/// What checkpoints take of the loop's time in the recipe.
fn saving(round: &Round) -> Option<f64> {
    Some(round.watched.seconds_of_save? * round.watched.rate() / RECIPE_SAVES)
}

/// All figures, raw and summed up: times in seconds, rates a second.
pub fn json(rounds: &Rounds<Round>) -> Value {
    let [bare, program, _, reference] = SIDES.map(|(_, rate)| rate);
    json!({
        "bare_steps_per_second": rounds.spread(bare),
        "program_steps_per_second": rounds.spread(program),
        "reference_steps_per_second": rounds.spread(reference),
        "program_to_bare": rounds.ratio(program, bare),
        "cost_of_watching": rounds.spread(cost),
        "share_of_logging": rounds.spread(logging),
        "share_of_saving": rounds.spread(saving),
        "program_to_reference": rounds.ratio(program, reference),
        "rounds": rounds,
    })
}
