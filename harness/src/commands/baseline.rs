//! `baseline accept`: makes a run the one that others are held against.

use dinov3_compare::gate::Baseline;
use dinov3_reports::exit;

use crate::cli::{AcceptArgs, BaselineCommand};
use crate::failure::Result;

/// Accepts a run.
pub fn baseline(command: BaselineCommand) -> Result<i32> {
    let BaselineCommand::Accept(AcceptArgs { run, because, again, to }) = command;
    let accepted = Baseline::accept(&to, &run, &because, again)?.accepted.len();
    super::print(&format!("run {accepted} of the baseline {}: {because}\n", to.display()))?;
    Ok(exit::PASS)
}
