//! Our side of a round.

use std::path::Path;
use std::time::Instant;

use dinov3_data::augment::{Augmentation, Crops};
use dinov3_data::decode;
use dinov3_data::random::Streams;
use dinov3_ground::hex;
use sha2::{Digest, Sha256};

use crate::failure::{FAILED, Failure};

/// The seed of the draws; the same as on the other side.
const SEED: u32 = 0;

/// The JPEG files of a folder, in the order of their names.
///
/// # Errors
/// When one cannot be read, or there is none.
pub fn pictures(folder: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let unreadable = |error: std::io::Error| {
        let message = format!("the pictures in {} cannot be read: {error}", folder.display());
        Failure::new(FAILED, message, "restore golden/photographs, and look at the disk")
    };
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    let mut paths =
        entries.map(|entry| entry.map(|it| it.path())).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jpg"));
    if paths.is_empty() {
        return Err(unreadable(std::io::ErrorKind::NotFound.into()));
    }
    paths.sort();
    paths.iter().map(std::fs::read).collect::<Result<_, _>>().map_err(unreadable)
}

fn augmentation() -> Augmentation {
    Augmentation {
        global_crops_scale: (0.32, 1.0),
        local_crops_scale: (0.05, 0.32),
        local_crops_number: 8,
        global_crops_size: 224,
        local_crops_size: 96,
        gram_teacher: None,
        local_crops_subset_of_global_crops: false,
        patch_size: 16,
        share_color_jitter: false,
        horizontal_flips: true,
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
    }
}

/// The crops of one picture after another.
struct Side {
    augmentation: Augmentation,
    streams: Streams,
}

impl Side {
    fn new(seed: u32) -> Self {
        Self { augmentation: augmentation(), streams: Streams::fix_random_seeds(seed) }
    }

    fn crops(&mut self, picture: &[u8]) -> Result<Crops, Failure> {
        let image = decode::decode(picture).map_err(|error| Failure::of(FAILED, error))?;
        let parameters = self.augmentation.draw(image.width(), image.height(), &mut self.streams);
        Ok(self.augmentation.apply(&image, &parameters))
    }
}

/// SHA-256 of the crops of one picture after another.
///
/// # Errors
/// When a picture cannot be decoded.
pub fn first_crops(pictures: &[Vec<u8>]) -> Result<String, Failure> {
    let (mut side, mut digest) = (Side::new(SEED), Sha256::new());
    for picture in pictures {
        let crops = side.crops(picture)?;
        for value in crops.global.iter().chain(&crops.local).flat_map(|crop| crop.iter()) {
            digest.update(value.to_le_bytes());
        }
    }
    Ok(hex(&digest.finalize()))
}

/// Images a second of so many threads, each of which makes the crops of `images`, after one of each picture off the clock.
///
/// # Errors
/// When a picture cannot be decoded.
pub fn rate(pictures: &[Vec<u8>], threads: u32, images: usize) -> Result<f64, Failure> {
    let work = |thread: u32, images: usize| -> Result<(), Failure> {
        let mut side = Side::new(SEED + thread);
        for picture in pictures.iter().cycle().take(images) {
            std::hint::black_box(side.crops(picture)?);
        }
        Ok(())
    };
    work(0, pictures.len())?;
    let start = Instant::now();
    std::thread::scope(|scope| -> Result<(), Failure> {
        let started: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread, images))).collect();
        started.into_iter().try_for_each(|thread| thread.join().expect("a thread of the benchmark does not panic"))
    })?;
    Ok(f64::from(threads) * images as f64 / start.elapsed().as_secs_f64())
}
