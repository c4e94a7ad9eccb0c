//! Batches, made ahead of the trainer by threads.
//!
//! The reference's loader has worker processes, each with random streams of its own, that make whole batches in turn: batch b is
//! worker b mod W's. What a batch holds thus depends on how many workers there are. Here W *streams* take their place, as many as
//! the config says, and any number of threads does the work: one thread draws parameters, batch after batch, from the stream whose
//! turn it is, and needs no more of an image than its size; the others read files, decode and make crops in any order. So batches are
//! the reference's, and the same for every number of threads.
//!
//! An image that cannot be read or decoded is replaced by the next one of the dataset, counted, and told to the caller ([`Unusable`]);
//! too many of them end the run. (The reference ends at the first.) What replaces an image depends on nothing but the dataset.

mod conductor;
mod pool;
mod position;
mod run;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender};
use dinov3_ground::{Hint, Hints};

use crate::collate::{Batch, Collation};
use crate::dataset::Dataset;
use crate::memory;
use conductor::{Broken, Conductor, Event, Made, Source};
use pool::Pool;
pub use position::Position;
pub use run::{LoaderAt, RunAt, RunLoader, RunPosition, Start, StartError};

/// How batches are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Images of a batch.
    pub batch_size: usize,
    /// Random streams: the reference's number of workers (`train.num_workers`).
    pub streams: usize,
    /// What the streams are seeded from: the reference's loader draws it from torch's global generator when it starts.
    pub base_seed: u64,
    /// Threads that read, decode and make crops.
    pub threads: usize,
    /// Batches that are begun, or finished and not taken, at any time.
    pub prefetch: usize,
    /// How many images of the dataset may be unusable before the run ends.
    pub broken_limit: usize,
}

/// An image that cannot be read or decoded. The next one of the dataset takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The image's name in its dataset, such as the path of its file.
    pub image: String,
    /// Why it cannot be used.
    pub reason: String,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the image {} cannot be used, and the next one takes its place: {}", self.image, self.reason)
    }
}

/// Who is told of unusable images: of each once a loader, by a thread of the loader's, before the batch in which it was to be.
pub type OnUnusable = Arc<dyn Fn(Unusable) + Send + Sync>;

/// Why there are no more batches.
#[derive(Debug, thiserror::Error)]
pub enum LoaderError {
    /// A setting that cannot be honoured.
    #[error("{setting} cannot be {given}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// Its value.
        given: usize,
        /// What to do.
        hint: &'static str,
    },
    /// Unusable images are no exception any more.
    #[error("{broken} images cannot be used, more than the {limit} allowed; the last one: {last}")]
    TooManyBroken {
        /// How many different ones.
        broken: usize,
        /// How many are allowed.
        limit: usize,
        /// Name and reason.
        last: String,
    },
    /// No image of the dataset can be used.
    #[error("no image of the dataset can be used; the last one: {last}")]
    NoneUsable {
        /// Name and reason.
        last: String,
    },
    /// A mistake of this program.
    #[error("a thread of the loader panicked: {0}")]
    Panicked(String),
    /// The system gives no threads.
    #[error("no thread can be started: {0}")]
    Threads(#[from] std::io::Error),
}

impl Hint for LoaderError {
    fn hints(&self) -> Hints {
        let hint: &'static str = match self {
            Self::Setting { hint, .. } => hint,
            Self::TooManyBroken { .. } | Self::NoneUsable { .. } => {
                "check that the dataset's folder is mounted and readable; each unusable image is named above"
            }
            Self::Panicked(_) => "this is a defect of this program: report it with the message",
            Self::Threads(_) => "lower the number of threads, or raise the system's limit",
        };
        hint.into()
    }
}

impl Settings {
    fn check(&self) -> Result<(), LoaderError> {
        let share = "with no worker the reference draws crops from the trainer's own random stream; give at least one";
        let settings = [
            ("the batch size", self.batch_size, "give at least one image"),
            ("train.num_workers", self.streams, share),
            ("the number of threads", self.threads, "give at least one"),
            ("the number of batches made ahead", self.prefetch, "give at least one"),
        ];
        match settings.into_iter().find(|(_, given, _)| *given == 0) {
            Some((setting, given, hint)) => Err(LoaderError::Setting { setting, given, hint }),
            None => Ok(()),
        }
    }
}

