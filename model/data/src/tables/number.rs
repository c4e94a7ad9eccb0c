//! The number of an image, from the end of its file name.

/// The number in the name of an image file: the text between its last `_` and its last dot, read as Python's `int`
/// does, except for digits of other scripts.
///
/// # Errors
/// The problem, as a continuation of "the name of FILE".
pub fn actual_index(file_name: &[u8]) -> Result<u32, &'static str> {
    let stem = stem(file_name);
    let last = stem.rsplit(|byte| *byte == b'_').next().unwrap_or(stem);
    // The usual case: a few digits.
    if !last.is_empty() && last.len() < 10 && last.iter().all(u8::is_ascii_digit) {
        return Ok(last.iter().fold(0, |number, digit| 10 * number + u32::from(digit - b'0')));
    }
    number(last)
}

/// The name without its extension. Python does not count leading dots as the start of an extension, but a name that
/// needs this rule holds no number.
fn stem(name: &[u8]) -> &[u8] {
    name.iter().rposition(|byte| *byte == b'.').map_or(name, |dot| &name[..dot])
}

fn number(text: &[u8]) -> Result<u32, &'static str> {
    const NO_NUMBER: &str = "ends in no number";
    let text = std::str::from_utf8(text).map_err(|_| NO_NUMBER)?;
    let text = text.trim_matches(|c| is_space(c, text.is_ascii()));
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.chars().any(|c| c.is_numeric() && !c.is_ascii_digit()) {
        return Err("ends in digits of another script than 0 to 9");
    }
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NO_NUMBER);
    }
    let significant = digits.trim_start_matches('0');
    match (negative && !significant.is_empty(), significant.is_empty()) {
        (true, _) => Err("ends in a negative number"),
        (false, true) => Ok(0),
        (false, false) => significant.parse().map_err(|_| "ends in a number above 4294967295"),
    }
}

/// The ASCII characters that Python's `int` skips around a number. It skips more in text beyond ASCII.
fn is_space(c: char, ascii: bool) -> bool {
    matches!(c, ' ' | '\t'..='\r') || !ascii && (c.is_whitespace() || ('\x1c'..='\x1f').contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `cases.json` holds the reference's results for whole trees of such names.
    #[test]
    fn numbers_are_pythons() {
        for (name, number) in [
            ("n01440764_10026.JPEG", 10026),
            ("ILSVRC2012_val_00000293.JPEG", 293),
            ("7.JPEG", 7),
            ("a__8.tar_9.JPEG", 9),
            ("._7.jpg", 7),
            ("a_000000000000012.JPEG", 12),
            ("a_4294967295.JPEG", u32::MAX),
            ("a_999999999.JPEG", 999_999_999),
            ("a_+7 .JPEG", 7),
            ("a_-0.JPEG", 0),
            ("a_\u{3000}\x1c14\u{a0}.JPEG", 14),
        ] {
            assert_eq!(actual_index(name.as_bytes()), Ok(number), "{name}");
        }
    }

    #[test]
    fn other_names_are_refused() {
        let refused = |name: &[u8]| actual_index(name).unwrap_err();
        for name in
            ["a.JPEG", "a_.JPEG", "a_1.5.JPEG", "a_0x1F.JPEG", "a_+-1.JPEG", "a_1 2.JPEG", "a_\x1c1.JPEG", ".jpg"]
        {
            assert_eq!(refused(name.as_bytes()), "ends in no number", "{name}");
        }
        assert_eq!(refused(b"a_\xff1.JPEG"), "ends in no number");
        assert_eq!(refused(b"a_4294967296.JPEG"), "ends in a number above 4294967295");
        assert_eq!(
            refused(&[b"a_", "9".repeat(200).as_bytes(), b".JPEG"].concat()),
            "ends in a number above 4294967295"
        );
        assert_eq!(refused(b"a_-5.JPEG"), "ends in a negative number");
        assert_eq!(refused("a_\u{661}.JPEG".as_bytes()), "ends in digits of another script than 0 to 9");
    }
}
