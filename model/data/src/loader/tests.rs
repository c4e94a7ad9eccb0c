//! The loader against the same work done one image after another, and against datasets that break.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::{Loader, LoaderError, Settings, Unusable};
use crate::augment::Augmentation;
use crate::collate::{Batch, Collation};
use crate::dataset::{Dataset, ReadError};
use crate::decode;
use crate::masking::Masking;
use crate::random::Streams;

const PHOTOGRAPHS: [&[u8]; 3] = [
    include_bytes!("../../../../golden/photographs/astronaut.jpg"),
    include_bytes!("../../../../golden/photographs/chelsea.jpg"),
    include_bytes!("../../../../golden/photographs/coffee.jpg"),
];

/// Twenty images, some of them unusable.
#[derive(Default)]
struct Album {
    missing: HashSet<usize>,
    truncated: HashSet<usize>,
    panics: Option<usize>,
    reads: AtomicUsize,
}

impl Dataset for Album {
    fn len(&self) -> usize {
        20
    }

    fn read(&self, index: usize) -> Result<Vec<u8>, ReadError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        assert_ne!(self.panics, Some(index), "told to panic");
        if self.missing.contains(&index) {
            return Err(ReadError::File {
                index,
                path: self.name_of(index).into(),
                error: io::ErrorKind::NotFound.into(),
            });
        }
        let photograph = PHOTOGRAPHS[index % 3];
        let whole = if self.truncated.contains(&index) { photograph.len() / 2 } else { photograph.len() };
        Ok(photograph[..whole].to_vec())
    }

    fn name_of(&self, index: usize) -> String {
        format!("album/{index}.jpg")
    }
}

fn collation() -> Collation {
    let augmentation = Augmentation {
        global_crops_scale: (0.32, 1.0),
        local_crops_scale: (0.05, 0.32),
        local_crops_number: 2,
        global_crops_size: 32,
        local_crops_size: 16,
        gram_teacher: None,
        local_crops_subset_of_global_crops: false,
        patch_size: 8,
        share_color_jitter: false,
        horizontal_flips: true,
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
    };
    let masking = Masking {
        side: 4,
        probability: 0.5,
        ratio: (0.1, 0.5),
        random_circular_shift: false,
        max_num_patches: 8.0,
        local_batch_size: None,
    };
    Collation { augmentation, masking }
}

const SETTINGS: Settings =
    Settings { batch_size: 3, streams: 2, base_seed: 99, threads: 2, prefetch: 2, broken_limit: 5 };

/// Every image once, in order: six whole batches and two images more.
fn once() -> Box<dyn Iterator<Item = usize> + Send> {
    Box::new(0..20)
}

fn start(album: Album, settings: Settings) -> Loader {
    start_telling(album, settings).0
}

/// The batches of a loader and its reports of unusable images.
fn start_telling(album: Album, settings: Settings) -> (Loader, Receiver<Unusable>) {
    let (told, unusable) = channel();
    // A test that does not listen has dropped the other end.
    let tell = Arc::new(move |image| drop(told.send(image)));
    (Loader::start(Arc::new(album), once(), Arc::new(collation()), &settings, tell).unwrap(), unusable)
}

fn batches(album: Album, settings: Settings) -> Vec<Batch> {
    start(album, settings).collect::<Result<_, _>>().unwrap()
}

/// The reference's workers: each makes whole batches in turn, with its own stream.
fn one_after_another() -> Vec<Batch> {
    let mut streams = [0, 1].map(|worker| Streams::of_worker(99, worker));
    let batch = |number: usize| {
        let images = [0, 1, 2].map(|i| decode::decode(PHOTOGRAPHS[(3 * number + i) % 3]).unwrap());
        collation().batch(&images.each_ref()[..], &mut streams[number % 2])
    };
    (0..6).map(batch).collect()
}

#[test]
fn any_number_of_threads_makes_the_batches_of_one_worker_after_another() {
    let expected = one_after_another();
    for (threads, prefetch) in [(1, 1), (2, 2), (5, 4)] {
        let found = batches(Album::default(), Settings { threads, prefetch, ..SETTINGS });
        assert!(found == expected, "{threads} threads, {prefetch} batches ahead");
    }
    let other = batches(Album::default(), Settings { streams: 1, ..SETTINGS });
    assert!(other[0] == expected[0] && other[1] != expected[1], "the number of streams decides what is drawn");
}

