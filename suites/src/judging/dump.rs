//! A dump of msprobe in the place of a candidate.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use dinov3_golden::{GoldenSet, SetJudgement};
use dinov3_msprobe::{Dump, DumpError, Task};
use dinov3_reports::message::Coverage;

use super::cases::{Case, Subject};
use super::{Judging, rules};
use crate::{Choice, SuiteError, sets};

/// The case of a dump, if the suite takes the set that it is held against; there is one such set. A dump does not say what pass it is of.
pub(super) fn case(
    suite: &dyn Judging,
    folder: &Path,
    golden: &[PathBuf],
    choice: &Rc<Choice>,
) -> Result<Option<Case>, SuiteError> {
    let [set] = &sets::folders(golden)?[..] else { return Err(SuiteError::DumpOfWhat(folder.to_owned())) };
    let golden = GoldenSet::open(set)?;
    if !suite.takes(golden.manifest()) {
        return Ok(None);
    }
    sets::sound("golden set", &golden)?;
    let dump = Dump::open(folder)?;
    if dump.task != Task::Tensor {
        return Err(SuiteError::DumpWithoutElements(folder.to_owned()));
    }
    let precision = dump.precision().ok_or_else(|| SuiteError::DumpOfWhat(folder.to_owned()))?;
    let manifest = golden.manifest();
    let file = manifest
        .precisions
        .get(precision)
        .ok_or_else(|| DumpError::NoPrecision { set: manifest.name.clone(), precision: precision.to_string() })?;
    let recorded = file.fingerprint.clone();
    let subject = Subject::Dump(Rc::new(dump));
    Ok(Some(Case { golden: Rc::new(golden), precision, recorded, subject, choice: Rc::clone(choice) }))
}

/// The judgement on a dump, and what there is to say of how much it can tell.
pub(super) fn judge(golden: &GoldenSet, dump: &Dump) -> Result<(SetJudgement, Coverage), SuiteError> {
    let judged = dinov3_msprobe::judge(dump, golden, rules::DINOV3)?;
    let told = Coverage::OfDump {
        set: golden.manifest().name.clone(),
        matched: judged.rows.len(),
        of: judged.rows.len() + judged.others,
        unseen: judged.absent.len(),
    };
    Ok((judged.judgement, told))
}
