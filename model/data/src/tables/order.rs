//! Python's order of file names: by code point.
//!
//! For UTF-8 names this order equals the order of their bytes. In other names Python reads each invalid byte as U+DC00
//! plus the byte (PEP 383), which comes before the characters from U+E000 on instead of after all characters.

use std::cmp::Ordering;

/// Puts items in the order of their names.
pub fn sort<T>(items: &mut [T], name: impl Fn(&T) -> &[u8]) {
    // Checked once and not in every comparison: nearly all names are UTF-8.
    if items.iter().all(|item| std::str::from_utf8(name(item)).is_ok()) {
        items.sort_unstable_by(|a, b| name(a).cmp(name(b)));
    } else {
        items.sort_unstable_by(|a, b| compare(name(a), name(b)));
    }
}

fn compare(a: &[u8], b: &[u8]) -> Ordering {
    code_points(a).cmp(code_points(b))
}

/// The characters of a name in Python.
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
        sort(&mut names, |name| name);
        let expected: [&[u8]; 7] =
            [b"a", b"a\x80", "\u{d7ff}".as_bytes(), b"\xc3", b"\xff", "\u{e000}".as_bytes(), "\u{1f41f}".as_bytes()];
        assert_eq!(names, expected);
    }
}
