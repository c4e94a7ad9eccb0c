//! Readers of logs. The content decides the format, not the name of the file.

mod columns;
mod config;
mod csv;
mod detect;
mod error;
mod json;
mod tensorboard;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

use crate::meters::TOTAL_LOSS;
use crate::run::{Format, Note, Run};

pub use error::{Problem, ReadError};

/// The name of the merged config beside `training_metrics.json`.
const CONFIG: &str = "config.yaml";

/// Reads the log of a run: a file of any format, a folder of TensorBoard's event files, or the output folder of a
/// training program, whose `training_metrics.json` is read.
///
/// `training_metrics.json` says nothing of its run; what `config.yaml` beside it says counts.
///
/// # Errors
/// When the file cannot be read, or is not a log of a run.
pub fn read(path: &Path) -> Result<Run, ReadError> {
    let files = files(path)?;
    let mut bytes = Vec::new();
    for file in &files {
        let mut part = fs::read(file).map_err(|source| ReadError::Io { file: file.clone(), source })?;
        if bytes.is_empty() {
            bytes = part;
        } else {
            bytes.append(&mut part);
        }
    }
    let name = files.first().map_or(path, PathBuf::as_path).display().to_string();
    let mut run = read_bytes(&name, &bytes)?;
    let beside = files.first().and_then(|file| file.parent()).map(|folder| folder.join(CONFIG));
    if let Some(beside) = beside.filter(|beside| run.facts.config.is_none() && beside.is_file()) {
        let text = fs::read(&beside).map_err(|source| ReadError::Io { file: beside.clone(), source })?;
        config::learn(&mut run.facts, &String::from_utf8_lossy(&text));
        run.notes.push(Note::ConfigBeside { path: beside.display().to_string() });
    }
    Ok(run)
}

/// Reads a log from memory. `name` stands for the file in notes and errors.
///
/// # Errors
/// When the bytes are not a log of a run.
pub fn read_bytes(name: &str, bytes: &[u8]) -> Result<Run, ReadError> {
    let fail = |problem| ReadError::File { file: name.to_owned(), problem };
    let mut run = match detect::format(bytes).map_err(fail)? {
        Format::JsonLines => json::read(bytes),
        Format::Csv => csv::read(bytes),
        Format::TensorBoard => tensorboard::read(bytes),
        _ => text::read(bytes),
    }
    .map_err(fail)?;
    run.name = name.to_owned();
    assume_total_loss(&mut run);
    if run.series.is_empty() {
        return Err(fail(Problem::NoFigures(run.format)));
    }
    Ok(run)
}

/// Takes the column `loss` for the total loss where no column has that name.
fn assume_total_loss(run: &mut Run) {
    if run.series(TOTAL_LOSS).is_some() {
        return;
    }
    if let Some(series) = run.series.iter_mut().find(|series| ["loss", "Value"].contains(&series.meter.as_str())) {
        let column = std::mem::replace(&mut series.meter, TOTAL_LOSS.to_owned());
        run.notes.push(Note::Assumed { column, meter: TOTAL_LOSS.to_owned() });
    }
}

/// The files of a run: the file itself, or those of a folder.
fn files(path: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let io = |source| ReadError::Io { file: path.to_owned(), source };
    if !fs::metadata(path).map_err(io)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    for known in ["training_metrics.json", "logs/log.txt", "log.txt"] {
        if path.join(known).is_file() {
            return Ok(vec![path.join(known)]);
        }
    }
    let mut events = Vec::new();
    for entry in fs::read_dir(path).map_err(io)? {
        let entry = entry.map_err(io)?.path();
        if entry.file_name().is_some_and(|name| name.to_string_lossy().contains("tfevents")) {
            events.push(entry);
        }
    }
    // The names hold the time of their beginning.
    events.sort();
    if events.is_empty() { Err(ReadError::NoLog { folder: path.to_owned() }) } else { Ok(events) }
}
