//! The figures for a program.

use std::fmt::Display;
use std::path::Path;

use dinov3_ground::atomic::write_file;
use serde_json::Value;

use crate::arguments::from_caller;
use crate::failure::{ENVIRONMENT, Failure};

/// Writes the figures where `--json` says, if it does: under another name until the file is whole.
///
/// # Errors
/// When the file cannot be written.
pub fn write_json(path: Option<&Path>, figures: &Value) -> Result<(), Failure> {
    path.map_or(Ok(()), |path| write(&from_caller(path), figures))
}

/// Writes figures into a file: under another name until the file is whole.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, figures: &Value) -> Result<(), Failure> {
    let written = write_file(path, |out| {
        serde_json::to_writer_pretty(&mut *out, figures)?;
        writeln!(out)
    });
    written.map_err(unwritten)
}

fn unwritten(error: impl Display) -> Failure {
    Failure::new(ENVIRONMENT, format!("the figures cannot be written: {error}"), "look at --json, and at the disk")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("figures.json");
        for ratio in [1.5, 2.5] {
            write_json(Some(&path), &serde_json::json!({ "ratio": ratio })).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{{\n  \"ratio\": {ratio}\n}}\n"));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let nowhere = folder.path().join("nowhere/figures.json");
        assert_eq!(write_json(Some(&nowhere), &Value::Null).unwrap_err().parts().0, ENVIRONMENT);
    }
}
