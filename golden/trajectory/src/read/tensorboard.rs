//! TensorBoard's event files: records of TFRecord that hold protobuf messages.
//!
//! The crates that read them bring a whole TensorFlow schema (`tfrecord`) or only write (`tensorboard-rs`); five fields
//! of three messages are needed.

mod events;
mod frames;
mod protobuf;

use super::columns::{MOST, series};
use super::error::Problem;
use crate::meters::{TOTAL_LOSS, canonical};
use crate::run::{Format, Note, Resolution, Run};

pub(super) use frames::is_record;

use events::Scalar;

/// The scalars of a tag, in the order of the file.
struct Tag {
    name: Vec<u8>,
    steps: Vec<u64>,
    values: Vec<f64>,
    resolution: Resolution,
}

/// Reads event files, one behind the other.
pub(super) fn read(bytes: &[u8]) -> Result<Run, Problem> {
    let mut run = Run { format: Format::TensorBoard, ..Run::default() };
    let (mut tags, mut others): (Vec<Tag>, Vec<String>) = (Vec::new(), Vec::new());
    let (mut offset, mut record) = (0, 0);
    while offset < bytes.len() {
        record += 1;
        let bad = |reason: &str| Problem::Record { record, offset: offset as u64, reason: reason.to_owned() };
        let Some(frame) = frames::next(&bytes[offset..]).map_err(bad)? else {
            run.notes.push(Note::CutLine { line: record });
            break;
        };
        let event = events::event(frame.data).ok_or_else(|| bad("no event of TensorBoard"))?;
        for (tag, scalar) in event.scalars {
            let Some(Scalar { value, resolution }) = scalar else {
                let tag = String::from_utf8_lossy(tag).into_owned();
                if !others.contains(&tag) {
                    others.push(tag);
                }
                continue;
            };
            let step = event.step.filter(|step| *step <= MOST).ok_or_else(|| bad("its step is no iteration"))?;
            let tag = tags.iter().position(|known| known.name == tag).unwrap_or_else(|| {
                tags.push(Tag { name: tag.to_owned(), steps: Vec::new(), values: Vec::new(), resolution });
                tags.len() - 1
            });
            tags[tag].steps.push(step);
            tags[tag].values.push(value);
            tags[tag].resolution = tags[tag].resolution.coarser(resolution);
        }
        offset += frame.length;
    }
    if !others.is_empty() {
        run.notes.push(Note::NotNumbers { columns: others });
    }
    // A writer may give each tag its own steps: those of the loss stand for the log.
    let total = |tag: &&Tag| canonical(&String::from_utf8_lossy(&tag.name)) == TOTAL_LOSS;
    let logged = tags.iter().find(total).or_else(|| tags.iter().max_by_key(|tag| tag.steps.len()));
    run.logged = logged.map(|tag| tag.steps.clone()).unwrap_or_default();
    run.series = tags.into_iter().map(|tag| series(&tag.name, tag.steps, tag.values, tag.resolution)).collect();
    Ok(run)
}
