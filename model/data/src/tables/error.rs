//! Errors of reading and of making tables.

use std::io;
use std::path::{Path, PathBuf};

use dinov3_ground::{Hint, Hints};

use super::labels::{LABELS, LabelError};
use crate::npy::NpyError;

/// The reason why a table cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The system's error.
    #[error("the table {} cannot be read: {error}", path.display())]
    Open {
        /// The table.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The file is not a `.npy` file of one dimension.
    #[error("{} is not a table: {error}", path.display())]
    Format {
        /// The table.
        path: PathBuf,
        /// The problem of the header.
        error: NpyError,
    },
    /// The elements have another type.
    #[error("{} holds {found}, not {expected}", path.display())]
    Type {
        /// The table.
        path: PathBuf,
        /// The type of its elements.
        found: String,
        /// The expected type.
        expected: &'static str,
    },
    /// The length of the file does not fit the number of rows.
    #[error("{} has {found} bytes, but {len} rows need {expected}", path.display())]
    Size {
        /// The table.
        path: PathBuf,
        /// Number of rows in its header.
        len: u64,
        /// Number of bytes of the header and these rows.
        expected: u128,
        /// Number of bytes of the file.
        found: u64,
    },
    /// The rows have no bytes, and there are more than a table has.
    #[error("{} claims {len} rows of no bytes", path.display())]
    EmptyRows {
        /// The table.
        path: PathBuf,
        /// Number of rows in its header.
        len: u64,
    },
    /// The tables of ids and of names have different lengths.
    #[error("{} has {names} names for {ids} classes", path.display())]
    Names {
        /// The table of names.
        path: PathBuf,
        /// The number of its rows.
        names: usize,
        /// The number of ids.
        ids: usize,
    },
    /// The row does not exist.
    #[error("{} has {len} rows, and no row {index}", path.display())]
    Row {
        /// The table.
        path: PathBuf,
        /// The row, from 0.
        index: usize,
        /// The number of rows.
        len: usize,
    },
    /// A row's text holds a number that is not a character.
    #[error("row {index} of {} holds no text", path.display())]
    Text {
        /// The table.
        path: PathBuf,
        /// The row, from 0.
        index: usize,
    },
}

impl Hint for TableError {
    fn hints(&self) -> Hints {
        let hint: &'static str = match self {
            Self::Open { error, .. } if error.kind() == io::ErrorKind::NotFound => {
                "make the tables with `data prepare`, or name the folder that holds them"
            }
            Self::Open { .. } => "check that the file may be read",
            Self::Type { found, .. } if found.contains('O') => {
                "it holds Python objects, which are never read: make the tables again with `data prepare --force`"
            }
            Self::Row { .. } => "the rows are counted from 0",
            _ => "make the tables again with `data prepare --force`",
        };
        hint.into()
    }
}

/// The reason why tables cannot be made. Old tables are left unchanged.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A folder or a link cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Read {
        /// The folder or link.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The split has no folder.
    #[error("there is no folder {}", .0.display())]
    NoFolder(PathBuf),
    /// The split's folder has no folder of a class.
    #[error("{} holds no folder of a class", .0.display())]
    NoClass(PathBuf),
    /// Classes have no image.
    #[error("there is no image in {}", shown(.0))]
    Empty(Vec<PathBuf>),
    /// A link leads to a folder that contains it.
    #[error("the link {} leads back to a folder that it lies in", .0.display())]
    Loop(PathBuf),
    /// The file `labels.txt`.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// `labels.txt` has fewer rows than there are folders of classes.
    #[error("{} has {labels} rows, too few for {classes} folders of classes", path.display())]
    TooFewLabels {
        /// The file `labels.txt`.
        path: PathBuf,
        /// The number of its rows.
        labels: usize,
        /// The number of folders of classes.
        classes: usize,
    },
    /// `labels.txt` does not name the folder of an image.
    #[error("the folder of {} is not a class: {LABELS} does not name it", path.display())]
    Unlabelled {
        /// The image.
        path: PathBuf,
        /// Whether the labels begin with a byte-order mark, which becomes part of the first class.
        mark: bool,
    },
    /// A file name does not end in a number that fits.
    #[error("the name of {} {problem}", path.display())]
    Name {
        /// The image.
        path: PathBuf,
        /// The problem of the number.
        problem: &'static str,
    },
    /// The system's error.
    #[error("{} cannot be written: {error}", path.display())]
    Write {
        /// The table or folder.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
}

/// The names of the first few folders.
fn shown(folders: &[PathBuf]) -> String {
    const FEW: usize = 3;
    let names: Vec<_> = folders.iter().take(FEW).map(|folder| folder.display().to_string()).collect();
    match folders.len().saturating_sub(FEW) {
        0 => names.join(", "),
        more => format!("{} and {more} more folders of classes", names.join(", ")),
    }
}

impl Hint for PrepareError {
    fn hints(&self) -> Hints {
        let hint: String = match self {
            Self::Read { .. } => "check that the folder may be read and that its disk is sound".into(),
            Self::NoFolder(_) => "name the folder that holds `train` and `val`, or another split".into(),
            Self::NoClass(_) => "it must hold one folder per class, such as `n01440764`".into(),
            Self::Empty(_) => {
                format!("remove folders that are not classes; images end in {}", super::folder::EXTENSIONS.join(" "))
            }
            Self::Loop(_) => "remove the link: the reference would count the images below it many times".into(),
            Self::Labels(error) => return error.hints(),
            Self::TooFewLabels { .. } => {
                format!("give every class a line `id,name` in {LABELS}, in the folders' order")
            }
            Self::Unlabelled { mark: true, .. } => {
                format!("{LABELS} begins with a byte-order mark: save it without one")
            }
            Self::Unlabelled { .. } => format!("give it a line `id,name` in {LABELS}, or move its images elsewhere"),
            Self::Name { .. } => "name images like `n01440764_10026.JPEG`: rename it, or move it elsewhere".into(),
            Self::Write { error, .. } => write_hint(error.kind()).into(),
        };
        hint.into()
    }
}

impl PrepareError {
    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Read { path: path.to_owned(), error }
    }

    pub(super) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Write { path: path.to_owned(), error }
    }
}

fn write_hint(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "free some space, or name a folder on another disk; the old tables are unchanged"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a part of the path is a file, not a folder: name another folder"
        }
        _ => "name a folder that you may write to; the old tables are unchanged",
    }
}
