//! Python's order of file names: by code point.
//!
//! That is the order of their bytes, but for names that are no UTF-8: Python reads each byte that belongs to no character
//! as U+DC00 plus the byte (PEP 383), which stands before the characters from U+E000 on and not behind all.

use std::cmp::Ordering;

/// How Python orders two names.
pub fn compare(a: &[u8], b: &[u8]) -> Ordering {
    match (std::str::from_utf8(a), std::str::from_utf8(b)) {
        (Ok(a), Ok(b)) => a.cmp(b),
        _ => code_points(a).cmp(code_points(b)),
    }
}

/// The characters of a name as Python has them.
fn code_points(name: &[u8]) -> impl Iterator<Item = u32> + '_ {
    name.utf8_chunks().flat_map(|chunk| {
        let stray = chunk.invalid().iter().map(|byte| 0xDC00 + u32::from(*byte));
        chunk.valid().chars().map(u32::from).chain(stray)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_character_stand_among_the_surrogates() {
        let mut names: [&[u8]; 7] =
            [b"\xff", "\u{1f41f}".as_bytes(), "\u{e000}".as_bytes(), b"a", b"\xc3", "\u{d7ff}".as_bytes(), b"a\x80"];
        names.sort_by(|a, b| compare(a, b));
        let expected: [&[u8]; 7] =
            [b"a", b"a\x80", "\u{d7ff}".as_bytes(), b"\xc3", b"\xff", "\u{e000}".as_bytes(), "\u{1f41f}".as_bytes()];
        assert_eq!(names, expected);
    }
}
