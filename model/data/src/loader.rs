//! The loader: threads make batches ahead of the trainer.
//!
//! The reference's loader has W worker processes, each with its own random streams, and worker b mod W makes the whole
//! batch b. The content of a batch thus depends on the number of workers. This loader replaces the workers with W
//! *streams*, W being the number in the config, and any number of threads does the work. One thread draws the
//! parameters of batch b from stream b mod W; it needs only the size of each image. The other threads read files,
//! decode and make crops in any order. The batches therefore equal the reference's, for every number of threads.
//!
//! The loader replaces an image that cannot be read or decoded with the next image of the dataset, counts it, and
//! reports it to the caller ([`Unusable`]). Too many unusable images end the run; the reference ends at the first. The
//! replacement of an image depends only on the dataset.

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
use crate::dataset::{Dataset, ReadError};
use crate::decode::DecodeError;
use crate::memory;
use conductor::{Broken, Conductor, Event, Made, Source};
use pool::Pool;
pub use position::Position;
pub use run::{LoaderAt, RunAt, RunLoader, RunPosition, Start, StartError};

/// The settings of a loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Images per batch.
    pub batch_size: usize,
    /// Number of random streams: the reference's number of workers (`train.num_workers`).
    pub streams: usize,
    /// The seed of the streams. The reference's loader draws it from torch's global generator when it starts.
    pub base_seed: u64,
    /// Number of threads that read, decode and make crops.
    pub threads: usize,
    /// Number of batches that are begun, or finished and not yet taken, at any time.
    pub prefetch: usize,
    /// Number of images of the dataset that may be unusable before the run ends. With 0 the first one ends it, as in the
    /// reference.
    pub broken_limit: usize,
}

/// An image that cannot be read or decoded. The next image of the dataset replaces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The image's name in its dataset, such as the path of its file.
    pub image: String,
    /// The reason why the image cannot be used.
    pub reason: Unread,
}

/// The reason why an image cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// The dataset cannot read the file; the text of its error.
    #[error("{0}")]
    File(String),
    /// The bytes of the file cannot be decoded.
    #[error(transparent)]
    Image(#[from] DecodeError),
}

impl From<ReadError> for Unread {
    fn from(error: ReadError) -> Self {
        Self::File(error.to_string())
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the image {} cannot be used, and the next one takes its place: {}", self.image, self.reason)
    }
}

/// The callback for unusable images. A thread of the loader calls it once for each image, before the batch of that
/// image.
pub type OnUnusable = Arc<dyn Fn(Unusable) + Send + Sync>;

/// The reason why there are no more batches.
#[derive(Debug, thiserror::Error)]
pub enum LoaderError {
    /// A setting that cannot be honoured.
    #[error("{setting} cannot be {given}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// Its value.
        given: usize,
        /// The remedy.
        hint: &'static str,
    },
    /// There are too many unusable images.
    #[error("{broken} images cannot be used, more than the {limit} allowed; the last one: {last}")]
    TooManyBroken {
        /// Number of different unusable images.
        broken: usize,
        /// Number of allowed unusable images.
        limit: usize,
        /// Name of the last image, and the reason.
        last: String,
    },
    /// No image of the dataset can be used.
    #[error("no image of the dataset can be used; the last one: {last}")]
    NoneUsable {
        /// Name of the last image, and the reason.
        last: String,
    },
    /// A defect of this program.
    #[error("a thread of the loader panicked: {0}")]
    Panicked(String),
    /// The system cannot start a thread.
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

/// Batches in order, until the sampler ends. An incomplete last batch is dropped. After an error there are no more
/// batches.
///
/// Dropping the loader ends its threads as soon as they finish their current images.
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
/// /// A dataset that repeats one photograph.
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
/// // The callback for images that cannot be used.
/// let unusable: OnUnusable = Arc::new(|image| eprintln!("{image}"));
/// let collation = Arc::new(Collation { augmentation, masking });
/// let loader = Loader::start(dataset, Box::new(0..8), collation, &settings, unusable)?;
///
/// // Two complete batches; the last two images are dropped.
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
    /// Starts a loader of `dataset` in the order of `sampler`. From now on the process keeps the memory that it frees
    /// ([`memory::keep_freed`]). The loader calls `unusable` for every image that cannot be used.
    ///
    /// # Errors
    /// If a setting is zero that must not be, or the system cannot start the threads.
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

    /// The same at the `position` of another loader of the same dataset and settings, from which `sampler` has given
    /// that loader's samples already: the batches are those that come next there. `base_seed` does not count.
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

    /// Number of different unusable images so far.
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
