//! The tables of the report: a row per op and world, with figures and limits.

use dinov3_ranks::PremulSum;
use dinov3_reports::message::{Heading, Multiplies, Reduce, Unit};
use dinov3_reports::{Cell, Column, Kind, Section, Table};

use super::checks::{Block, Found};
use super::format::FORMATS;
use super::grid::{Call, Op};

/// One table per collective.
pub(super) fn sections(found: &Found) -> Vec<Section> {
    Call::ALL.into_iter().map(|call| section(found, call)).collect()
}

fn section(found: &Found, call: Call) -> Section {
    let mut table = Table::new([
        Column::text(Heading::Op),
        Column::new(Heading::World, Kind::Count),
        Column::new(Heading::Results, Kind::Count),
        Column::new(Heading::WrongElements, Kind::Count),
        Column::new(Heading::Limit, Kind::Count),
        Column::new(Heading::LargestError, Kind::Measure),
        Column::new(Heading::Limit, Kind::Measure),
    ]);
    let blocks: Vec<&Block> = found.blocks.iter().filter(|block| block.call == call).collect();
    let worlds: Vec<usize> = blocks.first().map_or(Vec::new(), |it| it.worlds.iter().map(|it| it.size).collect());
    for (op, world) in Op::ALL.iter().flat_map(|op| worlds.iter().map(move |world| (*op, *world))) {
        let cases = blocks.iter().flat_map(|block| found.cases(block));
        let cases: Vec<_> = cases.filter(|case| case.op == op && case.world == world).collect();
        let refused = cases.iter().all(|case| case.refused());
        let wrong: u64 = cases.iter().map(|case| case.wrong()).sum();
        let error = cases.iter().map(|case| case.roundings()).fold(0.0, f64::max);
        let in_roundings = |value: f64| Cell::Measure(value.into(), Unit::Rounding);
        let [results, wrong, error] = match refused {
            true => [Cell::Says(Reduce::IsRefused.into()), Cell::Absent, Cell::Absent],
            false => [Cell::count(cases.len()), Cell::Count(wrong), in_roundings(error)],
        };
        // The limit in roundings is the same in all formats.
        let limit = in_roundings(found.roundings(op, world, FORMATS[0]));
        let op = Cell::Says(Reduce::Op(op.word(found.drawn)).into());
        table.push([op, Cell::count(world), results, wrong, Cell::Count(0), error, limit]);
    }
    let text = Reduce::About {
        dtypes: FORMATS.map(|format| format.name.to_owned()).into(),
        multiplies: multiplies(found.premul),
        backend: found.backend.clone(),
        seed: found.seed,
        factor: found.drawn.into(),
    };
    let title = Reduce::CallOn { call: call.name().to_owned(), backend: found.backend.clone() };
    Section { text: Some(text.into()), table: Some(table), ..Section::new(title) }
}

/// The multiplier under PREMUL_SUM, in the vocabulary of results.
fn multiplies(premul: PremulSum) -> Multiplies {
    match premul {
        PremulSum::Native => Multiplies::Backend,
        PremulSum::Emulated => Multiplies::Ranks,
        PremulSum::SumAtOne => Multiplies::Nobody,
    }
}
