//! The part of Python's literals that occurs in the header of a `.npy` file.

use std::fmt;

/// The largest depth of nesting.
const DEEPEST: usize = 8;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// In quotes, without escapes.
    Str(String),
    /// A number that is not negative.
    Int(u64),
    /// `True` or `False`.
    Bool(bool),
    /// In parentheses.
    Tuple(Vec<Literal>),
    /// In brackets.
    List(Vec<Literal>),
    /// In braces; the keys are strings.
    Dict(Vec<(String, Literal)>),
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |items: &[Literal]| items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::Str(text) => write!(f, "'{text}'"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
            Self::Tuple(items) if items.len() == 1 => write!(f, "({},)", items[0]),
            Self::Tuple(items) => write!(f, "({})", join(items)),
            Self::List(items) => write!(f, "[{}]", join(items)),
            Self::Dict(pairs) => {
                let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("'{key}': {value}")).collect();
                write!(f, "{{{}}}", pairs.join(", "))
            }
        }
    }
}

/// Parses the only value of `text`; the error is a description of the problem.
pub fn parse(text: &str) -> Result<Literal, String> {
    let mut rest = Rest(text);
    let value = rest.value(0)?;
    match rest.next() {
        None => Ok(value),
        Some(other) => Err(format!("`{other}` stands behind its end")),
    }
}

/// The unread part of the text.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    /// The next character that is not a space, without consuming it.
    fn next(&mut self) -> Option<char> {
        self.0 = self.0.trim_ascii_start();
        self.0.chars().next()
    }

    /// Consumes a character if it is the next one; returns whether it was.
    fn take(&mut self, wanted: char) -> bool {
        let found = self.next() == Some(wanted);
        if found {
            self.0 = &self.0[wanted.len_utf8()..];
        }
        found
    }

    fn value(&mut self, depth: usize) -> Result<Literal, String> {
        if depth > DEEPEST {
            return Err("it is nested too deep".to_owned());
        }
        match self.next().ok_or("it ends too early")? {
            quote @ ('\'' | '"') => self.string(quote).map(Literal::Str),
            '0'..='9' => self.number(),
            '(' => self.items('(', ')', depth).map(Literal::Tuple),
            '[' => self.items('[', ']', depth).map(Literal::List),
            '{' => self.pairs(depth),
            other => self.word().ok_or_else(|| format!("`{other}` begins no value")),
        }
    }

    fn string(&mut self, quote: char) -> Result<String, String> {
        self.take(quote);
        let (text, rest) = self.0.split_once(quote).ok_or("a quote is left open")?;
        if text.contains('\\') {
            return Err("a string in it has escapes".to_owned());
        }
        self.0 = rest;
        Ok(text.to_owned())
    }

    fn number(&mut self) -> Result<Literal, String> {
        let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        // Python 2 marked its long integers.
        self.0 = rest.strip_prefix('L').unwrap_or(rest);
        digits.parse().map(Literal::Int).map_err(|_| format!("{digits} is too large"))
    }

    fn word(&mut self) -> Option<Literal> {
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.0.strip_prefix(word) {
                self.0 = rest;
                return Some(Literal::Bool(value));
            }
        }
        None
    }

    fn items(&mut self, open: char, close: char, depth: usize) -> Result<Vec<Literal>, String> {
        self.take(open);
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(self.value(depth + 1)?);
            if !self.take(',') && self.next() != Some(close) {
                return Err(format!("a `{close}` is missing"));
            }
        }
        Ok(items)
    }

    fn pairs(&mut self, depth: usize) -> Result<Literal, String> {
        self.take('{');
        let mut pairs = Vec::new();
        while !self.take('}') {
            let Literal::Str(key) = self.value(depth + 1)? else { return Err("a key is no string".to_owned()) };
            if !self.take(':') {
                return Err(format!("no `:` follows the key `{key}`"));
            }
            pairs.push((key, self.value(depth + 1)?));
            if !self.take(',') && self.next() != Some('}') {
                return Err("a `}` is missing".to_owned());
            }
        }
        Ok(Literal::Dict(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read() {
        for (text, shown) in [
            ("  { 'a' : (1 , ) , \"b\":[True,False] , }  \n", "{'a': (1,), 'b': [True, False]}"),
            ("(1, 2L)", "(1, 2)"),
            ("()", "()"),
            ("{}", "{}"),
            ("[('a', '<u4'), ('b', '<U0')]", "[('a', '<u4'), ('b', '<U0')]"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn anything_else_is_refused_and_never_a_panic() {
        for text in [
            "",
            "(",
            "{'a'",
            "{'a':",
            "{'a' 1}",
            "{1: 2}",
            "'a",
            "'a\\n'",
            "-1",
            "1 2",
            "None",
            "[1 2]",
            "é",
            "(1,,)",
            "99999999999999999999",
            "__import__('os')",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
