//! The chunks of a PNG file, judged as Pillow judges them.
//!
//! Pillow reads chunks that do not change a pixel, and refuses a file for one that is too short, out of sequence, or
//! inflates to more than a megabyte. The decoder passes over them, so this module reads them first.

use flate2::{Decompress, FlushDecompress, Status};

use super::DecodeError;

/// Pillow's `MAX_TEXT_CHUNK` and `MAX_TEXT_MEMORY`.
const MOST_TEXT: usize = 1 << 20;
const MOST_TEXT_IN_ALL: usize = 64 * MOST_TEXT;

/// Checks the chunks of the PNG file `bytes`, as far as they are there: the decoder reports a file that is cut short.
///
/// # Errors
/// If Pillow refuses one of them.
pub fn check(bytes: &[u8]) -> Result<(), DecodeError> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    let mut chunks = Chunks::default();
    while let Some((name, data, behind)) = split(rest) {
        rest = behind;
        match name {
            b"IEND" => break,
            b"IDAT" => chunks.pixels = true,
            // The next frame of an animation is not read.
            b"fcTL" if chunks.pixels && chunks.is_animated() => break,
            _ => chunks.chunk(name, data).map_err(|why| DecodeError::Broken { format: "PNG", why })?,
        }
    }
    Ok(())
}

