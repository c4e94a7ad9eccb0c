//! A report on disk: whole or not at all.

use crate::{RunReport, csv, json, junit, markdown, svg};
use dinov3_ground::atomic::StagedFile;
use dinov3_ground::{Hint, Hints, list};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A form that a report can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// [`crate::markdown`]; `.md`.
    Markdown,
    /// [`crate::json`]; `.json`.
    Json,
    /// [`crate::junit`]; `.xml`.
    Junit,
    /// The checks as [`crate::csv`]; `.csv`.
    Csv,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Markdown, Self::Json, Self::Junit, Self::Csv];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::Json => "json",
            Self::Junit => "junit",
            Self::Csv => "csv",
        }
    }

    /// Its file extension, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::Json => "json",
            Self::Junit => "xml",
            Self::Csv => "csv",
        }
    }

    /// The format that the extension of `path` asks for, in upper or lower case.
    ///
    /// # Errors
    /// [`WriteError::Extension`] if there is none or it is not known.
    pub fn of_path(path: &Path) -> Result<Self, WriteError> {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        Self::ALL
            .into_iter()
            .find(|format| format.extension() == extension)
            .ok_or_else(|| WriteError::Extension { path: path.to_owned() })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A format of that name does not exist.
#[derive(Debug, thiserror::Error)]
#[error("there is no format `{0}`")]
pub struct UnknownFormat(String);

impl Hint for UnknownFormat {
    fn hints(&self) -> Hints {
        format!("use one of {}", list::or(Format::ALL)).into()
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

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
        cause: String,
    },
    /// A plot of the report could not be drawn.
    #[error(transparent)]
    Plot(#[from] svg::SvgError),
}

/// What to do about an error that no user can cause.
pub(crate) const OUR_FAULT: &str = "this is a fault of the program, please report it";

impl Hint for WriteError {
    fn hints(&self) -> Hints {
        match self {
            Self::Extension { .. } => format!(
                "let the name end in {}",
                list::or(Format::ALL.map(|format| format!(".{}", format.extension())))
            )
            .into(),
            Self::Io { cause, .. } => hint(cause.kind()).into(),
            Self::Render { .. } => OUR_FAULT.into(),
            Self::Plot(error) => error.hints(),
        }
    }
}

/// The report as text in this format; markdown without pictures.
///
/// # Errors
/// [`WriteError::Render`]; no report is known to cause it.
pub fn render(report: &RunReport, format: Format) -> Result<String, WriteError> {
    let fault = |cause: &dyn fmt::Display| WriteError::Render { format, cause: cause.to_string() };
    match format {
        Format::Markdown => Ok(markdown::markdown(report, None)),
        Format::Json => json::to_json(report).map_err(|error| fault(&error)),
        Format::Junit => junit::junit(report).map_err(|error| fault(&error)),
        Format::Csv => csv::to_csv(&csv::checks(report)).map_err(|error| fault(&error)),
    }
}

/// Writes the report to `path` in the format that its extension names ([`Format::extension`]). Beside a `NAME.md` its
/// pictures go into `NAME_files/`. Folders that are missing are made. Each file appears under its name complete or not at
/// all, the report after its pictures; what was there before is replaced.
///
/// # Errors
/// See [`WriteError`].
pub fn write_report(path: &Path, report: &RunReport) -> Result<(), WriteError> {
    let format = Format::of_path(path)?;
    let mut files = Vec::new();
    let plots = svg::plot_files(report);
    if format == Format::Markdown && !plots.is_empty() {
        let mut name = path.file_stem().unwrap_or_default().to_owned();
        name.push("_files");
        let folder = path.with_file_name(&name);
        for file in plots {
            files.push((folder.join(file.name), svg::svg(file.plot)?));
        }
        files.push((path.to_owned(), markdown::markdown(report, Some(&name.to_string_lossy()))));
    } else {
        files.push((path.to_owned(), render(report, format)?));
    }
    write_all(&files)
}

/// Everything is on disk under temporary names before the first file gets its own: a disk that fills up leaves no trace.
fn write_all(files: &[(PathBuf, String)]) -> Result<(), WriteError> {
    let mut staged = Vec::new();
    for (path, text) in files {
        let fault = |cause| WriteError::Io { path: path.clone(), cause };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(folder).map_err(|cause| WriteError::Io { path: folder.to_owned(), cause })?;
        staged.push((path, StagedFile::filled(path, |file| file.write_all(text.as_bytes())).map_err(fault)?));
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
    use crate::fixture;
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
        for format in Format::ALL {
            let path = folder.path().join("new/folder").join(format!("a report.{}", format.extension()));
            write_report(&path, &report).unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            match format {
                Format::Markdown => assert_eq!(text, markdown::markdown(&report, Some("a report_files"))),
                other => assert_eq!(text, render(&report, other).unwrap()),
            }
            assert_eq!(format.name().parse::<Format>().unwrap(), format);
        }
        assert_eq!(
            files(&folder.path().join("new/folder")),
            [
                "a report.csv",
                "a report.json",
                "a report.md",
                "a report.xml",
                "a report_files/error-growth-vit_small.svg"
            ]
        );
    }

    /// The link in the page is the path of the picture.
    #[test]
    fn pictures_are_where_the_page_looks() {
        let folder = tempfile::tempdir().unwrap();
        write_report(&folder.path().join("r.md"), &fixture::report()).unwrap();
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
        write_report(&path, &fixture::report()).unwrap();
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
        write_report(&folder.path().join("r.json"), &fixture::report()).unwrap();
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
            let error = write_report(&folder.path().join(name), &fixture::report()).unwrap_err();
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
        let path = |name| text(&write_report(Path::new(name), &fixture::report()).unwrap_err());
        let name = text(&"yaml".parse::<Format>().unwrap_err());
        insta::assert_snapshot!([path("report.pdf"), path("report"), name].join("\n\n"), @"
        cannot tell the format of the report `report.pdf` from its name
        hint: let the name end in .md, .json, .xml or .csv

        cannot tell the format of the report `report` from its name
        hint: let the name end in .md, .json, .xml or .csv

        there is no format `yaml`
        hint: use one of markdown, json, junit or csv
        ");
    }
}
