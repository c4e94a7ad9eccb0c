//! NumPy's `.npy` files of one dimension: the header, read and written as NumPy does.
//!
//! Tables with the same bytes as the reference's need NumPy's exact header text, including its spaces, and no crate
//! writes it.

mod literal;

use std::fmt;

use literal::{Literal, parse};

/// The first bytes of every file.
const MAGIC: &[u8] = b"\x93NUMPY";
/// The elements begin at a multiple of this number of bytes.
const ALIGNMENT: usize = 64;
/// The number of digits for which NumPy leaves room in the length, so that a file can grow in place.
const LENGTH_DIGITS: usize = 21;
/// The largest accepted length of a header, as in NumPy.
const LONGEST: usize = 10_000;

/// The type of the elements, in NumPy's notation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Descr {
    /// One value per element, such as `<U9`.
    Plain(String),
    /// Named columns one after another, each with its type.
    Columns(Vec<(String, String)>),
}

impl fmt::Display for Descr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(dtype) => write!(f, "'{dtype}'"),
            Self::Columns(columns) => {
                let columns: Vec<_> = columns.iter().map(|(name, dtype)| format!("('{name}', '{dtype}')")).collect();
                write!(f, "[{}]", columns.join(", "))
            }
        }
    }
}

/// The header of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The type of the elements.
    pub descr: Descr,
    /// The number of elements.
    pub len: u64,
    /// The offset of the first element in bytes.
    pub offset: usize,
}

/// The reason why a header cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NpyError {
    /// The file is not a `.npy` file.
    #[error("it does not begin as a `.npy` file does")]
    Magic,
    /// The version is unknown.
    #[error("its `.npy` version is {0}.{1}; known are 1.0, 2.0 and 3.0")]
    Version(u8, u8),
    /// The file ends within its header.
    #[error("it ends within its header")]
    Cut,
    /// The header is not the expected dictionary.
    #[error("its header is damaged: {0}")]
    Header(String),
    /// The array does not have one dimension.
    #[error("it has the shape {0}, and one dimension is expected")]
    Shape(String),
}

/// The bytes before the elements, as `numpy.save` writes them for an array of `len` elements.
pub fn header(descr: &Descr, len: usize) -> Vec<u8> {
    let room = " ".repeat(LENGTH_DIGITS - len.to_string().len());
    let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': ({len},), }}{room}");
    // Magic, version, the length in two bytes; and the text's newline.
    let before = MAGIC.len() + 4 + text.len() + 1;
    let padding = ALIGNMENT - before % ALIGNMENT;
    let length = u16::try_from(text.len() + padding + 1).expect("types have short names");
    let mut bytes = [MAGIC, &[1, 0], &length.to_le_bytes(), text.as_bytes()].concat();
    bytes.resize(bytes.len() + padding, b' ');
    bytes.push(b'\n');
    bytes
}

/// Reads the header that `bytes` begin with.
///
/// # Errors
/// See [`NpyError`].
pub fn parse_header(bytes: &[u8]) -> Result<Header, NpyError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(NpyError::Magic)?;
    let (&[major, minor], rest) = rest.split_first_chunk().ok_or(NpyError::Cut)?;
    let (length, rest) = match (major, minor) {
        (1, 0) => rest.split_first_chunk().map(|(length, rest)| (u32::from(u16::from_le_bytes(*length)), rest)),
        (2 | 3, 0) => rest.split_first_chunk().map(|(length, rest)| (u32::from_le_bytes(*length), rest)),
        _ => return Err(NpyError::Version(major, minor)),
    }
    .ok_or(NpyError::Cut)?;
    let length = length as usize;
    if length > LONGEST {
        return Err(NpyError::Header(format!("it would have {length} bytes")));
    }
    let text = rest.get(..length).ok_or(NpyError::Cut)?;
    let text = std::str::from_utf8(text).map_err(|_| NpyError::Header("it is not text".to_owned()))?;
    let (descr, len) = fields(&parse(text).map_err(NpyError::Header)?)?;
    Ok(Header { descr, len, offset: bytes.len() - rest.len() + length })
}

/// Checks the three keys of the dictionary. `fortran_order` has no meaning in one dimension.
fn fields(header: &Literal) -> Result<(Descr, u64), NpyError> {
    let Literal::Dict(pairs) = header else { return Err(NpyError::Header("it is not a dictionary".to_owned())) };
    let value = |key: &str| {
        let found = pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value);
        found.ok_or_else(|| NpyError::Header(format!("it has no `{key}`")))
    };
    value("fortran_order")?;
    let len = match value("shape")? {
        Literal::Tuple(sides) => match sides[..] {
            [Literal::Int(len)] => len,
            _ => return Err(NpyError::Shape(value("shape")?.to_string())),
        },
        other => return Err(NpyError::Shape(other.to_string())),
    };
    Ok((descr(value("descr")?)?, len))
}

