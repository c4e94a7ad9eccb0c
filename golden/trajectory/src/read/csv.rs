//! A table with a header line: one column of iterations, and a column for each meter.

use csv::{ByteRecord, ReaderBuilder};

use super::columns::{Columns, MOST};
use super::error::Problem;
use crate::run::{Format, Note, Resolution, Run};

/// Names of the column of iterations, in lower case.
const ITERATION: [&str; 7] = ["iteration", "iterations", "iter", "it", "step", "global_step", "steps"];

/// More decimals than this are no rounding of a printed table.
const MOST_DECIMALS: u32 = 8;

/// The names of a header line; `None` where it is none.
pub(super) fn header(line: &[u8]) -> Option<Vec<String>> {
    let mut record = ByteRecord::new();
    let mut reader = ReaderBuilder::new().has_headers(false).from_reader(line);
    let read = reader.read_byte_record(&mut record).ok()?;
    read.then(|| record.iter().map(|name| String::from_utf8_lossy(name.trim_ascii()).into_owned()).collect())
}

/// The column of iterations.
pub(super) fn iteration_column(names: &[String]) -> Option<usize> {
    ITERATION.iter().find_map(|known| names.iter().position(|name| name.eq_ignore_ascii_case(known)))
}

/// What the cells of a column have in common.
#[derive(Clone, Copy, Default)]
struct Cells {
    /// The decimals of all cells so far, if they are the same.
    decimals: Option<Option<u32>>,
    text: bool,
}

/// Reads a log.
pub(super) fn read(bytes: &[u8]) -> Result<Run, Problem> {
    let mut run = Run { format: Format::Csv, ..Run::default() };
    let bytes = bytes.trim_ascii_start();
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let names = header(first).unwrap_or_default();
    let Some(iteration) = iteration_column(&names) else {
        return Err(Problem::NoIterations { columns: names.join(", ") });
    };
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(bytes);
    let (mut columns, mut cells) = (Columns::default(), vec![Cells::default(); names.len()]);
    let mut record = ByteRecord::new();
    loop {
        let line = reader.position().line();
        let bad =
            |column: usize, reason: &str| Problem::Line { line, column: column as u64, reason: reason.to_owned() };
        if !reader.read_byte_record(&mut record).map_err(|error| bad(1, &error.to_string()))? {
            break;
        }
        let cut = reader.is_done() && !bytes.ends_with(b"\n");
        let row = if record.len() == names.len() {
            row(&record, iteration, &names, &mut columns, &mut cells)
        } else {
            Err((1, "another number of cells than the header"))
        };
        match row {
            Ok(()) if cut => run.notes.push(Note::NoLineEnd { line }),
            Ok(()) => {}
            Err(_) if cut => run.notes.push(Note::CutLine { line }),
            Err((column, reason)) => return Err(bad(column, reason)),
        }
    }
    finish(&mut run, &names, columns, &cells);
    Ok(run)
}

fn row(
    record: &ByteRecord,
    iteration: usize,
    names: &[String],
    columns: &mut Columns,
    cells: &mut [Cells],
) -> Result<(), (usize, &'static str)> {
    let column = |index: usize| record.range(index).map_or(1, |range| range.start + index + 1);
    let whole =
        number(&record[iteration]).filter(|value| *value >= 0.0 && value.fract() == 0.0 && *value <= MOST as f64);
    columns.row(whole.ok_or((column(iteration), "the iteration is no whole number"))? as u64);
    for (index, cell) in record.iter().enumerate().filter(|(index, _)| *index != iteration) {
        let (cell, seen) = (cell.trim_ascii(), &mut cells[index]);
        if cell.is_empty() || seen.text {
            continue;
        }
        match number(cell) {
            Some(value) => {
                if value.is_finite() {
                    let decimals = decimals(cell);
                    seen.decimals =
                        Some(seen.decimals.map_or(decimals, |before| before.filter(|it| decimals == Some(*it))));
                }
                if !columns.value(names[index].as_bytes(), value, Resolution::Exact) {
                    return Err((column(index), "two columns of this name"));
                }
            }
            // A column of texts (a date) is one from its first cell on.
            None if seen.decimals.is_none() => seen.text = true,
            None => return Err((column(index), "no number")),
        }
    }
    Ok(())
}

/// The decimals that a cell is printed with; `None` with an exponent or without a point.
fn decimals(cell: &[u8]) -> Option<u32> {
    let point = cell.iter().position(|byte| *byte == b'.')?;
    let behind = &cell[point + 1..];
    behind.iter().all(u8::is_ascii_digit).then_some(behind.len() as u32)
}

fn number(cell: &[u8]) -> Option<f64> {
    std::str::from_utf8(cell.trim_ascii()).ok()?.parse().ok()
}

fn finish(run: &mut Run, names: &[String], mut columns: Columns, cells: &[Cells]) {
    let mut texts = Vec::new();
    for (name, seen) in names.iter().zip(cells) {
        if seen.text {
            texts.push(name.clone());
        }
        // The same number of decimals in each cell is a way of printing.
        if let Some(decimals) = seen.decimals.flatten().filter(|decimals| *decimals <= MOST_DECIMALS) {
            columns.resolve(name.as_bytes(), Resolution::Decimals(decimals));
        }
    }
    if !texts.is_empty() {
        run.notes.push(Note::NotNumbers { columns: texts });
    }
    columns.into_run(run);
}
