//! A report on disk: whole or not at all.

use crate::{Format, Lang, Place, RenderError, RunReport};
use dinov3_ground::atomic::StagedFile;
use dinov3_ground::{Hint, Hints};
use std::io;
use std::path::{Path, PathBuf};

/// A report could not be rendered or written. The text of the cause is part of the message.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file name does not say which format is wanted.
    #[error("cannot tell the format of the report `{}` from its name", path.display())]
    Extension {
        /// The file asked for.
        path: PathBuf,
    },
    /// The file system refused. Nothing half-written is left behind, and a report that was there before still is.
    #[error("cannot write `{}`: {cause}", path.display())]
    Io {
        /// The file or folder that could not be written.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The report could not be rendered.
    #[error("cannot render the report as {format}: {cause}")]
    Render {
        /// The format asked for.
        format: Format,
        /// What the renderer said.
        cause: RenderError,
    },
}

/// What to do about an error that no user can cause.
pub(crate) const OUR_FAULT: &str = "this is a fault of the program, please report it";

impl Hint for WriteError {
    fn hints(&self) -> Hints {
        match self {
            Self::Extension { .. } => format!("let the name end in {}", crate::endings()).into(),
            Self::Io { cause, .. } => hint(cause.kind()).into(),
            Self::Render { .. } => OUR_FAULT.into(),
        }
    }
}

/// The report in this format, for standard output.
///
/// # Errors
/// [`WriteError::Render`]; no report is known to cause it.
pub fn render(report: &RunReport, format: Format, lang: Lang) -> Result<Vec<u8>, WriteError> {
    let rendered = format.renderer().render(report, lang, &Place::default());
    rendered.map(|it| it.bytes).map_err(|cause| WriteError::Render { format, cause })
}

/// The format that the ending of `path` asks for.
///
/// # Errors
/// [`WriteError::Extension`] if it has none that is known.
pub fn format_of(path: &Path) -> Result<Format, WriteError> {
    Format::of_path(path).ok_or_else(|| WriteError::Extension { path: path.to_owned() })
}

/// Writes the report to `path` in the format that its name ends in ([`format_of`]). What belongs to a `NAME.md` goes into `NAME_files/`
/// beside it. Folders that are missing are made. Each file appears under its name complete or not at all, the report after its pictures;
/// what was there before is replaced.
///
/// # Errors
/// See [`WriteError`].
pub fn write_report(path: &Path, report: &RunReport, lang: Lang) -> Result<(), WriteError> {
    let format = format_of(path)?;
    let mut name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.truncate(name.len() - format.renderer().ending().len());
    name.push_str("_files");
    let place = Place { folder: Some(name.clone()) };
    let rendered = format.renderer().render(report, lang, &place);
    let rendered = rendered.map_err(|cause| WriteError::Render { format, cause })?;
    let folder = path.with_file_name(&name);
    let pictures: Vec<String> = rendered.beside.iter().map(|(name, _)| name.clone()).collect();
    let beside = rendered.beside.into_iter().map(|(name, text)| (folder.join(name), text.into_bytes()));
    let mut files: Vec<_> = beside.collect();
    files.push((path.to_owned(), rendered.bytes));
    write_all(&files)?;
    if format.renderer().has_pictures() {
        remove_old(&folder, &pictures);
    }
    Ok(())
}

/// Removes the pictures of an earlier report from its folder: none but those of `kept` belong to this one. What cannot be removed stays, and
/// nothing links to it.
fn remove_old(folder: &Path, kept: &[String]) {
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if name.ends_with(".svg") && !kept.contains(&name) {
            let _ = std::fs::remove_file(file.path());
        }
    }
    // Only an empty folder goes.
    let _ = std::fs::remove_dir(folder);
}

/// Everything is on disk under temporary names before the first file gets its own: a disk that fills up leaves no trace.
fn write_all(files: &[(PathBuf, Vec<u8>)]) -> Result<(), WriteError> {
    let mut staged = Vec::new();
    for (path, bytes) in files {
        let fault = |cause| WriteError::Io { path: path.clone(), cause };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(folder).map_err(|cause| WriteError::Io { path: folder.to_owned(), cause })?;
        staged.push((path, StagedFile::filled(path, |file| file.write_all(bytes)).map_err(fault)?));
    }
    for (path, file) in staged {
        file.publish().map_err(|cause| WriteError::Io { path: path.clone(), cause })?;
    }
    Ok(())
}

