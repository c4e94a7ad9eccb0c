//! `golden diff`: the tensors of two sets.

use std::collections::HashSet;

use dinov3_golden::{GoldenSet, Precision};
use dinov3_reports::{TextColumn, TextTable, exit};

use super::pairs::{How, Pair};
use crate::cli::{DiffArgs, PrecisionArg};
use crate::commands::{print, print_table};
use crate::failure::{Result, refusal};

/// Tensors of a precision that are shown where no part of a name is given.
const SHOWN: usize = 20;

/// Compares all tensors that both sets have, in execution order.
pub fn diff(args: DiffArgs) -> Result<i32> {
    let find = |name: &str| super::find(name, args.golden.golden.clone());
    let (first, second) = (find(&args.first)?, find(&args.second)?);
    let mut same = true;
    let wanted = args.precision.map(PrecisionArg::precision);
    let both = |precision: &Precision| {
        let has = |set: &GoldenSet| set.manifest().precisions.get(*precision).is_some();
        has(&first) && has(&second) && wanted.is_none_or(|wanted| wanted == *precision)
    };
    let precisions: Vec<Precision> = Precision::ALL.iter().copied().filter(both).collect();
    if precisions.is_empty() {
        return Err(refusal(
            format!("`{}` and `{}` have no such precision in common", args.first, args.second),
            "`golden show SET` lists the precisions of a set",
        ));
    }
    for precision in precisions {
        same &= of(&first, &second, precision, args.part.as_deref())?;
    }
    Ok(if same { exit::PASS } else { exit::CHECK_FAILED })
}

/// Shows a precision; gives whether all that both have is the same.
fn of(first: &GoldenSet, second: &GoldenSet, precision: Precision, part: Option<&str>) -> Result<bool> {
    let named = |name: &str| part.is_none_or(|part| name.contains(part));
    let (mut identical, mut different, mut alone, mut met) = (0, Vec::new(), Vec::new(), HashSet::new());
    for entry in first.manifest().entries.iter().filter(|entry| entry.records.get(precision).is_some()) {
        let name = entry.name.as_str();
        if !named(name) {
            continue;
        }
        met.insert(name);
        let theirs = second.manifest().entry(name).map(|(_, theirs)| theirs);
        let Some(theirs) = theirs.filter(|theirs| theirs.records.get(precision).is_some()) else {
            alone.push(name);
            continue;
        };
        let pair = Pair::of((first, entry), (second, theirs), precision)?;
        match pair.how {
            How::Identical => identical += 1,
            _ => different.push((name, entry.stage, pair)),
        }
    }
    let theirs = second.manifest().entries.iter().filter(|entry| entry.records.get(precision).is_some());
    let only_second = theirs.filter(|entry| named(entry.name.as_str()) && !met.contains(entry.name.as_str())).count();
    let mut head = format!("{precision}: {identical} tensors identical, {} different", different.len());
    head += &alone
        .first()
        .map_or_else(String::new, |name| format!("; {} in the first set alone, first {name}", alone.len()));
    head += &if only_second > 0 { format!("; {only_second} in the second alone") } else { String::new() };
    print(&format!("{head}\n"))?;
    let shown = if part.is_some() { different.len() } else { SHOWN.min(different.len()) };
    if shown > 0 {
        let mut table = TextTable::new(["tensor", "stage", "second against first"].map(TextColumn::left));
        for (name, stage, pair) in &different[..shown] {
            table.push([(*name).to_owned(), stage.to_string(), pair.words()]);
        }
        print_table(&table)?;
    }
    if different.len() > shown {
        let more = different.len() - shown;
        print(&format!(
            "and {more} more, later in execution order; a part of a name as the last argument shows all that have it\n"
        ))?;
    }
    Ok(different.is_empty() && alone.is_empty() && only_second == 0)
}
