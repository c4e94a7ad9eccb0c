//! Figures as they come, line by line, and the series that they become.

use crate::run::{Resolution, Run, Series};

/// The largest iteration: a larger one is a mistake, and no number that JSON's readers keep.
pub(super) const MOST: u64 = 1 << 53;

/// The figures of a log, in its order.
#[derive(Default)]
pub(super) struct Columns {
    rows: Vec<u64>,
    columns: Vec<Column>,
    /// Where the next name of a line is expected: the lines of a log have their names in one order.
    next: usize,
}

struct Column {
    name: Vec<u8>,
    rows: Vec<u32>,
    values: Vec<f64>,
    resolution: Resolution,
}

impl Columns {
    /// Begins a line.
    pub(super) fn row(&mut self, iteration: u64) {
        self.rows.push(iteration);
        self.next = 0;
    }

    /// The number of lines so far.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds a value to the line; `false` if the line has a value of this name.
    pub(super) fn value(&mut self, name: &[u8], value: f64, resolution: Resolution) -> bool {
        let index = match self.columns.get(self.next) {
            Some(column) if column.name == name => self.next,
            _ => self.columns.iter().position(|column| column.name == name).unwrap_or_else(|| {
                let name = name.to_vec();
                self.columns.push(Column { name, rows: Vec::new(), values: Vec::new(), resolution });
                self.columns.len() - 1
            }),
        };
        self.next = index + 1;
        let (column, row) = (&mut self.columns[index], self.rows.len() as u32);
        if column.rows.last() == Some(&row) {
            return false;
        }
        column.rows.push(row);
        column.values.push(value);
        column.resolution = column.resolution.coarser(resolution);
        true
    }

    /// Takes back the last line.
    pub(super) fn undo(&mut self) {
        let row = self.rows.len() as u32;
        for column in &mut self.columns {
            if column.rows.last() == Some(&row) {
                column.rows.pop();
                column.values.pop();
            }
        }
        self.rows.pop();
    }

    /// Keeps the lines for which `kept` says so.
    pub(super) fn retain(&mut self, kept: &[bool]) {
        // Where each line goes, counted from 1 as in the columns.
        let mut place = 0;
        let places: Vec<u32> = kept.iter().map(|kept| (place += u32::from(*kept), place).1).collect();
        for column in &mut self.columns {
            let stay = |row: &u32| kept[*row as usize - 1];
            let values = column.rows.iter().zip(&column.values).filter(|(row, _)| stay(row)).map(|(_, value)| *value);
            column.values = values.collect();
            column.rows.retain(stay);
            column.rows.iter_mut().for_each(|row| *row = places[*row as usize - 1]);
        }
        let mut kept = kept.iter();
        self.rows.retain(|_| kept.next().copied().unwrap_or_default());
    }

    /// The resolution of a column, once all its cells are known.
    pub(super) fn resolve(&mut self, name: &[u8], resolution: Resolution) {
        if let Some(column) = self.columns.iter_mut().find(|column| column.name == name) {
            column.resolution = resolution;
        }
    }

    /// The series of the columns, put into `run`.
    pub(super) fn into_run(self, run: &mut Run) {
        for column in self.columns.into_iter().filter(|column| !column.rows.is_empty()) {
            let iterations = column.rows.iter().map(|row| self.rows[*row as usize - 1]).collect();
            run.series.push(series(&column.name, iterations, column.values, column.resolution));
        }
        run.logged = self.rows;
    }
}

/// A series of values in the order of a log.
pub(super) fn series(name: &[u8], iterations: Vec<u64>, values: Vec<f64>, resolution: Resolution) -> Series {
    let rising = iterations.is_sorted_by(|a, b| a < b);
    let (iterations, values) = if rising { (iterations, values) } else { in_order(&iterations, &values) };
    let meter = crate::meters::canonical(&String::from_utf8_lossy(name)).to_owned();
    Series { meter, iterations, values, resolution }
}

/// Values in the order of their iterations; of several for one iteration, the last.
fn in_order(iterations: &[u64], values: &[f64]) -> (Vec<u64>, Vec<f64>) {
    let mut order: Vec<usize> = (0..iterations.len()).collect();
    order.sort_by_key(|index| iterations[*index]);
    let last_of = |at: &usize| order.get(at + 1).is_none_or(|next| iterations[*next] != iterations[order[*at]]);
    let kept = (0..order.len()).filter(last_of).map(|at| order[at]);
    kept.map(|index| (iterations[index], values[index])).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_lines_the_last_counts_and_the_order_of_the_log_is_kept() {
        let mut columns = Columns::default();
        for (row, iteration) in [0, 10, 20, 10, 20, 30].into_iter().enumerate() {
            columns.row(iteration);
            assert!(columns.value(b"lr", row as f64, Resolution::Exact));
        }
        assert!(!columns.value(b"lr", 7.0, Resolution::Exact), "a second value of one line");
        let mut run = Run::default();
        columns.into_run(&mut run);
        assert_eq!(run.logged, [0, 10, 20, 10, 20, 30]);
        assert_eq!(run.series[0].points().collect::<Vec<_>>(), [(0, 0.0), (10, 3.0), (20, 4.0), (30, 5.0)]);
    }

    #[test]
    fn a_column_may_be_absent_from_lines_and_a_line_may_be_taken_back() {
        let mut columns = Columns::default();
        columns.row(0);
        columns.value(b"lr", 1.0, Resolution::Exact);
        columns.row(10);
        columns.value(b"wd", 2.0, Resolution::Decimals(4));
        columns.value(b"lr", 3.0, Resolution::Exact);
        columns.row(20);
        columns.value(b"lr", 4.0, Resolution::Exact);
        columns.undo();
        let mut run = Run::default();
        columns.into_run(&mut run);
        assert_eq!(run.series[0].points().collect::<Vec<_>>(), [(0, 1.0), (10, 3.0)]);
        assert_eq!(run.series[1].points().collect::<Vec<_>>(), [(10, 2.0)]);
        assert_eq!(run.series[1].resolution, Resolution::Decimals(4));
    }
}
