//! Lists of words for sentences.

use std::fmt::Display;

/// Joins items with "and": `a`, `a and b`, `a, b and c`; the empty string for no items.
pub fn and(items: impl IntoIterator<Item = impl Display>) -> String {
    joined(items, "and")
}

/// Joins items with "or": `a`, `a or b`, `a, b or c`; the empty string for no items.
pub fn or(items: impl IntoIterator<Item = impl Display>) -> String {
    joined(items, "or")
}

fn joined(items: impl IntoIterator<Item = impl Display>, word: &str) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    match items.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} {word} {last}", rest.join(", ")),
        _ => items.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_item_follows_a_word_and_the_others_a_comma() {
        let items = ["a", "b", "c"];
        let lists: Vec<String> = (0..=3).map(|count| and(&items[..count])).collect();
        assert_eq!(lists, ["", "a", "a and b", "a, b and c"]);
        assert_eq!(or([1, 2, 3]), "1, 2 or 3");
    }
}
