//! The operations on parts of the golden sets' photographs.

mod colour;
mod geometry;

use std::path::Path;

use sha2::{Digest, Sha256};

use super::{Region, crop_resized};
use crate::decode::decode;
use crate::image::Image;

fn photograph(name: &str) -> Image {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/photographs");
    decode(&std::fs::read(folder.join(format!("{name}.jpg"))).unwrap()).unwrap()
}

/// A part of a photograph, at this size.
fn part(name: &str, height: usize, width: usize) -> Image {
    crop_resized(&photograph(name), Region { top: 11, left: 7, height: 200, width: 250 }, height, width, false)
}

/// The first 16 digits of the SHA-256 of the pixels.
fn sha(image: &Image) -> String {
    digest(image.pixels())
}

/// The first 16 digits of the SHA-256 of float32 values, as little-endian bytes.
fn sha_of_floats(values: &[f32]) -> String {
    digest(&values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
