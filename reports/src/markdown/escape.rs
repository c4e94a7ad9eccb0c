//! Text of others inside markdown: shown as written, never taken for markup.

use std::fmt::Write;

/// A sentence of a report of schema 1. What stands between a pair of backticks stays code; everything else that markdown or HTML would
/// interpret inside a line is escaped. Line breaks stay.
pub(crate) fn text(raw: &str) -> String {
    // Odd parts lie between backticks, if the last one is closed.
    let parts: Vec<&str> = raw.split('`').collect();
    let closed = parts.len() % 2 == 1;
    let mut out = String::with_capacity(raw.len());
    for (index, part) in parts.iter().enumerate() {
        let last = index + 1 == parts.len();
        if index > 0 {
            out.push_str(if !closed && last { "\\`" } else { "`" });
        }
        if index % 2 == 1 && (closed || !last) {
            out.push_str(part);
        } else {
            escape(&mut out, part);
        }
    }
    out
}

/// Escapes what would be markup where it stands, and only there: `vit_small`, `[68, 64]` and `a < b` read far better raw.
fn escape(out: &mut String, raw: &str) {
    let mut previous = ' ';
    let mut characters = raw.chars().peekable();
    while let Some(character) = characters.next() {
        let next = characters.peek().copied().unwrap_or(' ');
        let markup = match character {
            '\\' | '~' => true,
            '*' => !(previous.is_whitespace() && next.is_whitespace()),
            '_' => !(previous.is_alphanumeric() && next.is_alphanumeric()),
            '<' => next.is_alphabetic() || "/!?".contains(next),
            ']' => next == '(',
            _ => false,
        };
        if markup {
            out.push('\\');
        }
        out.push(character);
        previous = character;
    }
}

/// Words of others, in which nothing is markup, backticks included.
pub(crate) fn plain(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    escape(&mut out, &raw.replace('`', "'"));
    out
}

/// A name as inline code.
pub(crate) fn code(raw: &str) -> String {
    match raw.contains('`') {
        true => format!("`` {raw} ``"),
        false => format!("`{raw}`"),
    }
}

/// Text inside an HTML element.
pub(crate) fn html(raw: &str) -> String {
    raw.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A relative link: everything that a URL may not hold is percent-encoded.
pub(crate) fn url(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for byte in raw.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_shown_as_text() {
        let cases = [
            ("plain, 3.2e-7 (68 x 64)", "plain, 3.2e-7 (68 x 64)"),
            ("vit_small of x_norm_clstoken", "vit_small of x_norm_clstoken"),
            ("_x_ a__b", "\\_x\\_ a\\_\\_b"),
            ("*x* <b> </b> C:\\d", "\\*x\\* \\<b> \\</b> C:\\\\d"),
            ("2 * 3 < 7 <- [68, 64]", "2 * 3 < 7 <- [68, 64]"),
            ("[a](b)", "[a\\](b)"),
            ("see `a_*b` and *c*", "see `a_*b` and \\*c\\*"),
            ("one ` alone *x*", "one \\` alone \\*x\\*"),
            ("`a` and ` *x*", "`a` and \\` \\*x\\*"),
        ];
        for (raw, expected) in cases {
            assert_eq!(text(raw), expected, "{raw}");
        }
    }

    #[test]
    fn names_and_links() {
        assert_eq!(code("a_b|c"), "`a_b|c`");
        assert_eq!(code("a`b"), "`` a`b ``");
        assert_eq!(html("a < b & c > d"), "a &lt; b &amp; c &gt; d");
        assert_eq!(url("my report_files/a-1.svg"), "my%20report_files/a-1.svg");
        assert_eq!(url("größe"), "gr%C3%B6%C3%9Fe");
    }
}
