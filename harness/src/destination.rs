//! `--report FILE`: checks before the work begins.

use std::io;
use std::path::Path;

use dinov3_reports::format_of;
use dinov3_reports::write::WriteError;

/// Checks, as far as possible beforehand, that a report can be written to `path`, so that minutes of work do not end in a misspelt name. Leaves
/// nothing behind. Missing folders are made when the report is written.
///
/// # Errors
/// As [`dinov3_reports::write_report`].
pub fn check(path: &Path) -> Result<(), WriteError> {
    format_of(path)?;
    check_file(path)
}

/// The same for a file whose name does not matter.
///
/// # Errors
/// [`WriteError::Io`] if no file of that name can be made.
pub fn check_file(path: &Path) -> Result<(), WriteError> {
    let fault = |cause: io::Error| WriteError::Io { path: path.to_owned(), cause };
    if path.is_dir() {
        return Err(fault(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")));
    }
    let folder = nearest_folder(path).map_err(fault)?;
    match tempfile::tempfile_in(folder) {
        Ok(_) => Ok(()),
        // Only the kind is kept, since the message is about the temporary file.
        Err(cause) => {
            Err(fault(io::Error::new(cause.kind(), format!("no file can be made in `{}`", folder.display()))))
        }
    }
}

/// The folder of `path`, or the nearest one above it that exists.
fn nearest_folder(path: &Path) -> io::Result<&Path> {
    let above =
        path.ancestors().skip(1).map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    for folder in above {
        match folder.metadata() {
            Ok(found) if found.is_dir() => return Ok(folder),
            Ok(_) => {
                let what = format!("`{}` is a file", folder.display());
                return Err(io::Error::new(io::ErrorKind::NotADirectory, what));
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_be_written_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::write(root.join("file"), "mine").unwrap();
        std::fs::write(root.join("old.md"), "to be replaced").unwrap();
        std::fs::create_dir(root.join("folder.md")).unwrap();
        for good in ["new.md", "old.md", "deep/and/deeper/new.json"] {
            check(&root.join(good)).unwrap();
        }
        check(Path::new("new.md")).unwrap();
        let refusals = ["report.pdf", "file/new.md", "file/deep/new.md", "folder.md"].map(|name| {
            let error = check(&root.join(name)).unwrap_err();
            dinov3_ground::hint::text(&error).replace(&*root.to_string_lossy(), "FOLDER")
        });
        assert_eq!(std::fs::read_dir(root).unwrap().count(), 3, "something was left behind");
        insta::assert_snapshot!(refusals.join("\n\n"), @"
        cannot tell the format of the report `FOLDER/report.pdf` from its name
        hint: let the name end in .json, .md, .html, .xml, .csv, .tensors.csv, .sarif, .log or .tfevents

        cannot write `FOLDER/file/new.md`: `FOLDER/file` is a file
        hint: a part of the path is a file, not a folder: name another path

        cannot write `FOLDER/file/deep/new.md`: `FOLDER/file` is a file
        hint: a part of the path is a file, not a folder: name another path

        cannot write `FOLDER/folder.md`: it is a folder
        hint: this is a folder: name a file in it
        ");
    }
}
