//! One run of a comparison: what is known of it, whatever it was read from.

use dinov3_reports::message::{Between, ComparedWord, Message};
use dinov3_reports::published;
use dinov3_reports::published::Row;
use dinov3_trajectory::Run;
use dinov3_trajectory::timing::{Excluded, Window};

/// Where a side comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A published row: nobody has measured it here.
    Published,
    /// A file or a folder.
    File(String),
}

/// One run.
#[derive(Clone, Debug)]
pub struct Side {
    /// Its name, unique in a comparison.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What measured it; none where it was only published.
    pub by: Option<ComparedWord>,
    /// What computed.
    pub chip: Option<Message>,
    /// The device that a report says it was measured on, whatever name the run was given.
    pub device: Option<String>,
    /// How many cards.
    pub cards: Option<u64>,
    /// Images a step over all cards.
    pub batch: Option<u64>,
    /// Iterations.
    pub steps: Option<u64>,
    /// The loss at the end, with the digits that its source has.
    pub loss: Option<String>,
    /// Images a second by the published scripts, with the digits that they print.
    pub fps: Option<String>,
    /// Images a second at the median step, with its interval.
    pub speed: Option<Between>,
    /// Images a second of one rank alone, where the same run has measured that too.
    pub alone: Option<f64>,
    /// Whether the published script's own file says that the run failed.
    pub failed: bool,
    /// Why the speed is not to be trusted.
    pub doubts: Vec<Message>,
    /// Doubts that were allowed where it was measured.
    pub allowed: Vec<Message>,
    /// The steps of the published figure, and the median step in seconds.
    pub window: Option<(Window, Option<f64>)>,
    /// The steps that do not count for the median.
    pub excluded: Vec<Excluded>,
    /// The parts of a step: key, name, seconds a step.
    pub phases: Vec<(String, Message, f64)>,
    /// Its losses, where it has a log.
    pub run: Option<Run>,
    /// What its logs say beside their figures.
    pub remarks: Vec<Message>,
}

impl Side {
    /// A side of which nothing is known but where it comes from.
    pub(crate) fn of_file(name: String, file: String) -> Self {
        Self {
            name,
            origin: Origin::File(file),
            by: None,
            chip: None,
            device: None,
            cards: None,
            batch: None,
            steps: None,
            loss: None,
            fps: None,
            speed: None,
            alone: None,
            failed: false,
            doubts: Vec::new(),
            allowed: Vec::new(),
            window: None,
            excluded: Vec::new(),
            phases: Vec::new(),
            run: None,
            remarks: Vec::new(),
        }
    }

    /// A published row.
    pub fn published(row: &Row) -> Self {
        Self {
            origin: Origin::Published,
            chip: Some(row.chip.into()),
            cards: Some(row.cards),
            batch: Some(row.global_batch_size),
            steps: Some(row.max_steps),
            loss: Some(row.final_loss.to_owned()),
            fps: Some(row.fps.to_owned()),
            ..Self::of_file(row.name.to_owned(), published::SOURCE.to_owned())
        }
    }

    /// Whether anything is known of its speed.
    pub fn is_timed(&self) -> bool {
        self.fps.is_some() || self.speed.is_some()
    }
}
