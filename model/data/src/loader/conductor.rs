//! The conductor: the thread that decides which files are read, draws parameters, replaces unusable images, and
//! completes batches.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender};

use super::pool::{File, Place, Pool};
use super::position::Position;
use super::{LoaderError, OnUnusable, Settings, Unread, Unusable};
use crate::augment::Crops;
use crate::collate::{Batch, Collation};
use crate::dataset::Dataset;
use crate::masking::Masks;
use crate::random::Streams;

/// The events that the conductor receives.
pub(super) enum Event {
    /// A file was read, or could not be read.
    Read(Place, Result<File, Unread>),
    /// Crops were made, or the file could not be decoded.
    Cut(Place, Result<Crops, Unread>),
    /// A thread of the pool panicked.
    Panicked(String),
    /// The trainer took a batch.
    Taken,
    /// The loader is dropped.
    Stop,
}

/// An image of an unfinished batch.
struct Sample {
    /// The index in the dataset; changes when the image is replaced.
    index: usize,
    file: Option<File>,
    /// The state of the stream before the draw of this image's parameters.
    before: Option<Streams>,
    crops: Option<Crops>,
}

/// An unfinished batch.
struct Pending {
    samples: Vec<Sample>,
    /// Number of images with drawn parameters.
    drawn: usize,
    masks: Option<Masks>,
    /// The stream as it stood after the masks were drawn.
    after: Option<Streams>,
    /// Images of the dataset that could not be used for it.
    broken: Vec<usize>,
}

/// What images come from, and how far others have come with it.
pub(super) struct Source {
    pub(super) dataset: Arc<dyn Dataset>,
    /// At the position.
    pub(super) sampler: Box<dyn Iterator<Item = usize> + Send>,
    pub(super) position: Position,
}

/// A whole batch, and what making it has changed.
pub(super) struct Made {
    pub(super) batch: Batch,
    /// Which stream it was drawn from.
    pub(super) stream: usize,
    /// The stream as it stood after the batch.
    pub(super) after: Streams,
    /// Images of the dataset that could not be used for it.
    pub(super) broken: Vec<usize>,
}

/// The unusable images, and the callback for them.
pub(super) struct Broken {
    images: HashSet<usize>,
    count: Arc<AtomicUsize>,
    told: OnUnusable,
}

impl Broken {
    /// Starts with the unusable images of an earlier run. The callback is not called for them again.
    pub(super) fn new(before: &BTreeSet<usize>, told: OnUnusable) -> Self {
        Self { images: before.iter().copied().collect(), count: Arc::new(AtomicUsize::new(before.len())), told }
    }

    /// The shared count of unusable images.
    pub(super) fn count(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.count)
    }

    fn insert(&mut self, index: usize, image: Unusable) {
        if self.images.insert(index) {
            self.count.store(self.images.len(), Ordering::Relaxed);
            (self.told)(image);
        }
    }
}

pub(super) struct Conductor {
    dataset: Arc<dyn Dataset>,
    sampler: Box<dyn Iterator<Item = usize> + Send>,
    collation: Arc<Collation>,
    settings: Settings,
    pool: Pool,
    outbox: Sender<Result<Made, LoaderError>>,
    /// One stream for each of the reference's workers.
    streams: Vec<Streams>,
    pending: BTreeMap<u64, Pending>,
    /// Begun batches, those before the position that the loader was started at among them.
    begun: u64,
    /// Batches that the trainer has not taken yet.
    untaken: usize,
    /// The number of the batch whose parameters are drawn next.
    drawing: u64,
    broken: Broken,
    /// Number of replacements for each place whose image was replaced.
    replaced: HashMap<Place, usize>,
    ended: bool,
}

/// The reason why the conductor ends.
enum End {
    /// The loader was dropped.
    Stopped,
    Failed(LoaderError),
}

impl Conductor {
    pub(super) fn new(
        source: Source,
        collation: Arc<Collation>,
        settings: Settings,
        pool: Pool,
        outbox: Sender<Result<Made, LoaderError>>,
        broken: Broken,
    ) -> Self {
        let Source { dataset, sampler, position } = source;
        Self {
            dataset,
            sampler,
            collation,
            settings,
            pool,
            outbox,
            streams: position.streams,
            pending: BTreeMap::new(),
            begun: position.taken,
            untaken: 0,
            drawing: position.taken,
            broken,
            replaced: HashMap::new(),
            ended: false,
        }
    }

    /// Runs until the sampler's last batch is sent, an error occurs, or the loader is dropped. Closes the channels on
    /// both sides at the end.
    pub(super) fn run(mut self, inbox: &Receiver<Event>) {
        let end = loop {
            self.begin();
            if self.ended && self.pending.is_empty() {
                return;
            }
            let Ok(event) = inbox.recv() else { return };
            if let Err(end) = self.handle(event) {
                break end;
            }
        };
        if let End::Failed(error) = end {
            // A failed send means that the loader was dropped, and is ignored.
            let _ = self.outbox.send(Err(error));
        }
    }