fn hint(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space, or name a file on another disk",
        io::ErrorKind::PermissionDenied => "name a file in a folder that you may write to, or change its permissions",
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only: name a file elsewhere",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a part of the path is a file, not a folder: name another path"
        }
        io::ErrorKind::IsADirectory => "this is a folder: name a file in it",
        _ => "check that the folder exists and can be written to, or name another file",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture, json, markdown};
    use dinov3_ground::hint::text;

    /// Every file below `folder`, sorted, as relative paths.
    fn files(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => found.push(path.strip_prefix(folder).unwrap().to_string_lossy().into_owned()),
                }
            }
        }
        found.sort();
        found
    }

    #[test]
    fn every_format_by_its_extension() {
        let folder = tempfile::tempdir().unwrap();
        let report = fixture::report();
        for format in Format::all() {
            let path = folder.path().join("new/folder").join(format!("a report{}", format.renderer().ending()));
            write_report(&path, &report, Lang::En).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            match format.renderer().name() {
                "markdown" => {
                    assert_eq!(bytes, markdown::markdown(&report, Lang::En, Some("a report_files")).into_bytes());
                }
                _ => assert_eq!(bytes, render(&report, format, Lang::En).unwrap()),
            }
        }
        let mut expected: Vec<String> =
            Format::all().map(|format| format!("a report{}", format.renderer().ending())).collect();
        expected.push("a report_files/error-growth-vit_small.svg".to_owned());
        expected.push("a report_files/errors-layers-vit_small-fp32.svg".to_owned());
        expected.sort();
        assert_eq!(files(&folder.path().join("new/folder")), expected);
    }

    /// The link in the page is the path of the picture.
    #[test]
    fn pictures_are_where_the_page_looks() {
        let folder = tempfile::tempdir().unwrap();
        write_report(&folder.path().join("r.md"), &fixture::report(), Lang::En).unwrap();
        let page = std::fs::read_to_string(folder.path().join("r.md")).unwrap();
        let link = page.split("](").nth(1).and_then(|rest| rest.split(')').next()).unwrap();
        let picture = std::fs::read_to_string(folder.path().join(link)).unwrap();
        assert!(picture.starts_with("<svg"), "{link}");
    }

    #[test]
    fn a_second_report_replaces_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.JSON");
        std::fs::write(&path, "old").unwrap();
        write_report(&path, &fixture::report(), Lang::En).unwrap();
        assert!(json::from_json(&std::fs::read_to_string(&path).unwrap()).is_ok());
        assert_eq!(files(folder.path()), ["r.JSON"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_report_has_the_permissions_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        std::fs::write(folder.path().join("plain"), "").unwrap();
        write_report(&folder.path().join("r.json"), &fixture::report(), Lang::En).unwrap();
        assert_eq!(mode("r.json"), mode("plain"));
    }

    #[test]
    fn a_full_disk_is_said() {
        let cause = io::ErrorKind::StorageFull.into();
        insta::assert_snapshot!(text(&WriteError::Io { path: "r.md".into(), cause }), @"
        cannot write `r.md`: no storage space
        hint: free some space, or name a file on another disk
        ");
    }

    #[test]
    fn what_cannot_be_written_is_said_and_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "mine").unwrap();
        std::fs::create_dir_all(folder.path().join("folder.json/inner")).unwrap();
        let mut messages = Vec::new();
        for name in ["file/r.json", "folder.json", "file/deep/r.md"] {
            let error = write_report(&folder.path().join(name), &fixture::report(), Lang::En).unwrap_err();
            messages.push(text(&error).replace(&*folder.path().to_string_lossy(), "FOLDER"));
        }
        assert_eq!(files(folder.path()), ["file"]);
        insta::assert_snapshot!(messages.join("\n\n"), @"
        cannot write `FOLDER/file`: File exists (os error 17)
        hint: a part of the path is a file, not a folder: name another path

        cannot write `FOLDER/folder.json`: Is a directory (os error 21)
        hint: this is a folder: name a file in it

        cannot write `FOLDER/file/deep/r_files`: Not a directory (os error 20)
        hint: a part of the path is a file, not a folder: name another path
        ");
    }

    #[test]
    fn unknown_formats_name_the_known_ones() {
        let path = |name| text(&write_report(Path::new(name), &fixture::report(), Lang::En).unwrap_err());
        let name = text(&"yaml".parse::<Format>().map(|_| ()).unwrap_err());
        insta::assert_snapshot!([path("report.pdf"), path("report"), name].join("\n\n"), @"
        cannot tell the format of the report `report.pdf` from its name
        hint: let the name end in .json, .md, .html, .xml, .csv, .tensors.csv, .sarif, .log or .tfevents

        cannot tell the format of the report `report` from its name
        hint: let the name end in .json, .md, .html, .xml, .csv, .tensors.csv, .sarif, .log or .tfevents

        there is no format `yaml`
        hint: use one of json, markdown, html, junit, csv, tensors, sarif, ascend or tensorboard
        ");
    }
}
