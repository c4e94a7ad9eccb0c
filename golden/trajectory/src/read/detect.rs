//! The format of a log, by its content.

use memchr::{memchr, memchr_iter, memmem};

use super::error::Problem;
use super::tensorboard::is_record;
use crate::run::Format;

/// So many bytes tell a text from a binary file.
const LOOKED_AT: usize = 8192;

/// The format of the content of a file.
pub(super) fn format(bytes: &[u8]) -> Result<Format, Problem> {
    if is_record(bytes) {
        return Ok(Format::TensorBoard);
    }
    let Some(first) = bytes.iter().position(|byte| !byte.is_ascii_whitespace()) else { return Err(Problem::Empty) };
    let head = &bytes[..bytes.len().min(LOOKED_AT)];
    if memchr(0, head).is_some() {
        return Err(Problem::Binary);
    }
    if bytes[first] == b'{' {
        return Ok(Format::JsonLines);
    }
    Ok(if is_table(&bytes[first..]) { Format::Csv } else { Format::Text })
}

/// Whether a text is a table: its first line names a column of iterations, or the first two lines have the same number
/// of commas. A text log has commas too.
fn is_table(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n');
    let line = lines.next().unwrap_or_default();
    let commas = |line: &[u8]| memchr_iter(b',', line).count();
    if commas(line) == 0 || memmem::find(line, b"Training  [").is_some() {
        return false;
    }
    let named = super::csv::header(line).is_some_and(|names| super::csv::iteration_column(&names).is_some());
    named || lines.next().is_some_and(|second| commas(second) == commas(line))
}
