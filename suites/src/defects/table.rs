//! The registry as a table for people.

use std::fmt::Write;

use dinov3_reports::{TextColumn, TextTable};

use super::{CaughtBy, DEFECTS, Defect, Site};

/// One row per defect: the broken part, the site, the way in which it is planted, and the tensor or checks that must name it first.
pub fn table() -> TextTable {
    let columns = ["defect", "breaks", "in", "planted by", "caught first by"].map(TextColumn::left);
    let mut table = TextTable::new(columns);
    for defect in DEFECTS {
        let Defect { name, breaks, site, how, caught_by } = defect;
        table.push([name.to_string(), breaks.to_string(), site.to_string(), how.to_string(), caught(caught_by)]);
    }
    table
}

fn caught(by: &CaughtBy) -> String {
    let suite = by.suite();
    match by {
        CaughtBy::Tensor(it) => format!("{suite}/{}/{}: {}", it.set, it.precision, it.tensor),
        CaughtBy::Checks(it) => format!("{suite}/{}: {}", it.red.first().unwrap_or(&""), it.finding),
    }
}

/// The text of `--help` about the values of `--plant`.
pub fn help() -> String {
    let mut text = String::new();
    for site in Site::ALL {
        let title = match site {
            Site::Block => "Faults of a layer, in one block (0 unless given)",
            Site::Step => "Faults of the whole step",
            Site::Collectives => "Faults of the collectives",
        };
        let names: Vec<_> = DEFECTS.iter().filter(|it| it.site == site).map(|it| it.name).collect();
        writeln!(text, "{title}: {}", names.join(", ")).expect("text grows");
    }
    text
}
