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
    /// Number of rows above the region.
    pub top: usize,
    /// Number of columns to the left of the region.
    pub left: usize,
    /// Number of rows of the region, at least 1.
    pub height: usize,
    /// Number of columns of the region, at least 1.
    pub width: usize,
}

impl Region {
    /// The whole `image`.
    pub fn all(image: &Image) -> Self {
        Self { top: 0, left: 0, height: image.height(), width: image.width() }
    }
}

/// A view of rows of `[_, 3]` bytes in an image.
#[derive(Clone, Copy)]
struct Rows<'a> {
    bytes: &'a [u8],
    /// Number of bytes from the start of a row to the start of the next.
    stride: usize,
    /// Number of bytes before the first row.
    offset: usize,
    /// Width in pixels.
    width: usize,
    /// Height in pixels.
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

/// Resamples `region` of `image` to `height` rows and `width` columns, then mirrors it left to right if `flip` is true.
///
/// Equals `v2.functional.resized_crop` (bicubic) on a PIL image, followed by `horizontal_flip`. A side that keeps its
/// length is not resampled.
///
/// # Panics
/// If `region` is empty or reaches beyond `image`, or `height` or `width` is 0.
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

/// The order of the two passes decides the rounding between them. Since version 13, Pillow runs the vertical pass first
/// if it drops more than twice as many rows as the horizontal pass drops columns; earlier versions always ran the
/// horizontal pass first.
fn vertical_first(region: Region, height: usize, width: usize) -> bool {
    let (rows, columns) = (region.height as i64 - height as i64, region.width as i64 - width as i64);
    rows > 0 && rows > 2 * columns
}

/// Resizes `image`, as `v2.functional.resize` (bicubic) does on a PIL image.
///
/// # Panics
/// If a side of `image`, `height` or `width` is 0.
pub fn resize(image: &Image, height: usize, width: usize) -> Image {
    crop_resized(image, Region::all(image), height, width, false)
}

/// Resizes `image` so that its shorter side is `size` and its longer side keeps the proportion, rounded down, as
/// `v2.Resize(size)` does on a PIL image.
///
/// # Panics
/// If `size` or a side of `image` is 0.
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
