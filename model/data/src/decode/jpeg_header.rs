//! A JPEG file's header, parsed as Pillow parses it before it passes the file to libjpeg.
//!
//! Pillow judges the header itself, more leniently than libjpeg in some places and more strictly in others. This crate
//! refuses a file that either of them refuses.

use super::DecodeError;

/// The facts that Pillow reads from the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Number of components: 1, 3 or 4.
    pub layers: usize,
    /// Whether the file is Huffman coded, sequential or progressive.
    pub huffman: bool,
    /// Whether the file is arithmetically coded.
    pub arithmetic: bool,
    /// The number of bytes before the first scan's data.
    pub scan: usize,
}

fn broken(why: impl Into<String>) -> DecodeError {
    DecodeError::Broken { format: "JPEG", why: why.into() }
}

const TRUNCATED: DecodeError = DecodeError::Truncated { format: "JPEG" };

/// Walks the markers of `bytes`, which begin with a start of image, up to the first scan.
///
/// # Errors
/// If there is no frame, or a frame of another kind than 8-bit with 1, 3 or 4 components, or a broken segment.
pub fn read(bytes: &[u8]) -> Result<Header, DecodeError> {
    let mut rest = &bytes[2..];
    let mut frame = None;
    // Bytes between segments, including fill bytes, are skipped.
    while let Some(start) = rest.iter().position(|byte| *byte == 0xff) {
        rest = &rest[start + 1..];
        let Some((&marker, after)) = rest.split_first() else { break };
        match marker {
            // A fill byte may be the first of the next marker; an escaped 0xff is no marker.
            0xff => continue,
            0x00 => rest = after,
            0xc8 | 0xd0..=0xd9 | 0xf0..=0xfd => rest = after,
            0xc0..=0xcf | 0xda..=0xef | 0xfe => {
                let (segment, behind) = segment(after)?;
                rest = behind;
                match marker {
                    0xc4 | 0xcc => {}
                    0xc0..=0xcf | 0xde => frame = Some(read_frame(marker, segment)?),
                    0xdb => check_tables(segment)?,
                    0xe0 if segment.starts_with(b"JFIF") && segment.len() < 7 => {
                        return Err(broken("its JFIF segment is too short"));
                    }
                    0xee if segment.starts_with(b"Adobe") && segment.len() < 7 => {
                        return Err(broken("its Adobe segment is too short"));
                    }
                    0xda => {
                        let frame: Header = frame.ok_or_else(|| broken("its scan comes before its frame"))?;
                        return Ok(Header { scan: bytes.len() - rest.len(), ..frame });
                    }
                    _ => {}
                }
            }
            _ => return Err(broken(format!("0xff{marker:02x} is no marker"))),
        }
    }
    // Without a scan Pillow has no pixels to load.
    Err(if frame.is_some() { TRUNCATED } else { broken("it has no frame") })
}

/// Splits the content of a segment, which begins with its length, from the bytes after it.
fn segment(bytes: &[u8]) -> Result<(&[u8], &[u8]), DecodeError> {
    let (length, rest) = bytes.split_first_chunk().ok_or(TRUNCATED)?;
    let content = usize::from(u16::from_be_bytes(*length)).saturating_sub(2);
    rest.split_at_checked(content).ok_or(TRUNCATED)
}

fn read_frame(marker: u8, segment: &[u8]) -> Result<Header, DecodeError> {
    let &[bits, h1, h0, w1, w0, layers, ref components @ ..] = segment else {
        return Err(broken("its frame's header is too short"));
    };
    if bits != 8 {
        return Err(broken(format!("its samples have {bits} bits")));
    }
    if !matches!(layers, 1 | 3 | 4) {
        return Err(broken(format!("it has {layers} components")));
    }
    if components.len() % 3 != 0 {
        return Err(broken("its frame's header has an odd length"));
    }
    let (width, height) = (u16::from_be_bytes([w1, w0]).into(), u16::from_be_bytes([h1, h0]).into());
    if width == 0 || height == 0 {
        return Err(broken(format!("it has {width}x{height} pixels")));
    }
    Ok(Header {
        width,
        height,
        layers: layers.into(),
        huffman: matches!(marker, 0xc0..=0xc2),
        arithmetic: matches!(marker, 0xc9..=0xcb | 0xcd..=0xcf),
        scan: 0,
    })
}

/// Quantisation tables must be whole: 64 values of 8 or 16 bits each.
fn check_tables(mut segment: &[u8]) -> Result<(), DecodeError> {
    while let Some(kind) = segment.first() {
        let length = if kind >> 4 == 0 { 65 } else { 129 };
        segment = segment.get(length..).ok_or_else(|| broken("a quantisation table is cut short"))?;
    }
    Ok(())
}
