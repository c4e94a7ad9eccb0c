//! The grammar of a text with interpolations.

/// A piece of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Reference(Reference),
}

/// `${..a.b}`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// Number of leading dots: 0 for a path from the root, 1 for the container that holds the text, 2 for its parent.
    pub dots: usize,
    pub names: Vec<Name>,
}

/// A name of the path: a sequence of texts and references.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name(pub Vec<Piece>);

/// The reason why a text cannot be split into pieces.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Syntax,
    /// The text holds a resolver, `${name:…}`.
    Resolver(String),
}

/// The largest depth of nested names and marks.
const MAX_DEPTH: usize = 20;

/// Splits a text into its pieces; neighbouring texts become one piece.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, Wrong> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let before = &rest[..at];
        let unslashed = before.trim_end_matches('\\');
        let slashes = before.len() - unslashed.len();
        plain.push_str(unslashed);
        plain.push_str(&"\\".repeat(slashes / 2));
        rest = &rest[at + 2..];
        if slashes % 2 == 1 {
            plain.push_str("${");
            continue;
        }
        let (reference, after) = reference(rest, 0)?;
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Reference(reference));
        rest = after;
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

/// Reads a reference after its `${`, up to and including its closing brace; returns the rest of the text.
fn reference(text: &str, depth: usize) -> Result<(Reference, &str), Wrong> {
    if depth == MAX_DEPTH {
        return Err(Wrong::Syntax);
    }
    let inner = text.trim_start_matches([' ', '\t']);
    let path = inner.trim_start_matches('.');
    let dots = inner.len() - path.len();
    let (first, mut rest) = match path.strip_prefix('[') {
        Some(bracket) => bracketed(bracket, depth)?,
        None => name(path, depth)?,
    };
    let mut names = vec![first];
    loop {
        let ahead = rest.trim_start_matches([' ', '\t']);
        if let Some(after) = ahead.strip_prefix('}') {
            return Ok((Reference { dots, names }, after));
        }
        if ahead.starts_with(':') {
            let whole = &inner[..inner.len() - rest.len()];
            return Err(Wrong::Resolver(whole.to_owned()));
        }
        let (next, after) = if let Some(bracket) = rest.strip_prefix('[') {
            bracketed(bracket, depth)?
        } else if let Some(dotted) = rest.strip_prefix('.') {
            name(dotted, depth)?
        } else {
            return Err(Wrong::Syntax);
        };
        names.push(next);
        rest = after;
    }
}

fn bracketed(text: &str, depth: usize) -> Result<(Name, &str), Wrong> {
    let (name, rest) = name(text, depth)?;
    Ok((name, rest.strip_prefix(']').ok_or(Wrong::Syntax)?))
}

fn name(text: &str, depth: usize) -> Result<(Name, &str), Wrong> {
    if let Some(inner) = text.strip_prefix("${") {
        let (inner, rest) = reference(inner, depth + 1)?;
        return Ok((Name(vec![Piece::Reference(inner)]), rest));
    }
    let ends = |char: char| "\\{}()[]:. \t'\"".contains(char);
    let (name, rest) = text.split_at(text.find(ends).unwrap_or(text.len()));
    if name.is_empty() {
        return Err(Wrong::Syntax);
    }
    Ok((Name(vec![Piece::Text(name.to_owned())]), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Piece {
        Piece::Text(text.to_owned())
    }

    fn to(dots: usize, names: &[&str]) -> Piece {
        let names = names.iter().map(|name| Name(vec![plain(name)])).collect();
        Piece::Reference(Reference { dots, names })
    }

    #[test]
    fn texts_split_into_pieces() {
        for (text, expected) in [
            ("${a}", vec![to(0, &["a"])]),
            ("${ a.b }", vec![to(0, &["a", "b"])]),
            ("${..a[0]}", vec![to(2, &["a", "0"])]),
            ("${[a].b-c}", vec![to(0, &["a", "b-c"])]),
            ("x${a}y}", vec![plain("x"), to(0, &["a"]), plain("y}")]),
            (r"\${a}", vec![plain("${a}")]),
            (r"\\${a}", vec![plain(r"\"), to(0, &["a"])]),
            (r"\\\${a}", vec![plain(r"\${a}")]),
            (r"x\y${a}\", vec![plain(r"x\y"), to(0, &["a"]), plain(r"\")]),
            ("$${a}", vec![plain("$"), to(0, &["a"])]),
            ("no", vec![plain("no")]),
        ] {
            assert_eq!(pieces(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in
            ["${", "${}", "${.}", "${a.}", "${a..b}", "${a b}", "${a . b}", "${a[ b ]}", "${'a'}", "${a", "${a[b}"]
        {
            assert_eq!(pieces(text), Err(Wrong::Syntax), "{text}");
        }
        for (text, name) in [("${oc.env:HOME}", "oc.env"), ("${f:}", "f"), ("${b:1}}", "b")] {
            assert_eq!(pieces(text), Err(Wrong::Resolver(name.to_owned())), "{text}");
        }
        assert_eq!(pieces(&"${".repeat(100_000)), Err(Wrong::Syntax));
    }
}
