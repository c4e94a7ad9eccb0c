//! JPEG files, by libjpeg.
//!
//! Nearly all photographs of a data set are of a plain kind: grey or YCbCr, with full, half or quarter chroma. For the
//! plain kind libjpeg reads the coefficients, and this module does the rest, vectorised, with the bits of
//! libjpeg-turbo. libjpeg alone decodes all other files, and every file with damage that it notices.

mod colour;
mod idct;
mod libjpeg;

use libjpeg::{Decompressor, Failure, Planes};

use super::DecodeError;
use super::jpeg_header::Header;
use crate::image::Image;

impl From<Failure> for DecodeError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Suspended => Self::Truncated { format: "JPEG" },
            Failure::Fatal(why) => Self::Broken { format: "JPEG", why },
        }
    }
}

/// The pixels of the JPEG file `bytes`; `header` is its header.
///
/// # Errors
/// If libjpeg meets the end of the file before the last row, or cannot continue. A warning of libjpeg is not an error.
pub fn decode(bytes: &[u8], header: &Header) -> Result<Image, DecodeError> {
    if in_proportion(bytes, header)
        && let Some(pixels) = plain(bytes, header)
    {
        return Ok(Image::new(header.width, header.height, pixels));
    }
    let mut decompressor = open(first_chunk(bytes, header), header)?;
    let lines = decompressor.scanlines(header.layers)?;
    decompressor.finish()?;
    let pixels = match header.layers {
        1 => lines.iter().flat_map(|grey| [*grey; 3]).collect(),
        3 => lines,
        _ => lines.as_chunks::<4>().0.iter().flat_map(|ink| rgb_of_inverted_cmyk(*ink)).collect(),
    };
    Ok(Image::new(header.width, header.height, pixels))
}

/// Whether a file is large enough for its pixels to have content. The plain way holds all coefficients, six bytes a
/// pixel beside the pixels; libjpeg's holds rows. A file of few bytes that claims many pixels takes the latter.
pub(super) fn in_proportion(bytes: &[u8], header: &Header) -> bool {
    const MOST_PIXELS_A_BYTE: usize = 256;
    header.width * header.height <= bytes.len().saturating_mul(MOST_PIXELS_A_BYTE)
}

/// What of a file Pillow's libjpeg can decode: with arithmetic coding it cannot wait for more, and Pillow hands over 64
/// KiB at first. A header beyond these is waited for.
fn first_chunk<'a>(bytes: &'a [u8], header: &Header) -> &'a [u8] {
    const CHUNK: usize = 65_536;
    if header.arithmetic && header.scan < CHUNK { &bytes[..bytes.len().min(CHUNK)] } else { bytes }
}

fn open<'a>(bytes: &'a [u8], header: &Header) -> Result<Decompressor<'a>, DecodeError> {
    let mut decompressor = Decompressor::new(bytes)?;
    let frame = decompressor.read_header()?;
    if (frame.width, frame.height) != (header.width, header.height) {
        return Err(DecodeError::Broken { format: "JPEG", why: "it has two frames".to_owned() });
    }
    Ok(decompressor)
}

/// The pixels of an undamaged file of the plain kind; `None` for any other file. The caller passes such a file to
/// libjpeg, which also reports the damage.
fn plain(bytes: &[u8], header: &Header) -> Option<Vec<u8>> {
    if !header.huffman {
        return None;
    }
    let mut decompressor = open(bytes, header).ok()?;
    let planes: Planes = decompressor.planes().ok()??;
    Some(colour::rgb(&planes, header.width, header.height))
}

/// Pillow treats every CMYK JPEG as inverted, as Adobe writes them: 255 is no ink.
fn rgb_of_inverted_cmyk([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    let white = u32::from(black);
    [cyan, magenta, yellow].map(|ink| {
        let product = u32::from(255 - ink) * white + 128;
        (white - ((product + (product >> 8)) >> 8)) as u8
    })
}
