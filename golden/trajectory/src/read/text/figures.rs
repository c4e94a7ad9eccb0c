//! The figures of one line: `Training  [  990/125000]  eta: …  lr: 0.0001 (0.0001)  …  time: 1.3  data: 0.1`.

use memchr::memmem;

use crate::read::columns::{Columns, MOST};
use crate::run::Resolution;

/// The front of a line.
pub(super) struct Header {
    pub(super) iteration: u64,
    pub(super) horizon: u64,
    /// Where the fields begin.
    pub(super) end: usize,
}

const FRONT: usize = b"Training  [".len();

/// The longest name of a meter. A longer one is a line that another line has run into.
const LONGEST_NAME: usize = 64;

/// The front of a line, or the place where it is wrong.
pub(super) fn header(line: &[u8]) -> Result<Header, usize> {
    let close = line.iter().position(|byte| *byte == b']').ok_or(line.len())?;
    let slash = line[..close].iter().position(|byte| *byte == b'/').ok_or(close)?;
    let number = |from: usize, to: usize| {
        let digits = line.get(from..to).map(<[u8]>::trim_ascii).filter(|digits| digits.iter().all(u8::is_ascii_digit));
        let number = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        number.filter(|number| *number <= MOST).ok_or(from)
    };
    Ok(Header { iteration: number(FRONT, slash)?, horizon: number(slash + 1, close)?, end: close + 1 })
}

/// The fields of a line, put into `columns`. The line is whole when it has the field `data`, the last one on a CPU.
///
/// # Errors
/// The place where the line is wrong.
pub(super) fn meters(line: &[u8], begin: usize, columns: &mut Columns) -> Result<(), usize> {
    let (mut at, mut whole) = (begin, false);
    while at < line.len() {
        let rest = &line[at..];
        if rest.starts_with(b"  ") {
            at += 2;
            continue;
        }
        let end = memmem::find(rest, b"  ").unwrap_or(rest.len());
        let field = &rest[..end];
        let colon = memmem::find(field, b": ").ok_or(at)?;
        let (name, value) = (&field[..colon], &field[colon + 2..]);
        if name.len() > LONGEST_NAME {
            return Err(at);
        }
        match name {
            b"eta" | b"time" | b"mem" | b"(max mem" => {}
            // What stands before the times is whole; they may be anything.
            b"data" => whole = true,
            _ if whole => return Err(at),
            _ => {
                let (median, decimals) = median(value).ok_or(at + colon + 2)?;
                let resolution = decimals.map_or(Resolution::Exact, Resolution::Decimals);
                if !columns.value(name, median, resolution) {
                    return Err(at);
                }
            }
        }
        at += end;
    }
    if whole { Ok(()) } else { Err(line.len()) }
}

/// The median in front of the mean in parentheses, and its decimals; NaN and infinity have none.
fn median(value: &[u8]) -> Option<(f64, Option<u32>)> {
    let space = memmem::find(value, b" (")?;
    let mean = value[space + 2..].strip_suffix(b")")?;
    number(mean)?;
    let word = &value[..space];
    let point = word.iter().position(|byte| *byte == b'.');
    // A value without a point is a whole number, or NaN; it is as exact as the others of its column.
    Some((number(word)?, point.map(|point| (word.len() - point - 1) as u32)))
}

/// A number as Python prints it with `.4f`: digits, a point, `nan`, `inf`.
fn number(word: &[u8]) -> Option<f64> {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    match digits {
        b"nan" => Some(f64::NAN),
        b"inf" => Some(if digits.len() < word.len() { f64::NEG_INFINITY } else { f64::INFINITY }),
        [b'0'..=b'9', ..] => std::str::from_utf8(word).ok()?.parse().ok(),
        _ => None,
    }
}
