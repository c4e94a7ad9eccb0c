//! What a person reads, and the same as JSON.

use serde_json::{Value, json};

use super::Round;
use crate::rounds::Rounds;
use crate::table::{Columns, spread_or_dash};

/// A figure of a round; `None` where the reference was not measured.
type Figure = fn(&Round) -> Option<f64>;

const ONE: Figure = |round| Some(round.one);
const MANY: Figure = |round| Some(round.many);
const REFERENCE: Figure = |round| round.reference;

/// A table, a row a side, and what its figures mean.
pub fn text(threads: u32, rounds: &Rounds<Round>) -> String {
    let header = ["", "images/s", "to the reference", "to one thread"];
    let mut table = Columns::new(header);
    for (name, of) in [
        ("the reference, one thread".to_owned(), REFERENCE),
        ("ours, one thread".to_owned(), ONE),
        (format!("ours, {threads} threads"), MANY),
    ] {
        let [to_reference, to_one] = [REFERENCE, ONE].map(|to| spread_or_dash(rounds.ratio(of, to), 2));
        table.add_row([name, spread_or_dash(rounds.spread(of), 1), to_reference, to_one]);
    }
    table.align_right(1..header.len());
    let pictures = match rounds.spread(REFERENCE) {
        Some(_) => "The crops are the same bits.",
        None => "The images are the photographs as they are.",
    };
    format!(
        "{table}\n\nMedians, and ranges over the rounds ({}); ratios are taken round by round. {pictures}\n",
        rounds.len()
    )
}

/// All figures, raw and summed up: images a second.
pub fn json(threads: u32, rounds: &Rounds<Round>) -> Value {
    json!({
        "threads": threads,
        "one_thread": rounds.spread(ONE),
        "all_threads": rounds.spread(MANY),
        "reference": rounds.spread(REFERENCE),
        "ratio": rounds.ratio(ONE, REFERENCE),
        "ratio_all_threads": rounds.ratio(MANY, REFERENCE),
        "ratio_threads": rounds.ratio(MANY, ONE),
        "rounds": rounds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(reference: Option<f64>) -> Rounds<Round> {
        [(360.0, 720.0), (300.0, 610.0)].into_iter().map(|(one, many)| Round { one, many, reference }).collect()
    }

    #[test]
    fn the_table_reads_well() {
        insta::assert_snapshot!(format!("{}\n{}", text(2, &rounds(Some(50.0))), text(2, &rounds(None))));
    }

    #[test]
    fn the_json_keeps_its_keys() {
        insta::assert_json_snapshot!(json(2, &rounds(Some(50.0))));
    }
}
