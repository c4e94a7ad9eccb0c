//! `worker`: a rank that the suite `reduce-op` starts. It is not for people.

use dinov3_reports::exit;
use dinov3_suites::reduce_op;

use crate::cli::WorkerArgs;
use crate::failure::Result;

/// The arguments that make this program a worker, except the last.
pub const ARGUMENTS: [&str; 1] = ["worker"];

/// Does the part of this rank.
pub fn worker(args: &WorkerArgs) -> Result<i32> {
    reduce_op::work(&args.asked, &mut std::io::stdout())?;
    Ok(exit::PASS)
}
