//! Did you mean …?

/// How alike two names must be (Jaro-Winkler, 1 for the same, without regard to case) before one is suggested for the other.
/// 0.75 suggests `gelu-tanh` for `gelu_tan` and no known name for a word of its own.
const ALIKE: f64 = 0.75;

/// How alike two names are: 1 for the same, 0 for names that share nothing. Case does not count.
pub fn likeness(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(&a.to_lowercase(), &b.to_lowercase())
}

/// The known name that is most like the given one, if any is like it at all; the first of several that are equally like it.
pub fn most_like<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    most_like_by(given, known, |name| name)
}

/// As [`most_like`], of items of which `name` gives the part that is compared.
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
