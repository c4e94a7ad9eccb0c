//! The format of a log, by its content.

use memchr::{memchr, memmem};

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
    let line = bytes[first..].split(|byte| *byte == b'\n').next().unwrap_or_default();
    let table = memchr(b',', line).is_some() && memmem::find(line, b"Training  [").is_none();
    let header = || super::csv::header(line).is_some_and(|names| super::csv::iteration_column(&names).is_some());
    Ok(if table && (header() || memmem::find(bytes, b"Training  [").is_none()) { Format::Csv } else { Format::Text })
}
