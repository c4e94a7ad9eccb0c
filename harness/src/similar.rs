//! Did you mean …?

/// How alike two names must be (Jaro-Winkler, 1 for the same) before one is suggested for the other.
const ALIKE: f64 = 0.75;

/// The known name that is most like the one given, if any is like it at all.
pub fn most_like<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(given, name), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_understood_and_other_words_are_not() {
        let known = ["layers", "precision", "gelu-tanh"];
        for (given, meant) in [("layer", 0), ("Layers", 0), ("precison", 1), ("gelu_tanh", 2)] {
            assert_eq!(most_like(given, known), Some(known[meant]), "{given}");
        }
        for given in ["performance", "x", ""] {
            assert_eq!(most_like(given, known), None, "{given}");
        }
    }
}