    fn handle(&mut self, event: Event) -> Result<(), End> {
        match event {
            Event::Read(place, Ok(file)) => {
                self.sample(place).file = Some(file);
                self.redraw(place);
                self.draw();
            }
            Event::Read(place, Err(reason)) => self.replace(place, reason)?,
            Event::Cut(place, Ok(crops)) => {
                let sample = self.sample(place);
                sample.crops = Some(crops);
                sample.before = None;
                self.deliver();
            }
            Event::Cut(place, Err(reason)) => self.replace(place, reason)?,
            Event::Panicked(message) => return Err(End::Failed(LoaderError::Panicked(message))),
            Event::Taken => self.untaken -= 1,
            Event::Stop => return Err(End::Stopped),
        }
        Ok(())
    }

    /// Begins batches up to the allowed number.
    fn begin(&mut self) {
        while !self.ended && self.untaken < self.settings.prefetch {
            let indices: Vec<_> = self.sampler.by_ref().take(self.settings.batch_size).collect();
            if indices.len() < self.settings.batch_size {
                self.ended = true;
                return;
            }
            for (image, index) in indices.iter().enumerate() {
                self.pool.read(Place { batch: self.begun, image }, *index);
            }
            let sample = |index| Sample { index, file: None, before: None, crops: None };
            let samples = indices.into_iter().map(sample).collect();
            self.pending
                .insert(self.begun, Pending { samples, drawn: 0, masks: None, after: None, broken: Vec::new() });
            self.begun += 1;
            self.untaken += 1;
        }
    }

    fn pending(&mut self, batch: u64) -> &mut Pending {
        self.pending.get_mut(&batch).expect("a batch is pending until all its images are done")
    }

    fn sample(&mut self, place: Place) -> &mut Sample {
        &mut self.pending(place.batch).samples[place.image]
    }

    /// Draws parameters in order for all images with a known size, and a batch's masks after its last image.
    fn draw(&mut self) {
        while let Some(pending) = self.pending.get_mut(&self.drawing) {
            let streams = &mut self.streams[(self.drawing % self.settings.streams as u64) as usize];
            while let Some(sample) = pending.samples.get_mut(pending.drawn) {
                let Some(file) = sample.file.take() else { return };
                sample.before = Some(streams.clone());
                let parameters = self.collation.augmentation.draw(file.width, file.height, streams);
                self.pool.cut(Place { batch: self.drawing, image: pending.drawn }, file, parameters);
                pending.drawn += 1;
            }
            pending.masks = Some(self.collation.masking.draw(pending.samples.len(), streams));
            pending.after = Some(streams.clone());
            self.drawing += 1;
        }
    }

    /// Draws new parameters for an image that was replaced after the draw of its parameters. The draw starts from the
    /// state of the stream before the first draw, so later images keep their parameters.
    fn redraw(&mut self, place: Place) {
        let drawn = self.pending.get(&place.batch).is_some_and(|pending| place.image < pending.drawn);
        if !drawn {
            return;
        }
        let collation = self.collation.clone();
        let sample = self.sample(place);
        if let (Some(file), Some(before)) = (sample.file.take(), &sample.before) {
            let parameters = collation.augmentation.draw(file.width, file.height, &mut before.clone());
            self.pool.cut(place, file, parameters);
        }
    }

    /// Reads the next image of the dataset as the replacement of an unusable image.
    fn replace(&mut self, place: Place, reason: Unread) -> Result<(), End> {
        let index = self.sample(place).index;
        let name = self.dataset.name_of(index);
        let last = format!("{name}: {reason}");
        self.pending(place.batch).broken.push(index);
        self.broken.insert(index, Unusable { image: name, reason });
        let (broken, limit) = (self.broken.images.len(), self.settings.broken_limit);
        if broken > limit {
            return Err(End::Failed(LoaderError::TooManyBroken { broken, limit, last }));
        }
        let times = self.replaced.entry(place).or_default();
        *times += 1;
        if *times >= self.dataset.len() {
            return Err(End::Failed(LoaderError::NoneUsable { last }));
        }
        let next = (index + 1) % self.dataset.len();
        self.sample(place).index = next;
        self.pool.read(place, next);
        Ok(())
    }

    /// Sends complete batches, in order.
    fn deliver(&mut self) {
        while let Some(first) = self.pending.first_entry() {
            let whole = first.get().masks.is_some() && first.get().samples.iter().all(|sample| sample.crops.is_some());
            if !whole {
                return;
            }
            let number = *first.key();
            let Pending { samples, masks, after, broken, .. } = first.remove();
            self.replaced.retain(|place, _| place.batch != number);
            let crops = samples.into_iter().filter_map(|sample| sample.crops).collect();
            if let (Some(masks), Some(after)) = (masks, after) {
                let stream = (number % self.settings.streams as u64) as usize;
                // A dropped loader sends its own event.
                let _ = self.outbox.send(Ok(Made { batch: Batch::new(crops, masks), stream, after, broken }));
            }
        }
    }
}
