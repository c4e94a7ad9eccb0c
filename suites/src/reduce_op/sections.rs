//! The report's tables: an op in a world, what was measured, and its limit.

use dinov3_ranks::PremulSum;
use dinov3_reports::{Column, Section, Table};

use super::checks::{Block, Found, dtypes};
use super::format::FORMATS;
use super::grid::{Call, Op};

/// A table a collective.
pub(super) fn sections(found: &Found) -> Vec<Section> {
    Call::ALL.into_iter().map(|call| section(found, call)).collect()
}

fn section(found: &Found, call: Call) -> Section {
    let mut table = Table::new([
        Column::left("op"),
        Column::right("world"),
        Column::right("results"),
        Column::right("wrong elements"),
        Column::right("limit"),
        Column::right("largest error"),
        Column::right("limit"),
    ]);
    let blocks: Vec<&Block> = found.blocks.iter().filter(|block| block.call == call).collect();
    let worlds: Vec<usize> = blocks.first().map_or(Vec::new(), |it| it.worlds.iter().map(|it| it.size).collect());
    for (op, world) in Op::ALL.into_iter().flat_map(|op| worlds.iter().map(move |world| (op, *world))) {
        let cases = blocks.iter().flat_map(|block| found.cases(block));
        let cases: Vec<_> = cases.filter(|case| case.op == op && case.world == world).collect();
        let refused = cases.iter().all(|case| case.refused());
        let wrong: u64 = cases.iter().map(|case| case.wrong()).sum();
        let error = cases.iter().map(|case| case.roundings()).fold(0.0, f64::max);
        let (results, wrong, error) = match refused {
            true => ("refused".to_owned(), "-".to_owned(), "-".to_owned()),
            false => (cases.len().to_string(), wrong.to_string(), format!("{error:.2} u")),
        };
        // The same in all formats.
        let limit = format!("{} u", found.roundings(op, world, FORMATS[0]));
        table.push([op.name(found.drawn), world.to_string(), results, wrong, "0".to_owned(), error, limit]);
    }
    let mut section = Section::new(format!("{} on {}", call.name(), found.backend));
    section.text = Some(format!(
        "All of {}. {} A wrong element is one that is not the exact result where nothing is rounded on the way, or is further from it than \
         rounding explains. Errors are in u, half a step of the dtype, times the sum of the magnitudes; the limit counts the roundings \
         that a number goes through. Seed {}; the drawn factor is {}.",
        dtypes(),
        premul(found),
        found.seed,
        found.drawn
    ));
    section.table = Some(table);
    section
}

/// Who multiplies.
fn premul(found: &Found) -> String {
    let backend = &found.backend;
    match found.premul {
        PremulSum::Native => format!("Under PREMUL_SUM {backend} multiplies."),
        PremulSum::Emulated => format!("Under PREMUL_SUM each rank multiplies, and {backend} sums."),
        PremulSum::SumAtOne => format!("{backend} sums; SUM stands for PREMUL_SUM at factor 1."),
    }
}
