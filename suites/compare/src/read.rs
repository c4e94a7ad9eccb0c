//! From an argument to a side: a published row, a report, a folder or a log.

use std::fs;
use std::path::{Path, PathBuf};

use dinov3_reports::message::Message;
use dinov3_reports::{json, published};
use dinov3_trajectory as trajectory;
use dinov3_trajectory::{Format, Run};

use crate::told::notes;
use crate::{CompareError, Side, figures, log};

/// Reads one side. `argument` is a published row's name, a file or a folder, with `LABEL=` before it or not.
///
/// # Errors
/// When there is no such thing, or it holds neither a speed nor a loss.
pub fn read(argument: &str) -> Result<Side, CompareError> {
    let (label, place) = labelled(argument);
    let path = Path::new(place);
    if !path.exists() {
        let row = published::row(place).ok_or_else(|| CompareError::Unknown(place.to_owned()))?;
        let mut side = Side::published(row);
        if let Some(label) = label {
            label.clone_into(&mut side.name);
        }
        return Ok(side);
    }
    let name = label.map_or_else(|| name_of(path), str::to_owned);
    let mut side = Side::of_file(name, place.to_owned());
    side.chip = label.map(Message::name);
    match path.is_dir() {
        true => folder(path, &mut side)?,
        false => file(path, &mut side)?,
    }
    Ok(side)
}

/// Reads logs of further runs.
///
/// # Errors
/// When one of them is no log.
pub fn logs(files: &[PathBuf]) -> Result<Vec<Run>, CompareError> {
    Ok(files.iter().map(|file| trajectory::read(file)).collect::<Result<_, _>>()?)
}

/// `LABEL=PATH`, where no file has that whole name.
fn labelled(argument: &str) -> (Option<&str>, &str) {
    match argument.split_once('=') {
        Some((label, place)) if !label.is_empty() && !Path::new(argument).exists() => (Some(label), place),
        _ => (None, argument),
    }
}

/// The last two parts of a path: logs are all called `log.txt`.
fn name_of(path: &Path) -> String {
    let parts: Vec<_> =
        path.components().map(|part| part.as_os_str().to_string_lossy()).filter(|it| it != ".").collect();
    let name = parts[parts.len().saturating_sub(2)..].join("/");
    name.trim_start_matches('/').to_owned()
}

fn bytes(file: &Path) -> Result<Vec<u8>, CompareError> {
    fs::read(file).map_err(|cause| CompareError::Io { file: file.to_owned(), cause })
}

fn file(path: &Path, side: &mut Side) -> Result<(), CompareError> {
    let bytes = bytes(path)?;
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]);
    if head.trim_start().starts_with('{') && head.contains("\"schema_version\"") {
        let text = String::from_utf8_lossy(&bytes);
        let report = json::from_json(&text).map_err(|cause| CompareError::Report { file: path.to_owned(), cause })?;
        return figures::of_report(&report, path, side);
    }
    if figures::is_script_file(&head) {
        return figures::of_script_file(&head, path, side);
    }
    let run = trajectory::read(path)?;
    let format = run.format;
    log::of_run(run, side);
    log::of_times(&bytes, format, side);
    Ok(())
}

/// The folder of a training, or the `test/output` of the published scripts.
fn folder(path: &Path, side: &mut Side) -> Result<(), CompareError> {
    let (mut scripts, mut texts) = (Vec::new(), Vec::new());
    let io = |cause| CompareError::Io { file: path.to_owned(), cause };
    for entry in fs::read_dir(path).map_err(io)? {
        let entry = entry.map_err(io)?.path();
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match name.strip_suffix(".log") {
            Some(stem) if ["_acc", "_perf", "_performance"].iter().any(|it| stem.ends_with(it)) => scripts.push(entry),
            Some(stem) if stem.starts_with("train_") => texts.push(entry),
            _ => {}
        }
    }
    scripts.sort();
    texts.sort();
    for script in scripts.iter().take(1) {
        let text = String::from_utf8_lossy(&bytes(script)?).into_owned();
        figures::of_script_file(&text, script, side)?;
    }
    let known = ["logs/log.txt", "log.txt"].map(|name| path.join(name));
    let text: Option<PathBuf> = known.into_iter().find(|it| it.is_file()).or(texts.into_iter().next());
    // The losses of `training_metrics.json` have all their digits; its times are those of the text log.
    let losses = path.join("training_metrics.json");
    match (losses.is_file(), &text) {
        (true, text) => {
            log::of_run(trajectory::read(&losses)?, side);
            // A text log without a line of losses, which has no run in it, may have times all the same.
            if let Some(Ok(run)) = text.as_ref().map(|text| trajectory::read(text)) {
                side.remarks.extend(notes::of(&run));
            }
        }
        (false, Some(text)) => log::of_run(trajectory::read(text)?, side),
        (false, None) if scripts.is_empty() => log::of_run(trajectory::read(path)?, side),
        (false, None) => {}
    }
    match text {
        Some(text) => log::of_times(&bytes(&text)?, Format::Text, side),
        None if losses.is_file() => log::of_times(&bytes(&losses)?, Format::JsonLines, side),
        None => {}
    }
    Ok(())
}
