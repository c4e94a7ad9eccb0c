//! What a person reads, and the same as JSON.

use dinov3_beside::{Columns, Spread, or_dash};
use serde_json::{Value, json};

use crate::driver::Round;

/// A figure of a round; `None` where the reference was not measured.
type Figure = fn(&Round) -> Option<f64>;

const ONE: Figure = |round| Some(round.one);
const MANY: Figure = |round| Some(round.many);
const REFERENCE: Figure = |round| round.reference;

fn rate(rounds: &[Round], of: Figure) -> Option<Spread> {
    Spread::of(rounds.iter().filter_map(of))
}

/// Round by round: what slows the machine down for a while slows both.
fn ratio(rounds: &[Round], of: Figure, to: Figure) -> Option<Spread> {
    Spread::of(rounds.iter().filter_map(|round| Some(of(round)? / to(round)?)))
}

/// A table, a row a side, and what its figures mean.
pub fn text(threads: u32, rounds: &[Round]) -> String {
    let header = ["", "images/s", "to the reference", "to one thread"];
    let mut table = Columns::new(header);
    let show = |spread: Option<Spread>, decimals| or_dash(spread.map(|spread| spread.show(decimals)));
    for (name, of) in [
        ("the reference, one thread".to_owned(), REFERENCE),
        ("ours, one thread".to_owned(), ONE),
        (format!("ours, {threads} threads"), MANY),
    ] {
        let [to_reference, to_one] = [REFERENCE, ONE].map(|to| show(ratio(rounds, of, to), 2));
        table.add_row([name, show(rate(rounds, of), 1), to_reference, to_one]);
    }
    table.align_right(1..header.len());
    let pictures = match rate(rounds, REFERENCE) {
        Some(_) => "The crops are the same bits.",
        None => "The images are the photographs as they are.",
    };
    format!(
        "{table}\n\nMedians, and ranges over the rounds ({}); ratios are taken round by round. {pictures}\n",
        rounds.len()
    )
}

/// All figures, raw and summed up: images a second.
pub fn json(threads: u32, rounds: &[Round]) -> Value {
    json!({
        "threads": threads,
        "one_thread": rate(rounds, ONE),
        "all_threads": rate(rounds, MANY),
        "reference": rate(rounds, REFERENCE),
        "ratio": ratio(rounds, ONE, REFERENCE),
        "ratio_all_threads": ratio(rounds, MANY, REFERENCE),
        "ratio_threads": ratio(rounds, MANY, ONE),
        "rounds": rounds,
    })
}
