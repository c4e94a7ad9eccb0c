//! Patterns of names: `*` stands for any text, and everything else for itself.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// A pattern such as `student.*.attn.apply_rope:*`. Every text is one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern(String);

impl Pattern {
    /// The pattern that `text` is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether the whole of `text` fits.
    pub fn matches(&self, text: &str) -> bool {
        self.captures(text).is_some()
    }

    /// The texts that the stars stand for, from left to right; `None` if `text` does not fit. A star stands for as little as it can, the last
    /// one for the rest.
    pub fn captures<'t>(&self, text: &'t str) -> Option<Vec<&'t str>> {
        let mut parts = self.0.split('*');
        let mut rest = text.strip_prefix(parts.next().unwrap_or_default())?;
        let mut parts: Vec<&str> = parts.collect();
        let Some(last) = parts.pop() else { return rest.is_empty().then(Vec::new) };
        let mut found = Vec::new();
        for part in parts {
            let (captured, behind) = rest.split_once(part)?;
            found.push(captured);
            rest = behind;
        }
        found.push(rest.strip_suffix(last)?);
        Some(found)
    }

    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many stars there are.
    pub fn stars(&self) -> usize {
        self.0.matches('*').count()
    }

    /// The pattern with its stars replaced, from left to right.
    pub fn filled(&self, texts: &[&str]) -> String {
        let mut texts = texts.iter().copied();
        let mut parts = self.0.split('*');
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            filled.push_str(texts.next().unwrap_or_default());
            filled.push_str(part);
        }
        filled
    }
}

impl FromStr for Pattern {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::new(text))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_all_else_itself() {
        let captures = |pattern: &str, text: &'static str| Pattern::new(pattern).captures(text);
        assert_eq!(captures("a.b", "a.b"), Some(vec![]));
        assert_eq!(captures("a.b", "axb"), None);
        assert_eq!(captures("*", "a.b"), Some(vec!["a.b"]));
        assert_eq!(captures("*", ""), Some(vec![""]));
        assert_eq!(captures("a*", "abc"), Some(vec!["bc"]));
        assert_eq!(captures("*c", "abc"), Some(vec!["ab"]));
        assert_eq!(captures("*.attn.*:*", "s.0.attn.rope:1"), Some(vec!["s.0", "rope", "1"]));
        assert_eq!(captures("a*b*c", "ac"), None);
        assert_eq!(captures("ab*ba", "aba"), None, "the ends do not overlap");
        assert_eq!(captures("*x*", "abc"), None);
        assert_eq!(captures("**", "abc"), Some(vec!["", "abc"]));
        assert_eq!(captures("", ""), Some(vec![]));
        assert_eq!(captures("", "a"), None);
    }

    #[test]
    fn stars_are_filled_in_their_order() {
        let to = Pattern::new("student.*.attn.qkv*");
        assert_eq!(to.filled(&["backbone.blocks.0", ".weight"]), "student.backbone.blocks.0.attn.qkv.weight");
        assert_eq!((to.stars(), Pattern::new("plain").filled(&[])), (2, "plain".to_owned()));
    }
}
