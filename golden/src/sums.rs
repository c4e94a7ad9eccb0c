//! `SHA256SUMS`: the hash of every other file in a set, as `sha256sum -c` reads it.

use std::collections::BTreeMap;

/// File name within a set.
pub const SUMS: &str = "SHA256SUMS";

/// A `SHA256SUMS` that violates its format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct SumsError {
    /// Counted from 1.
    pub line: usize,
    /// The problem of the line.
    pub problem: &'static str,
}

/// Hashes in lower-case hex by file name.
///
/// Strict, so that no byte of the file can change unnoticed: `<64 lower-case hex>  <name>\n` a line, sorted by name.
///
/// # Errors
/// The first line that violates this format.
pub fn parse(text: &[u8]) -> Result<BTreeMap<String, String>, SumsError> {
    let mut sums: BTreeMap<String, String> = BTreeMap::new();
    let mut rest = text;
    let mut line = 0;
    while !rest.is_empty() {
        line += 1;
        let fail = |problem| SumsError { line, problem };
        let end = rest.iter().position(|&byte| byte == b'\n').ok_or(fail("does not end in a newline"))?;
        let text = std::str::from_utf8(&rest[..end]).map_err(|_| fail("is not UTF-8"))?;
        rest = &rest[end + 1..];
        let (hash, name) = text.split_at_checked(64).ok_or(fail("is shorter than a hash"))?;
        if !is_hash(hash) {
            return Err(fail("does not begin with 64 lower-case hexadecimal digits"));
        }
        let name = name.strip_prefix("  ").ok_or(fail("has no two spaces after the hash"))?;
        if name == SUMS || !is_file_name(name) {
            return Err(fail("does not name a file of the set"));
        }
        if sums.last_key_value().is_some_and(|(last, _)| last.as_str() >= name) {
            return Err(fail("is not sorted by file name"));
        }
        sums.insert(name.to_owned(), hash.to_owned());
    }
    Ok(sums)
}

/// The file's text for these hashes.
pub fn format(sums: &BTreeMap<String, String>) -> String {
    sums.iter().map(|(name, hash)| format!("{hash}  {name}\n")).collect()
}

/// Whether `text` is a SHA-256 in lower-case hex.
pub(crate) fn is_hash(text: &str) -> bool {
    is_hex(text, 64)
}

/// Whether `text` is `length` lower-case hexadecimal digits.
pub(crate) fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether `name` stays within its folder.
pub(crate) fn is_file_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\']) && !name.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn round_trip() {
        let sums = BTreeMap::from([("a".into(), HASH.into()), ("b.safetensors".into(), HASH.into())]);
        assert_eq!(parse(format(&sums).as_bytes()), Ok(sums));
        assert_eq!(parse(b""), Ok(BTreeMap::new()));
    }

    #[test]
    fn anything_else_is_refused() {
        let problem = |text: &str| parse(text.as_bytes()).unwrap_err().to_string();
        insta::assert_snapshot!(
            [
                format!("{HASH}  a"),
                "abc\n".to_owned(),
                format!("{}  a\n", HASH.to_uppercase()),
                format!("{HASH} *a\n"),
                format!("{HASH}  ../a\n"),
                format!("{HASH}  SHA256SUMS\n"),
                format!("{HASH}  a\r\n"),
                format!("{HASH}  b\n{HASH}  a\n"),
                format!("{HASH}  a\n{HASH}  a\n"),
                format!("{HASH}  a\n\n"),
            ]
            .map(|text| problem(&text))
            .join("\n")
        );
    }
}
