//! A judged dump in words.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::dump::Task;
use crate::judging::{Judged, Row, Told};

/// The most tensors that are named.
const SHOWN: usize = 5;

/// What there is to say of a judged dump: how much matched, the verdict, what the dump cannot tell, and what it has not.
pub fn report(judged: &Judged<'_>, set: &str) -> String {
    let mut out = String::new();
    let word = if judged.passes() { "PASS" } else { "FAIL" };
    let _ = writeln!(out, "{word}  {set}/{}: {}", judged.precision, counts(judged));
    for row in judged.rows.iter().filter(|row| row.told.passes() == Some(false)).take(SHOWN) {
        let _ = writeln!(out, "      {}: {}", row.name, why(row));
    }
    if let (Some(_), Some(last)) = (judged.first_wrong(), judged.last_agreeing()) {
        let _ = writeln!(out, "      {} still agrees; look at what is computed between the two", last.name);
    }
    let _ = writeln!(out, "{}", claim(judged.task));
    let matched = judged.rows.len();
    let _ = writeln!(out, "{matched} of {} tensors of the dump are in the golden set", matched + judged.others);
    let mut reasons: BTreeMap<_, usize> = BTreeMap::new();
    judged.absent.iter().for_each(|(_, reason)| *reasons.entry(*reason).or_default() += 1);
    for (reason, count) in reasons {
        let _ = writeln!(out, "{count} tensors of the golden set were not seen: {}", reason.text());
    }
    out
}

/// What a dump of this kind entitles to.
fn claim(task: Task) -> &'static str {
    match task {
        Task::Tensor => "the dump has elements: each tensor was held against the float64 truth",
        Task::Statistics => {
            "the dump has statistics alone: what agrees may still be other bits, and what is wrong in few elements does not \
             show; dump the task `tensor` to see"
        }
        Task::Md5 => {
            "the dump has checksums alone: other bits may be rounding or a defect, and it cannot tell which; dump the task \
             `tensor` to see"
        }
    }
}

fn counts(judged: &Judged<'_>) -> String {
    let count = |is: fn(&Told) -> bool| judged.rows.iter().filter(|row| is(&row.told)).count();
    let wrong = judged.rows.iter().filter(|row| row.told.passes() == Some(false)).count();
    let silent = judged.rows.iter().filter(|row| row.told.passes().is_none()).count();
    let agree = match judged.task {
        Task::Tensor => {
            let identical = count(|told| matches!(told, Told::Elements(judgement) if judgement.identical));
            format!("{identical} identical, {} within rounding", judged.rows.len() - identical - wrong - silent)
        }
        Task::Statistics => format!("statistics of {} agree", judged.rows.len() - wrong - silent),
        Task::Md5 => format!("{} with the same CRC-32", count(|told| matches!(told, Told::SameBits))),
    };
    let silent = if silent == 0 { String::new() } else { format!(", {silent} without anything to judge") };
    format!("{} tensors, {agree}, {wrong} wrong{silent}", judged.rows.len())
}

fn why(row: &Row<'_>) -> String {
    match &row.told {
        Told::Elements(judgement) | Told::Statistics(judgement) => {
            let limits = judgement.checks.iter().filter(|check| !check.passes());
            let limits: Vec<_> =
                limits.map(|it| format!("{}: error {:.2e}, limit {:.2e}", it.metric, it.error, it.limit)).collect();
            if limits.is_empty() { format!("{:?}", judgement.outcome) } else { limits.join("; ") }
        }
        _ => "another CRC-32".to_owned(),
    }
}
