//! Tables as comma-separated values (RFC 4180, LF at the end of a line).

use crate::{Column, Quantity, RunReport, Table};

/// The table, heading first. A row shorter than the heading is filled with empty fields.
///
/// # Errors
/// None that a table can cause; the writer's are passed on.
pub fn to_csv(table: &Table) -> Result<String, ::csv::Error> {
    let columns = table.rows.iter().map(Vec::len).chain([table.columns.len()]).max().unwrap_or(0);
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let head: Vec<&str> = table.columns.iter().map(|column| column.title.as_str()).collect();
    let rows = table.rows.iter().map(|row| row.iter().map(String::as_str).collect());
    for mut record in [head].into_iter().chain(rows) {
        record.resize(columns, "");
        writer.write_record(record)?;
    }
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    String::from_utf8(bytes).map_err(|error| std::io::Error::other(error).into())
}

/// One row a check of the whole run: what [`crate::write_report`] puts into a `.csv` file. Numbers have all their digits.
pub fn checks(report: &RunReport) -> Table {
    let names = ["suite", "id", "verdict", "reason", "figure", "unit", "limit", "limit_unit", "seconds", "summary"];
    let mut table = Table::new(names.map(Column::left));
    let parts = |quantity: &Option<Quantity>| match quantity {
        Some(Quantity { value, unit }) => (value.to_string(), unit.clone()),
        None => Default::default(),
    };
    for suite in &report.suites {
        for check in &suite.checks {
            let (figure, unit) = parts(&check.figure);
            let (limit, limit_unit) = parts(&check.limit);
            table.push([
                suite.suite.clone(),
                check.id.clone(),
                check.verdict.name().to_owned(),
                check.verdict.reason().unwrap_or_default().to_owned(),
                figure,
                unit,
                limit,
                limit_unit,
                check.seconds.to_string(),
                check.summary.clone(),
            ]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_checks_of_a_report() {
        insta::assert_snapshot!(to_csv(&checks(&fixture::report())).unwrap());
    }

    #[test]
    fn fields_are_quoted_and_rows_filled() {
        let mut table = Table::new([Column::left("a"), Column::right("b")]);
        table.push(["x, \"y\"\nz"]);
        assert_eq!(to_csv(&table).unwrap(), "a,b\n\"x, \"\"y\"\"\nz\",\n");
    }
}
