//! Bicubic resampling and flips.

mod passes;
mod tensor;
mod weights;

use crate::image::Image;
use passes::{horizontal, vertical};
use weights::Weights;

pub use tensor::resize_tensor;

/// A part of an image, in whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Rows above it.
    pub top: usize,
    /// Columns to the left of it.
    pub left: usize,
    /// Rows of it, at least 1.
    pub height: usize,
    /// Columns of it, at least 1.
    pub width: usize,
}

impl Region {
    /// All of `image`.
    pub fn all(image: &Image) -> Self {
        Self { top: 0, left: 0, height: image.height(), width: image.width() }
    }
}

/// Rows of `[_, 3]` bytes somewhere in an image.
#[derive(Clone, Copy)]
struct Rows<'a> {
    bytes: &'a [u8],
    /// Bytes from one row's start to the next.
    stride: usize,
    /// Bytes before the first row.
    offset: usize,
    /// Pixels in a row.
    width: usize,
    /// Rows.
    height: usize,
}

impl<'a> Rows<'a> {
    fn of(image: &'a Image, region: Region) -> Self {
        let stride = 3 * image.width();
        let offset = region.top * stride + 3 * region.left;
        Self { bytes: image.pixels(), stride, offset, width: region.width, height: region.height }
    }

    fn whole(bytes: &'a [u8], width: usize, height: usize) -> Self {
        Self { bytes, stride: 3 * width, offset: 0, width, height }
    }

    fn row(&self, y: usize) -> &'a [u8] {
        &self.bytes[self.offset + y * self.stride..][..3 * self.width]
    }
}

/// `region` of `image`, resampled to `height` rows and `width` columns, then mirrored left to right where `flip` says so.
///
/// `v2.functional.resized_crop` (bicubic) on a PIL image, and `horizontal_flip`. A side that keeps its length is not resampled.
///
/// # Panics
/// When `region` is empty or reaches beyond `image`, or a side asked for is 0.
pub fn crop_resized(image: &Image, region: Region, height: usize, width: usize, flip: bool) -> Image {
    let (right, bottom) = (region.left + region.width, region.top + region.height);
    assert!(right <= image.width() && bottom <= image.height(), "{region:?} of {}x{}", image.width(), image.height());
    assert!(region.width > 0 && region.height > 0 && width > 0 && height > 0, "{region:?} to {width}x{height}");
    let rows = Rows::of(image, region);
    let mirrored = flip && region.width != width;
    let across =
        || if mirrored { Weights::new(region.width, width).mirrored() } else { Weights::new(region.width, width) };
    let down = || Weights::new(region.height, height);
    let pixels = match (region.width != width, region.height != height) {
        (false, false) => (0..height).flat_map(|y| rows.row(y)).copied().collect(),
        (true, false) => horizontal(rows, &across()),
        (false, true) => vertical(rows, &down()),
        (true, true) if vertical_first(region, height, width) => {
            horizontal(Rows::whole(&vertical(rows, &down()), region.width, height), &across())
        }
        (true, true) => vertical(Rows::whole(&horizontal(rows, &across()), width, region.height), &down()),
    };
    let mut out = Image::new(width, height, pixels);
    if flip && !mirrored {
        flip_horizontal(&mut out);
    }
    out
}

/// Which pass comes first decides the rounding between the two. Since version 13 Pillow goes down first where that drops more
/// than twice as many rows as going across drops columns; earlier versions always went across first.
fn vertical_first(region: Region, height: usize, width: usize) -> bool {
    let (rows, columns) = (region.height as i64 - height as i64, region.width as i64 - width as i64);
    rows > 0 && rows > 2 * columns
}

/// `image` at another size. `v2.functional.resize` (bicubic) on a PIL image.
///
/// # Panics
/// When a side, of `image` or asked for, is 0.
pub fn resize(image: &Image, height: usize, width: usize) -> Image {
    crop_resized(image, Region::all(image), height, width, false)
}

/// `image` with its shorter side made `size`, the longer in proportion, rounded down. `v2.Resize(size)` on a PIL image.
///
/// # Panics
/// When `size` or a side of `image` is 0.
pub fn resize_shorter(image: &Image, size: usize) -> Image {
    let (height, width) = shorter_side(image.height(), image.width(), size);
    resize(image, height, width)
}

/// The height and width that make the shorter of two sides `size`.
fn shorter_side(height: usize, width: usize, size: usize) -> (usize, usize) {
    if height <= width { (size, size * width / height) } else { (size * height / width, size) }
}

/// Mirrors `image` left to right. `v2.functional.horizontal_flip`.
pub fn flip_horizontal(image: &mut Image) {
    let width = image.width();
    if width == 0 {
        return;
    }
    for row in image.pixels_mut().chunks_exact_mut(3 * width) {
        let (pixels, _) = row.as_chunks_mut::<3>();
        pixels.reverse();
    }
}
