//! `suites`: lists the suites and what each proves.

use dinov3_reports::{TextColumn, TextTable, exit};
use dinov3_suites::SUITES;

use crate::failure::Result;

/// Prints all suites.
pub fn suites() -> Result<i32> {
    let mut table = TextTable::new(["suite", "group", "proves, when it passes"].map(TextColumn::left));
    for info in SUITES.iter().map(|suite| suite.info()) {
        table.push([info.name, info.group, info.proves.en]);
    }
    super::print_table(&table)?;
    Ok(exit::PASS)
}