/// The name and content of the first chunk, and the bytes behind its check sum.
fn split(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (name, rest) = rest.split_first_chunk::<4>()?;
    let (data, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    Some((name, data, rest.get(4..).unwrap_or_default()))
}

/// What Pillow remembers of the chunks before.
#[derive(Default)]
struct Chunks {
    /// Width and height.
    size: (u32, u32),
    /// Bits and kind of colour.
    mode: (u8, u8),
    /// Frames of an animation.
    frames: Option<u32>,
    /// Whether a frame of the animation began before the pixels.
    has_frame: bool,
    /// The number of the last frame control or frame data.
    sequence: Option<u32>,
    /// Bytes of all texts.
    text: usize,
    /// Whether the pixels have begun.
    pixels: bool,
}

fn u32_at(data: &[u8], at: usize) -> u32 {
    data.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

impl Chunks {
    fn is_animated(&self) -> bool {
        // Without a frame of its own the image before the frames is one more.
        self.frames.is_some_and(|frames| frames + u32::from(!self.has_frame) > 1)
    }

    fn chunk(&mut self, name: &[u8; 4], data: &[u8]) -> Result<(), String> {
        let least = |bytes: usize| match data.len() < bytes {
            true => Err(format!("its chunk {} is too short", String::from_utf8_lossy(name))),
            false => Ok(()),
        };
        match name {
            b"IHDR" => {
                least(13)?;
                self.size = (u32_at(data, 0), u32_at(data, 4));
                self.mode = (data[8], data[9]);
            }
            b"gAMA" => least(4)?,
            b"cHRM" => least(32)?,
            b"sRGB" => least(1)?,
            b"pHYs" => least(9)?,
            b"tRNS" => match self.mode {
                (1 | 8 | 16, 0) => least(2)?,
                (8 | 16, 2) => least(6)?,
                _ => {}
            },
            b"iCCP" => profile(data)?,
            b"tEXt" | b"zTXt" | b"iTXt" => self.text(name, data)?,
            b"acTL" => {
                least(8)?;
                self.control(u32_at(data, 0));
            }
            b"fcTL" => {
                least(26)?;
                self.frame(data)?;
            }
            b"fdAT" => {
                least(4)?;
                self.next(u32_at(data, 0))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A second animation control, or one of no frames, ends the animation.
    fn control(&mut self, frames: u32) {
        let counts = frames != 0 && frames <= 0x8000_0000;
        match self.frames {
            Some(_) => self.frames = None,
            None if counts => self.frames = Some(frames),
            None => {}
        }
    }

    fn frame(&mut self, data: &[u8]) -> Result<(), String> {
        let sequence = u32_at(data, 0);
        match self.sequence {
            None if sequence == 0 => self.sequence = Some(0),
            None => return Err("its frames are out of sequence".to_owned()),
            Some(_) => self.next(sequence)?,
        }
        let end = |place: usize, size: usize| u64::from(u32_at(data, place)) + u64::from(u32_at(data, size));
        if end(12, 4) > self.size.0.into() || end(16, 8) > self.size.1.into() {
            return Err("a frame reaches beyond the image".to_owned());
        }
        let is_part = (u32_at(data, 4), u32_at(data, 8)) != self.size || (u32_at(data, 12), u32_at(data, 16)) != (0, 0);
        if !self.pixels && is_part {
            // Pillow then decodes the pixels into that part, and the decoder does not.
            return Err("its first frame is a part of the image".to_owned());
        }
        self.has_frame |= !self.pixels;
        Ok(())
    }

    /// The number of a frame control or frame data must be the next.
    fn next(&mut self, sequence: u32) -> Result<(), String> {
        match self.sequence {
            Some(last) if last.checked_add(1) == Some(sequence) => {
                self.sequence = Some(sequence);
                Ok(())
            }
            _ => Err("its frames are out of sequence".to_owned()),
        }
    }

    fn text(&mut self, name: &[u8; 4], data: &[u8]) -> Result<(), String> {
        let (key, value) = match data.iter().position(|byte| *byte == 0) {
            Some(end) => (&data[..end], &data[end + 1..]),
            None if name == b"iTXt" => return Ok(()),
            None => (data, &data[data.len()..]),
        };
        let length = match name {
            b"tEXt" => value.len(),
            b"zTXt" => {
                if value.first().is_some_and(|method| *method != 0) {
                    return Err("a text is compressed by an unknown method".to_owned());
                }
                inflated(value.get(1..).unwrap_or_default())?.unwrap_or(0)
            }
            _ => match international(value)? {
                Some(length) => length,
                None => return Ok(()),
            },
        };
        if !key.is_empty() || name == b"iTXt" {
            self.text += length;
        }
        if self.text > MOST_TEXT_IN_ALL {
            return Err("its texts are too large".to_owned());
        }
        Ok(())
    }
}

/// An international text behind its key: its length; `None` for one that Pillow passes over.
fn international(value: &[u8]) -> Result<Option<usize>, String> {
    let [compressed, method, rest @ ..] = value else { return Ok(None) };
    let mut parts = rest.splitn(3, |byte| *byte == 0);
    let (Some(_), Some(_), Some(text)) = (parts.next(), parts.next(), parts.next()) else { return Ok(None) };
    match (compressed, method) {
        (0, _) => Ok(Some(text.len())),
        (_, 0) => inflated(text),
        _ => Ok(None),
    }
}

/// A colour profile: a name, a zero, the method, the profile.
fn profile(data: &[u8]) -> Result<(), String> {
    // Without a zero Pillow takes the first byte for the method.
    let method = data.iter().position(|byte| *byte == 0).map_or(0, |end| end + 1);
    match data.get(method) {
        Some(0) => inflated(&data[method + 1..]).map(|_| ()),
        _ => Err("its colour profile is compressed by an unknown method".to_owned()),
    }
}

/// The length of the inflated data; `None` if it does not inflate, which Pillow ignores.
///
/// # Errors
/// If it inflates to more than [`MOST_TEXT`].
fn inflated(data: &[u8]) -> Result<Option<usize>, String> {
    let mut inflate = Decompress::new(true);
    let mut out = vec![0; MOST_TEXT.min(data.len().saturating_mul(1032).saturating_add(64))];
    loop {
        let (read, written) = (inflate.total_in() as usize, inflate.total_out() as usize);
        let room = &mut out[written..];
        match inflate.decompress(&data[read..], room, FlushDecompress::None) {
            Err(_) => return Ok(None),
            Ok(Status::StreamEnd) => return Ok(Some(inflate.total_out() as usize)),
            Ok(_) => {}
        }
        let (read_now, written_now) = (inflate.total_in() as usize, inflate.total_out() as usize);
        if written_now == out.len() && read_now < data.len() {
            return Err("a compressed chunk inflates to more than a megabyte".to_owned());
        }
        if read_now == data.len() || (read_now, written_now) == (read, written) {
            return Ok(Some(written_now));
        }
    }
}
