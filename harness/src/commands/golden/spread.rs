//! `golden spread`: how far correct runs are from a recorded one.

use dinov3_reports::exit;
use dinov3_suites::trajectory;

use crate::cli::SpreadArgs;
use crate::commands::print;
use crate::failure::Result;

/// Measures a spread, and writes it beside the recorded run.
pub fn spread(args: SpreadArgs) -> Result<i32> {
    let file = trajectory::measure_spread(&args.trajectory, args.precision.name(), &args.logs, args.add)?;
    print(&format!("written  {}\n", file.display()))?;
    Ok(exit::PASS)
}
