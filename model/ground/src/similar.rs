//! Suggestions for misspelt names.

/// The least similarity (Jaro-Winkler, ignoring case, 1 for equal names) at which a name is suggested. 0.75 suggests
/// `gelu-tanh` for `gelu_tan`, and suggests nothing for an unrelated word.
const ALIKE: f64 = 0.75;

/// The similarity of two names, ignoring case: 1 for equal names, 0 for names without anything in common.
pub fn likeness(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(&a.to_lowercase(), &b.to_lowercase())
}

/// The known name most similar to the given one, or `None` if no name is similar enough. The first of several equally
/// similar names wins.
pub fn most_like<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    most_like_by(given, known, |name| name)
}

/// As [`most_like`], for items of any type; `name` returns the name of an item.
pub fn most_like_by<T>(
    given: &str,
    known: impl IntoIterator<Item = T>,
    name: impl for<'b> Fn(&'b T) -> &'b str,
) -> Option<T> {
    let known = known.into_iter().map(|item| (likeness(given, name(&item)), item));
    let alike = known.filter(|(likeness, _)| *likeness >= ALIKE);
    alike.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, item)| item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_understood_and_other_words_are_not() {
        let known = ["layers", "precision", "gelu-tanh"];
        for (given, meant) in [("layer", 0), ("LAYERS", 0), ("precison", 1), ("gelu_tanh", 2)] {
            assert_eq!(most_like(given, known), Some(known[meant]), "{given}");
        }
        for given in ["performance", "x", ""] {
            assert_eq!(most_like(given, known), None, "{given}");
        }
    }

    #[test]
    fn the_first_of_equals_is_meant() {
        let rows = [(1, "warmup"), (2, "Warmup"), (3, "cosine")];
        assert_eq!(most_like_by("warm_up", rows, |row| row.1), Some((1, "warmup")));
    }
}