/// Batches in order, as long as the sampler goes on; a last one that is not full is dropped. After an error there are none.
///
/// Dropping it ends its threads, after the images at hand.
///
/// ```
/// use std::sync::Arc;
///
/// use dinov3_data::augment::Augmentation;
/// use dinov3_data::collate::Collation;
/// use dinov3_data::dataset::{Dataset, ReadError};
/// use dinov3_data::loader::{Loader, OnUnusable, Settings};
/// use dinov3_data::masking::Masking;
///
/// /// One photograph, again and again.
/// struct Album(Vec<u8>);
///
/// impl Dataset for Album {
///     fn len(&self) -> usize {
///         8
///     }
///
///     fn read(&self, _: usize) -> Result<Vec<u8>, ReadError> {
///         Ok(self.0.clone())
///     }
///
///     fn name_of(&self, index: usize) -> String {
///         format!("album/{index}.jpg")
///     }
/// }
///
/// let photograph = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/photographs/coffee.jpg");
/// let dataset = Arc::new(Album(std::fs::read(photograph)?));
/// let augmentation = Augmentation {
///     global_crops_scale: (0.32, 1.0),
///     local_crops_scale: (0.05, 0.32),
///     local_crops_number: 4,
///     global_crops_size: 32,
///     local_crops_size: 16,
///     gram_teacher: None,
///     local_crops_subset_of_global_crops: false,
///     patch_size: 8,
///     share_color_jitter: false,
///     horizontal_flips: true,
///     mean: [0.485, 0.456, 0.406],
///     std: [0.229, 0.224, 0.225],
/// };
/// let masking = Masking {
///     side: 4,
///     probability: 0.5,
///     ratio: (0.1, 0.5),
///     random_circular_shift: false,
///     max_num_patches: 8.0,
///     local_batch_size: None,
/// };
/// let settings = Settings { batch_size: 3, streams: 2, base_seed: 0, threads: 2, prefetch: 2, broken_limit: 0 };
/// // Whoever is told of images that cannot be used.
/// let unusable: OnUnusable = Arc::new(|image| eprintln!("{image}"));
/// let collation = Arc::new(Collation { augmentation, masking });
/// let loader = Loader::start(dataset, Box::new(0..8), collation, &settings, unusable)?;
///
/// // Two whole batches; the last two images make none.
/// let batches = loader.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(batches.len(), 2);
/// assert_eq!((batches[0].global_crops.len(), batches[0].local_crops.len()), (2 * 3, 4 * 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Loader {
    batches: Receiver<Result<Made, LoaderError>>,
    events: Sender<Event>,
    broken: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
    position: Position,
    failed: bool,
}

impl Loader {
    /// Starts making batches of `dataset`, in the order of `sampler`. From now on the process keeps the memory that it frees
    /// ([`memory::keep_freed`]). `unusable` is told of every image that cannot be used.
    ///
    /// # Errors
    /// When a setting is zero that may not be, or there are no threads to be had.
    pub fn start(
        dataset: Arc<dyn Dataset>,
        sampler: Box<dyn Iterator<Item = usize> + Send>,
        collation: Arc<Collation>,
        settings: &Settings,
        unusable: OnUnusable,
    ) -> Result<Self, LoaderError> {
        let position = Position::first(settings.base_seed, settings.streams);
        Self::start_at(dataset, sampler, collation, settings, unusable, position)
    }

    /// The same at the `position` of another loader of the same dataset and settings, from which `sampler` has given that loader's samples
    /// already: the batches are those that come next there. `base_seed` does not count.
    ///
    /// # Errors
    /// As [`Loader::start`], and when the position is one of another number of streams.
    pub fn start_at(
        dataset: Arc<dyn Dataset>,
        sampler: Box<dyn Iterator<Item = usize> + Send>,
        collation: Arc<Collation>,
        settings: &Settings,
        unusable: OnUnusable,
        position: Position,
    ) -> Result<Self, LoaderError> {
        settings.check()?;
        if position.streams.len() != settings.streams {
            let (given, hint) = (settings.streams, "give as many as the saved position has");
            return Err(LoaderError::Setting { setting: "train.num_workers", given, hint });
        }
        memory::keep_freed();
        let (events, inbox) = crossbeam_channel::unbounded();
        let (outbox, batches) = crossbeam_channel::unbounded();
        let (pool, mut threads) = Pool::start(settings.threads, dataset.clone(), collation.clone(), events.clone())?;
        let broken = Broken::new(&position.broken, unusable);
        let count = broken.count();
        let source = Source { dataset, sampler, position: position.clone() };
        let conductor = Conductor::new(source, collation, *settings, pool, outbox, broken);
        let start = thread::Builder::new().name("data".to_owned());
        threads.push(start.spawn(move || conductor.run(&inbox))?);
        Ok(Self { batches, events, broken: count, threads, position, failed: false })
    }

    /// Where a loader must start to give the batches that come next here. What is made ahead does not count.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// How many different images have been unusable so far.
    pub fn broken(&self) -> usize {
        self.broken.load(Ordering::Relaxed)
    }
}

impl Iterator for Loader {
    type Item = Result<Batch, LoaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        // The conductor hangs up after the last batch.
        let made = self.batches.recv().ok()?;
        self.failed = made.is_err();
        // If it is gone, there is nothing to make room for.
        let _ = self.events.send(Event::Taken);
        Some(made.map(|Made { batch, stream, after, broken }| {
            self.position.pass(stream, after, broken);
            batch
        }))
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        // A conductor that is gone has ended already, and so has the pool, whose queue it held.
        let _ = self.events.send(Event::Stop);
        for thread in self.threads.drain(..) {
            // A panic has been reported as an error.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