/// Crops of an image: every B-th of a batch.
fn of_image(batch: &Batch, image: usize) -> Vec<&[f32]> {
    [&batch.global_crops, &batch.local_crops]
        .into_iter()
        .flatten()
        .skip(image)
        .step_by(3)
        .map(|crop| &crop[..])
        .collect()
}

#[test]
fn a_truncated_image_is_replaced_and_changes_no_other() {
    let album = || Album { truncated: [4].into(), ..Album::default() };
    let expected = one_after_another();
    let mut loader = start(album(), SETTINGS);
    let found: Vec<_> = loader.by_ref().map(Result::unwrap).collect();
    assert_eq!(loader.broken(), 1);
    // Image 5 in place of image 4, with parameters from the stream as it stood after image 3.
    let mut stream = Streams::of_worker(99, 1);
    let photograph = |index: usize| decode::decode(PHOTOGRAPHS[index % 3]).unwrap();
    let [before, instead] = [photograph(3), photograph(5)];
    let augmentation = collation().augmentation;
    augmentation.draw(before.width(), before.height(), &mut stream);
    let parameters = augmentation.draw(instead.width(), instead.height(), &mut stream);
    let crops = augmentation.apply(&instead, &parameters);
    let crops: Vec<_> = crops.global.iter().chain(&crops.local).map(|crop| &crop[..]).collect();
    assert_eq!(of_image(&found[1], 1), crops);
    assert_eq!(of_image(&found[1], 0), of_image(&expected[1], 0));
    assert_eq!(of_image(&found[1], 2), of_image(&expected[1], 2));
    assert!(found[3] == expected[3], "the stream goes on as if nothing had happened");
    assert!(
        found == batches(album(), Settings { threads: 7, prefetch: 3, ..SETTINGS }),
        "whatever the number of threads"
    );
}

#[test]
fn a_vanished_file_is_replaced_by_the_next_image_that_can_be_read() {
    let album = || Album { missing: [4, 5].into(), ..Album::default() };
    let mut loader = start(album(), SETTINGS);
    let found: Vec<_> = loader.by_ref().map(Result::unwrap).collect();
    assert_eq!((found.len(), loader.broken()), (6, 2));
    assert!(found == batches(album(), Settings { threads: 1, prefetch: 1, ..SETTINGS }));
}

