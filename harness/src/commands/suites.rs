//! `suites`: what there is and what each proves.

use anyhow::Result;
use dinov3_reports::{Column, Table, exit};
use dinov3_suites::CATALOGUE;

/// Prints the catalogue.
pub fn suites() -> Result<i32> {
    let mut table = Table::new([Column::left("suite"), Column::left("group"), Column::left("proves, when it passes")]);
    for suite in CATALOGUE {
        table.push([suite.name, suite.group, suite.proves]);
    }
    super::print_table(&table)?;
    Ok(exit::PASS)
}