fn descr(value: &Literal) -> Result<Descr, NpyError> {
    let unknown = || NpyError::Header(format!("its type is {value}"));
    match value {
        Literal::Str(dtype) => Ok(Descr::Plain(dtype.clone())),
        Literal::List(columns) => {
            let column = |column: &Literal| match column {
                Literal::Tuple(parts) => match &parts[..] {
                    [Literal::Str(name), Literal::Str(dtype)] => Ok((name.clone(), dtype.clone())),
                    _ => Err(unknown()),
                },
                _ => Err(unknown()),
            };
            Ok(Descr::Columns(columns.iter().map(column).collect::<Result<_, _>>()?))
        }
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(dtype: &str) -> Descr {
        Descr::Plain(dtype.to_owned())
    }

    /// Recorded from `numpy.save` (NumPy 2.4.6).
    #[test]
    fn headers_are_numpys() {
        let text = "{'descr': '<U9', 'fortran_order': False, 'shape': (1000,), }";
        let expected = format!("\u{1}\0v\0{text:<117}\n");
        assert_eq!(header(&plain("<U9"), 1000), [b"\x93NUMPY", expected.as_bytes()].concat());
    }

    /// Recorded likewise: there is always some padding, and the number of digits changes nothing.
    #[test]
    fn headers_are_as_long_as_numpys() {
        for len in [1, 1_000_000] {
            let length = |name: usize| header(&Descr::Columns(vec![("a".repeat(name), "<u4".to_owned())]), len).len();
            assert_eq!([1, 31, 32, 95, 96].map(length), [128, 128, 192, 192, 256], "{len}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let columns = ["actual_index", "class_id"].map(|name| (name.to_owned(), "<u4".to_owned()));
        for descr in [plain("<U1"), plain("<U131072"), Descr::Columns(columns.to_vec())] {
            for len in [0, 7, 1_281_167, usize::MAX] {
                let bytes = header(&descr, len);
                assert_eq!(bytes.len() % ALIGNMENT, 0);
                let read = parse_header(&[&bytes[..], b"elements"].concat()).unwrap();
                assert_eq!(read, Header { descr: descr.clone(), len: len as u64, offset: bytes.len() });
            }
        }
    }

    fn with_text(version: u8, text: &str) -> Vec<u8> {
        let length = text.len() as u32;
        let length = if version == 1 { length.to_le_bytes()[..2].to_vec() } else { length.to_le_bytes().to_vec() };
        [MAGIC, &[version, 0], &length, text.as_bytes()].concat()
    }

    #[test]
    fn later_versions_are_read_too() {
        let text = "{'descr':[('a','<u4')],'fortran_order':True,'shape':(5,)}";
        for version in [1, 2, 3] {
            let header = parse_header(&with_text(version, text)).unwrap();
            assert_eq!((header.len, header.descr.to_string()), (5, "[('a', '<u4')]".to_owned()));
        }
    }

    #[test]
    fn what_is_no_header_is_said() {
        let whole = header(&plain("<U9"), 3);
        for end in 0..whole.len() {
            let error = parse_header(&whole[..end]).unwrap_err();
            assert_eq!(error, if end < 6 { NpyError::Magic } else { NpyError::Cut }, "{end}");
        }
        let of = |text: &str| parse_header(&with_text(2, text)).unwrap_err().to_string();
        let rest = "'fortran_order': False, ";
        insta::assert_snapshot!([
            parse_header(b"PK\x03\x04").unwrap_err().to_string(),
            parse_header(b"\x93NUMPY\x04\x00").unwrap_err().to_string(),
            of("{}"),
            of("[1]"),
            of("{'descr': "),
            of(&format!("{{'descr': '<U9', {rest}'shape': (2, 3)}}")),
            of(&format!("{{'descr': '<U9', {rest}'shape': ()}}")),
            of(&format!("{{'descr': ('<U9', (2,)), {rest}'shape': (2,)}}")),
            of(&format!("{{'descr': [('a', '<u4', (2,))], {rest}'shape': (2,)}}")),
            of(&" ".repeat(LONGEST + 1)),
        ].join("\n"), @"
        it does not begin as a `.npy` file does
        its `.npy` version is 4.0; known are 1.0, 2.0 and 3.0
        its header is damaged: it has no `fortran_order`
        its header is damaged: it is not a dictionary
        its header is damaged: it ends too early
        it has the shape (2, 3), and one dimension is expected
        it has the shape (), and one dimension is expected
        its header is damaged: its type is ('<U9', (2,))
        its header is damaged: its type is [('a', '<u4', (2,))]
        its header is damaged: it would have 10001 bytes
        ");
    }
}
