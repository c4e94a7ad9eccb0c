//! `suites`: what there is and what each proves.

use dinov3_reports::{Column, Table, exit};
use dinov3_suites::SUITES;

use crate::failure::Result;

/// Prints all suites.
pub fn suites() -> Result<i32> {
    let mut table = Table::new([Column::left("suite"), Column::left("group"), Column::left("proves, when it passes")]);
    for info in SUITES.iter().map(|suite| suite.info()) {
        table.push([info.name, info.group, info.proves]);
    }
    super::print_table(&table)?;
    Ok(exit::PASS)
}
