//! A candidate of other code than the golden set: patched, or compiled.

use dinov3_golden::{Circumstance, Difference, Expectation, Fingerprint, GoldenSet};
use serde_json::Value;

/// The key of a recorder's table that says how it ran the code.
const MODE: &str = "mode";

fn is_compiled(set: &GoldenSet) -> bool {
    set.manifest().recorder.software.get(MODE).and_then(Value::as_str) == Some("compiled")
}

/// What is expected of a candidate: the recording's bits where machine and code are the recording's, and rounding elsewhere. A fused operation
/// rounds otherwise.
pub(super) fn expectation(recorded: &Fingerprint, candidate: &GoldenSet, theirs: &Fingerprint) -> Expectation {
    let mut differences = recorded.differences(theirs);
    let patched = candidate.manifest().checkout.as_ref().is_some_and(|checkout| !checkout.clean);
    let differs = |field, recorded: &str, here: &str| Difference {
        field,
        recorded: Some(recorded.to_owned()),
        here: Some(here.to_owned()),
    };
    differences.extend(patched.then(|| differs(Circumstance::Code, "the reference", "a patched checkout")));
    differences.extend(is_compiled(candidate).then(|| differs(Circumstance::Mode, "eager", "compiled")));
    if differences.is_empty() { Expectation::Identical } else { Expectation::Yardstick { differences } }
}
