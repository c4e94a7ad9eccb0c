//! The pool of threads that read, decode and make crops.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, select_biased};

use super::Unread;
use super::conductor::Event;
use crate::augment::{Crops, Parameters};
use crate::collate::Collation;
use crate::dataset::Dataset;
use crate::decode;

/// The place of an image: the number of the batch, and the index of the image in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) batch: u64,
    pub(super) image: usize,
}

/// An image's file, and the size from its header.
pub(super) struct File {
    pub(super) bytes: Vec<u8>,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// Hands work to the threads. Crops come before files, so that begun images are finished before further images are
/// begun.
pub(super) struct Pool {
    files: Sender<(Place, usize)>,
    crops: Sender<(Place, File, Parameters)>,
}

impl Pool {
    pub(super) fn start(
        threads: usize,
        dataset: Arc<dyn Dataset>,
        collation: Arc<Collation>,
        events: Sender<Event>,
    ) -> std::io::Result<(Self, Vec<JoinHandle<()>>)> {
        let (files, files_asked) = crossbeam_channel::unbounded();
        let (crops, crops_asked) = crossbeam_channel::unbounded();
        let start = |number| {
            let worker = Worker {
                files: files_asked.clone(),
                crops: crops_asked.clone(),
                dataset: dataset.clone(),
                collation: collation.clone(),
                events: events.clone(),
            };
            thread::Builder::new().name(format!("data-{number}")).spawn(move || worker.run())
        };
        let threads = (0..threads).map(start).collect::<Result<_, _>>()?;
        Ok((Self { files, crops }, threads))
    }

    /// Queues the read of the dataset's image `index`.
    pub(super) fn read(&self, place: Place, index: usize) {
        // The threads live as long as this queue, so the send cannot fail.
        let _ = self.files.send((place, index));
    }

    /// Queues the crops of a file.
    pub(super) fn cut(&self, place: Place, file: File, parameters: Parameters) {
        let _ = self.crops.send((place, file, parameters));
    }
}

struct Worker {
    files: Receiver<(Place, usize)>,
    crops: Receiver<(Place, File, Parameters)>,
    dataset: Arc<dyn Dataset>,
    collation: Arc<Collation>,
    events: Sender<Event>,
}

impl Worker {
    /// Works until the pool is dropped.
    fn run(self) {
        loop {
            let event = select_biased! {
                recv(self.crops) -> job => match job {
                    Ok((place, file, parameters)) => caught(|| Event::Cut(place, self.cut(&file, &parameters))),
                    Err(_) => return,
                },
                recv(self.files) -> job => match job {
                    Ok((place, index)) => caught(|| Event::Read(place, self.read(index))),
                    Err(_) => return,
                },
            };
            if self.events.send(event).is_err() {
                return;
            }
        }
    }

    fn read(&self, index: usize) -> Result<File, Unread> {
        let bytes = self.dataset.read(index)?;
        let (width, height) = decode::dimensions(&bytes)?;
        Ok(File { bytes, width, height })
    }

    fn cut(&self, file: &File, parameters: &Parameters) -> Result<Crops, Unread> {
        let image = decode::decode(&file.bytes)?;
        Ok(self.collation.augmentation.apply(&image, parameters))
    }
}

fn caught(work: impl FnOnce() -> Event) -> Event {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Event::Panicked(text.unwrap_or_else(|| "without a message".to_owned()))
    })
}
