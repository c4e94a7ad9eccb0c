//! `worker`: a rank of those that the suite `reduce-op` starts. Not for people.

use dinov3_reports::exit;
use dinov3_suites::reduce_op;

use crate::cli::WorkerArgs;
use crate::failure::Result;

/// The arguments that make this program one, but for the last.
pub const ARGUMENTS: [&str; 1] = ["worker"];

/// Does this rank's part.
pub fn worker(args: &WorkerArgs) -> Result<i32> {
    reduce_op::work(&args.asked, &mut std::io::stdout())?;
    Ok(exit::PASS)
}
