//! `golden msprobe`: a dump of msprobe, held against a set.

use dinov3_ground::atomic::write_file;
use dinov3_msprobe::{Dump, csv, judge as judged_by, report};
use dinov3_reports::exit;
use dinov3_suites::judging::rules::DINOV3;
use dinov3_suites::sets;

use crate::cli::MsprobeArgs;
use crate::destination;
use crate::failure::Result;

/// Judges the dump, prints what there is to say, and writes the table that is asked for.
pub fn judge(args: MsprobeArgs) -> Result<i32> {
    if let Some(path) = &args.report {
        destination::check_file(path)?;
    }
    let dump = Dump::open(&args.dump)?;
    let set = super::find(&args.set, args.golden.golden)?;
    sets::sound("golden set", &set)?;
    let judged = judged_by(&dump, &set, DINOV3)?;
    if let Some(path) = &args.report {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        write_file(path, |out| csv(&judged, out))?;
    }
    crate::commands::print(&report(&judged, &set.manifest().name))?;
    Ok(if judged.passes() { exit::PASS } else { exit::CHECK_FAILED })
}
