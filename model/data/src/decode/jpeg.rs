//! JPEG files, by libjpeg.
//!
//! Of the photographs of a data set nearly all are of a plain kind: grey or YCbCr, with full, half or quarter chroma.
//! For these libjpeg reads the coefficients, and what follows is done here, vectorised, with the bits of libjpeg-turbo. All
//! others, and every file that is damaged in a way that libjpeg notices, go through libjpeg alone.

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

/// The pixels of `bytes`, whose header is `header`.
///
/// # Errors
/// When libjpeg meets the end of the file before the last row, or cannot go on. What libjpeg merely warns of is no error.
pub fn decode(bytes: &[u8], header: &Header) -> Result<Image, DecodeError> {
    if let Some(pixels) = plain(bytes, header) {
        return Ok(Image::new(header.width, header.height, pixels));
    }
    let mut decompressor = open(bytes, header)?;
    let lines = decompressor.scanlines(header.layers)?;
    decompressor.finish()?;
    let pixels = match header.layers {
        1 => lines.iter().flat_map(|grey| [*grey; 3]).collect(),
        3 => lines,
        _ => lines.as_chunks::<4>().0.iter().flat_map(|ink| rgb_of_inverted_cmyk(*ink)).collect(),
    };
    Ok(Image::new(header.width, header.height, pixels))
}

fn open<'a>(bytes: &'a [u8], header: &Header) -> Result<Decompressor<'a>, DecodeError> {
    let mut decompressor = Decompressor::new(bytes)?;
    let frame = decompressor.read_header()?;
    if (frame.width, frame.height) != (header.width, header.height) {
        return Err(DecodeError::Broken { format: "JPEG", why: "it has two frames".to_owned() });
    }
    Ok(decompressor)
}

/// The pixels of a whole file of the plain kind. `None` sends any other to libjpeg, which also says what is wrong with it.
fn plain(bytes: &[u8], header: &Header) -> Option<Vec<u8>> {
    if !header.huffman {
        return None;
    }
    let mut decompressor = open(bytes, header).ok()?;
    let planes: Planes = decompressor.planes().ok()??;
    Some(colour::rgb(&planes, header.width, header.height))
}

/// Pillow takes every CMYK JPEG for an inverted one, as Adobe writes them: 255 is no ink.
fn rgb_of_inverted_cmyk([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    let white = u32::from(black);
    [cyan, magenta, yellow].map(|ink| {
        let product = u32::from(255 - ink) * white + 128;
        (white - ((product + (product >> 8)) >> 8)) as u8
    })
}
