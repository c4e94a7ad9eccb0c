//! Decodes the bytes of an image file to pixels, as `PIL.Image.open(…).convert("RGB")` does.

mod error;
mod jpeg;
mod jpeg_header;
mod png;
mod png_chunks;

pub use error::DecodeError;

use crate::image::Image;

/// The largest number of pixels, as in Pillow: a small file may claim any size.
pub const MOST_PIXELS: u64 = 2 * 89_478_485;

/// The width and height of the image in `bytes`, read from its header only. EXIF orientation is not applied.
///
/// # Errors
/// If `bytes` is not a JPEG or PNG file, its header is broken, or it claims more than [`MOST_PIXELS`].
pub fn dimensions(bytes: &[u8]) -> Result<(usize, usize), DecodeError> {
    let (width, height) = match Format::of(bytes)? {
        Format::Jpeg => {
            let header = jpeg_header::read(bytes)?;
            (header.width, header.height)
        }
        Format::Png => png::dimensions(bytes)?,
    };
    bounded(width, height)
}

/// The RGB pixels of the image in `bytes`, a JPEG or PNG file of any kind. The name of the file does not matter.
///
/// # Errors
/// As [`dimensions`], and if the pixels are truncated or cannot be decoded. Damage of a JPEG file that Pillow ignores is
/// not an error. Of PNG files, damage that Pillow ignores is one: a wrong check sum of pixels, a palette that is missing
/// or of odd length, rows that are missing, an unknown method or critical chunk, chunks out of place, a cut behind the
/// rows. So is a lossless JPEG file. No file is decoded to other pixels than Pillow's.
pub fn decode(bytes: &[u8]) -> Result<Image, DecodeError> {
    match Format::of(bytes)? {
        Format::Jpeg => {
            let header = jpeg_header::read(bytes)?;
            bounded(header.width, header.height)?;
            jpeg::decode(bytes, &header)
        }
        Format::Png => {
            let (width, height) = png::dimensions(bytes)?;
            bounded(width, height)?;
            png_chunks::check(bytes)?;
            png::decode(bytes)
        }
    }
}

fn bounded(width: usize, height: usize) -> Result<(usize, usize), DecodeError> {
    if width as u64 * height as u64 > MOST_PIXELS {
        return Err(DecodeError::TooLarge { width, height });
    }
    Ok((width, height))
}

/// The format that the first bytes announce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Jpeg,
    Png,
}

impl Format {
    fn of(bytes: &[u8]) -> Result<Self, DecodeError> {
        let starts = |magic: &[u8]| bytes.starts_with(magic);
        let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic));
        let unsupported = |format| Err(DecodeError::Unsupported { format });
        if starts(b"\xff\xd8\xff") {
            Ok(Self::Jpeg)
        } else if starts(b"\x89PNG\r\n\x1a\n") {
            Ok(Self::Png)
        } else if starts(b"GIF87a") || starts(b"GIF89a") {
            unsupported("GIF")
        } else if starts(b"BM") {
            unsupported("BMP")
        } else if starts(b"RIFF") && at(8, b"WEBP") {
            unsupported("WebP")
        } else if starts(b"II*\0") || starts(b"MM\0*") || starts(b"II+\0") || starts(b"MM\0+") {
            unsupported("TIFF")
        } else if starts(b"\0\0\0\x0cjP  \r\n\x87\n") || starts(b"\xff\x4f\xff\x51") {
            unsupported("JPEG 2000")
        } else if at(4, b"ftypavif") || at(4, b"ftypavis") {
            unsupported("AVIF")
        } else if matches!(bytes, [b'P', b'1'..=b'7' | b'F' | b'f', b' ' | b'\t' | b'\n' | b'\r', ..]) {
            unsupported("PPM or PGM")
        } else if starts(b"8BPS") {
            unsupported("Photoshop")
        } else if starts(b"\0\0\x01\0") {
            unsupported("ICO")
        } else if matches!(bytes, [0x0a, 0..=5, 0 | 1, 1 | 2 | 4 | 8, ..]) {
            unsupported("PCX")
        } else if at(4, b"ftypheic") || at(4, b"ftypmif1") {
            unsupported("HEIF")
        } else {
            Err(DecodeError::Unknown { length: bytes.len() })
        }
    }
}

#[cfg(test)]
mod tests;
