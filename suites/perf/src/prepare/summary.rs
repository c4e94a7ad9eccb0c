//! What a person reads, and the same as JSON.

use serde_json::{Value, json};

use super::{Arguments, Round};
use crate::rounds::{Rounds, Spread};
use crate::table::{Columns, or_dash, spread_or_dash};

fn ours(rounds: &Rounds<Round>) -> Option<Spread> {
    rounds.spread(|round| Some(round.ours))
}

fn reference(rounds: &Rounds<Round>) -> Option<Spread> {
    rounds.spread(|round| round.reference)
}

/// The reference's time to ours.
fn ratio(rounds: &Rounds<Round>) -> Option<Spread> {
    rounds.ratio(|round| round.reference, |round| Some(round.ours))
}

/// A table of one row, and what its figures mean.
pub fn text(arguments: &Arguments, rounds: &Rounds<Round>) -> String {
    let header = ["images", "classes", "seconds", "reference", "ratio", "tables"];
    let mut table = Columns::new(header);
    table.add_row([
        arguments.images.to_string(),
        arguments.classes.to_string(),
        spread_or_dash(ours(rounds), 3),
        spread_or_dash(reference(rounds), 3),
        spread_or_dash(ratio(rounds), 1),
        or_dash(reference(rounds).map(|_| "same bytes".to_owned())),
    ]);
    table.align_right(0..header.len() - 1);
    let caches = match arguments.cold {
        true => "The kernel's caches were emptied before each timing.",
        false => "Both sides found the folders in the kernel's caches.",
    };
    format!(
        "{table}\n\nMedians, and ranges over the rounds ({}); the ratio is taken round by round. {caches}\n\
         The reference's time is that of `dump_extra` alone, without imports; ours ends when the tables are on the disk.\n",
        rounds.len()
    )
}

/// All figures, raw and summed up: times in seconds.
pub fn json(arguments: &Arguments, rounds: &Rounds<Round>) -> Value {
    json!({
        "images": arguments.images,
        "classes": arguments.classes,
        "cold": arguments.cold,
        "seconds": ours(rounds),
        "reference_seconds": reference(rounds),
        "ratio": ratio(rounds),
        "rounds": rounds,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn the_figures_read_well() {
        let rounds: Rounds<Round> = [(0.5, Some(5.0)), (0.4, Some(6.0))]
            .into_iter()
            .map(|(ours, reference)| Round { ours, reference })
            .collect();
        let arguments = Arguments::parse_from(["prepare", "--cold"]);
        insta::assert_snapshot!(text(&arguments, &rounds));
        insta::assert_json_snapshot!(json(&arguments, &rounds));
    }
}