/// Each was a warning of `tracing` once, which nobody listened to.
#[test]
fn each_unusable_image_is_told_once() {
    let album = Album { missing: [4, 5].into(), truncated: [9].into(), ..Album::default() };
    let (loader, told) = start_telling(album, SETTINGS);
    assert_eq!(loader.collect::<Result<Vec<_>, _>>().unwrap().len(), 6);
    let mut told: Vec<String> = told.iter().map(|image| image.to_string()).collect();
    told.sort();
    insta::assert_snapshot!(told.join("\n"), @"
    the image album/4.jpg cannot be used, and the next one takes its place: sample 4 cannot be read from album/4.jpg: entity not found
    the image album/5.jpg cannot be used, and the next one takes its place: sample 5 cannot be read from album/5.jpg: entity not found
    the image album/9.jpg cannot be used, and the next one takes its place: the JPEG image is truncated
    ");
}

/// Batches go on as they would have, whatever was made ahead and however many threads there are, and an unusable image
/// of before counts.
///
/// Seen red: with the streams as the threads had left them, with all of them as they stood after the last batch alone,
/// and with those of the first batch.
#[test]
fn a_loader_goes_on_from_another_ones_position() {
    let album = || Album { truncated: [4].into(), missing: [13].into(), ..Album::default() };
    let expected = batches(album(), SETTINGS);
    for (taken, broken) in [(0, 0), (1, 0), (2, 1), (3, 1), (5, 2), (6, 2)] {
        let mut before = start(album(), Settings { prefetch: 4, threads: 3, ..SETTINGS });
        let first: Vec<_> = before.by_ref().take(taken).map(Result::unwrap).collect();
        assert!(first == expected[..taken]);
        let position = before.position().clone();
        assert_eq!((position.taken, position.broken.len()), (taken as u64, broken), "after {taken} batches");
        let rest = Box::new(3 * taken..20);
        let settings = Settings { base_seed: 1, threads: 1, prefetch: 1, ..SETTINGS };
        let mut after =
            Loader::start_at(Arc::new(album()), rest, Arc::new(collation()), &settings, Arc::new(|_| ()), position)
                .unwrap();
        let found: Vec<_> = after.by_ref().map(Result::unwrap).collect();
        assert!(found == expected[taken..], "after {taken} batches");
        assert_eq!(after.broken(), 2);
    }
}

#[test]
fn a_position_of_other_streams_is_refused() {
    let position = start(Album::default(), SETTINGS).position().clone();
    let settings = Settings { streams: 3, ..SETTINGS };
    let refused = Loader::start_at(
        Arc::new(Album::default()),
        once(),
        Arc::new(collation()),
        &settings,
        Arc::new(|_| ()),
        position,
    );
    assert_eq!(refused.err().unwrap().to_string(), "train.num_workers cannot be 3");
}

#[test]
fn too_many_unusable_images_end_the_run() {
    let album = Album { missing: (3..12).collect(), ..Album::default() };
    let (mut loader, told) = start_telling(album, SETTINGS);
    let error = loader.by_ref().find_map(Result::err).unwrap();
    assert!(matches!(error, LoaderError::TooManyBroken { broken: 6, limit: 5, .. }), "{error}");
    assert!(error.to_string().contains("album/"), "{error}");
    assert!(loader.next().is_none(), "nothing comes after an error");
    assert_eq!(told.try_iter().count(), 6, "also of those that were too many");
}

/// As the reference, which stops at the first.
#[test]
fn without_a_limit_the_first_unusable_image_ends_a_run() {
    let album = Album { missing: [3].into(), ..Album::default() };
    let error = start(album, Settings { broken_limit: 0, ..SETTINGS }).find_map(Result::err).unwrap();
    assert!(matches!(error, LoaderError::TooManyBroken { broken: 1, limit: 0, .. }), "{error}");
}

#[test]
fn a_dataset_without_one_usable_image_is_an_error_not_an_endless_search() {
    let album = Album { missing: (0..20).collect(), ..Album::default() };
    let error = start(album, Settings { broken_limit: 1000, ..SETTINGS }).find_map(Result::err).unwrap();
    assert!(matches!(error, LoaderError::NoneUsable { .. }), "{error}");
}

#[test]
fn a_panicking_thread_becomes_an_error() {
    let error = start(Album { panics: Some(7), ..Album::default() }, SETTINGS).find_map(Result::err).unwrap();
    assert!(matches!(&error, LoaderError::Panicked(text) if text.contains("told to panic")), "{error}");
}

#[test]
fn no_more_is_begun_than_there_is_room_for() {
    let album = Arc::new(Album::default());
    let settings = Settings { prefetch: 1, ..SETTINGS };
    let mut loader = Loader::start(album.clone(), once(), Arc::new(collation()), &settings, Arc::new(|_| ())).unwrap();
    for taken in 1..=3 {
        loader.next().unwrap().unwrap();
        assert!(album.reads.load(Ordering::SeqCst) <= 3 * (taken + 1), "a batch is taken, one more is made");
    }
}

#[test]
fn dropping_a_loader_ends_its_threads_at_once() {
    let started = Instant::now();
    let mut loader = start(Album::default(), Settings { prefetch: 6, threads: 1, ..SETTINGS });
    loader.next();
    drop(loader);
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn settings_of_zero_are_refused_by_name() {
    let settings = Settings { streams: 0, ..SETTINGS };
    let album = Arc::new(Album::default());
    let error = Loader::start(album, once(), Arc::new(collation()), &settings, Arc::new(|_| ())).err().unwrap();
    insta::assert_snapshot!(dinov3_ground::hint::text(&error), @r"
    train.num_workers cannot be 0
    hint: with no worker the reference draws crops from the trainer's own random stream; give at least one
    ");
}
