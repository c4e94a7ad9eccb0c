//! PNG files. A few photographs of ImageNet are PNG files with the extension `.JPEG`.

use std::io::Cursor;

use png::{BitDepth, ColorType, DecodeOptions, Decoder, DecodingError, Limits, Reader, Transformations};

use super::DecodeError;
use crate::image::Image;

impl From<DecodingError> for DecodeError {
    fn from(error: DecodingError) -> Self {
        match error {
            DecodingError::IoError(cause) if cause.kind() == std::io::ErrorKind::UnexpectedEof => {
                Self::Truncated { format: "PNG" }
            }
            other => Self::Broken { format: "PNG", why: other.to_string() },
        }
    }
}

fn open(bytes: &[u8]) -> Result<Reader<Cursor<&[u8]>>, DecodeError> {
    let mut options = DecodeOptions::default();
    // As in Pillow, a chunk with a wrong check sum is an error, even if it does not affect the pixels.
    options.set_skip_ancillary_crc_failures(false);
    options.set_ignore_adler32(false);
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    // The number of pixels bounds the memory of an image.
    decoder.set_limits(Limits { bytes: usize::MAX });
    decoder.set_transformations(Transformations::IDENTITY);
    Ok(decoder.read_info()?)
}

/// The width and height.
///
/// # Errors
/// When the header is broken.
pub fn dimensions(bytes: &[u8]) -> Result<(usize, usize), DecodeError> {
    let reader = open(bytes)?;
    Ok((reader.info().width as usize, reader.info().height as usize))
}

/// The pixels. Transparency is dropped without blending.
///
/// # Errors
/// If the file is truncated or broken. This is stricter than Pillow, which ignores everything after the last row, check
/// sums of pixels, and what `decode::decode` lists.
pub fn decode(bytes: &[u8]) -> Result<Image, DecodeError> {
    let mut reader = open(bytes)?;
    let broken = |why: &str| DecodeError::Broken { format: "PNG", why: why.to_owned() };
    let size = reader.output_buffer_size().ok_or_else(|| broken("its pixels do not fit into memory"))?;
    let mut data = vec![0; size];
    let frame = reader.next_frame(&mut data)?;
    let (width, height) = (frame.width as usize, frame.height as usize);
    let palette = match (frame.color_type, &reader.info().palette) {
        (ColorType::Indexed, Some(palette)) => complete(palette),
        (ColorType::Indexed, None) => return Err(broken("it has no palette")),
        _ => Vec::new(),
    };
    let mut pixels = Vec::with_capacity(3 * width * height);
    for row in data.chunks_exact(frame.line_size).take(height) {
        extend_rgb(&mut pixels, row, width, frame.color_type, frame.bit_depth, &palette);
    }
    Ok(Image::new(width, height, pixels))
}

/// The palette as in Pillow: indices without an entry are black.
fn complete(palette: &[u8]) -> Vec<[u8; 3]> {
    let mut colours = vec![[0; 3]; 256];
    for (colour, given) in colours.iter_mut().zip(palette.as_chunks::<3>().0) {
        *colour = *given;
    }
    colours
}

/// Appends a row of `width` pixels as RGB.
fn extend_rgb(out: &mut Vec<u8>, row: &[u8], width: usize, kind: ColorType, depth: BitDepth, palette: &[[u8; 3]]) {
    let wide = depth == BitDepth::Sixteen;
    match kind {
        ColorType::Indexed => out.extend(samples(row, depth, width).flat_map(|index| palette[usize::from(index)])),
        // Pillow's 16-bit greys are not scaled to 8 bits but clipped.
        ColorType::Grayscale if wide => {
            let clipped = |&[high, low]: &[u8; 2]| [if high == 0 { low } else { 255 }; 3];
            out.extend(row.as_chunks::<2>().0.iter().flat_map(clipped));
        }
        ColorType::Grayscale => {
            let scale = 255 / ((1_u32 << depth as u32) - 1) as u8;
            out.extend(samples(row, depth, width).flat_map(|grey| [grey * scale; 3]));
        }
        // The upper byte of a 16-bit sample.
        ColorType::Rgb if wide => out.extend(row.as_chunks::<6>().0.iter().flat_map(|&[r, _, g, _, b, _]| [r, g, b])),
        ColorType::Rgb => out.extend(row),
        ColorType::GrayscaleAlpha if wide => out.extend(row.as_chunks::<4>().0.iter().flat_map(|pixel| [pixel[0]; 3])),
        ColorType::GrayscaleAlpha => out.extend(row.as_chunks::<2>().0.iter().flat_map(|pixel| [pixel[0]; 3])),
        ColorType::Rgba if wide => {
            out.extend(row.as_chunks::<8>().0.iter().flat_map(|pixel| [pixel[0], pixel[2], pixel[4]]));
        }
        ColorType::Rgba => out.extend(row.as_chunks::<4>().0.iter().flat_map(|&[r, g, b, _]| [r, g, b])),
    }
}

/// The first `width` samples of 1, 2, 4 or 8 bits in `row`, the first in the upper bits of its byte.
fn samples(row: &[u8], depth: BitDepth, width: usize) -> impl Iterator<Item = u8> {
    let bits = depth as u32;
    let mask = ((1_u32 << bits) - 1) as u8;
    row.iter().flat_map(move |byte| (0..8 / bits).map(move |at| (byte >> (8 - bits * (at + 1))) & mask)).take(width)
}
