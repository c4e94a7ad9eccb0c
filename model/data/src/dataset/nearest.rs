//! Did you mean …?

/// How alike two names must be (Jaro-Winkler, 1 for the same) before one is suggested for the other.
const ALIKE: f64 = 0.75;

/// The known name that is most like the one given, if any is like it at all.
pub(crate) fn nearest(given: &str, known: &[&'static str]) -> Option<&'static str> {
    let likeness = known.iter().map(|name| (strsim::jaro_winkler(given, name), *name));
    likeness.filter(|(alike, _)| *alike >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}
