//! What can go wrong with tables: reading them, and making them.

use std::io;
use std::path::{Path, PathBuf};

use dinov3_ground::{Hint, Hints};

use super::labels::{LABELS, LabelError};
use crate::npy::NpyError;

/// Why a table cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// What the system says.
    #[error("the table {} cannot be read: {error}", path.display())]
    Open {
        /// The table.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It is no `.npy` file of one dimension.
    #[error("{} is no table: {error}", path.display())]
    Format {
        /// The table.
        path: PathBuf,
        /// What is wrong.
        error: NpyError,
    },
    /// It holds something else.
    #[error("{} holds {found}, not {expected}", path.display())]
    Type {
        /// The table.
        path: PathBuf,
        /// Its elements' type.
        found: String,
        /// What is read here.
        expected: &'static str,
    },
    /// It was cut short, or something was added to it.
    #[error("{} has {found} bytes, and {len} rows make {expected}", path.display())]
    Size {
        /// The table.
        path: PathBuf,
        /// Rows by its header.
        len: u64,
        /// Bytes of so many rows with the header.
        expected: u128,
        /// Bytes that there are.
        found: u64,
    },
    /// A row beyond the end.
    #[error("{} has {len} rows, and no row {index}", path.display())]
    Row {
        /// The table.
        path: PathBuf,
        /// The row asked for, from 0.
        index: usize,
        /// How many there are.
        len: usize,
    },
    /// A number that is no character.
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
                "make the tables with `data prepare`, or name the folder that they are in"
            }
            Self::Open { .. } => "see whether the file may be read",
            Self::Type { found, .. } if found.contains('O') => {
                "it holds Python objects, which are never read: make the tables again with `data prepare --force`"
            }
            Self::Row { .. } => "the rows are counted from 0",
            _ => "make the tables again with `data prepare --force`",
        };
        hint.into()
    }
}

/// Why tables cannot be made. What there was before is left as it was.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A folder or a link that cannot be looked at.
    #[error("{} cannot be read: {error}", path.display())]
    Read {
        /// The folder or link.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The split has no folder.
    #[error("there is no folder {}", .0.display())]
    NoFolder(PathBuf),
    /// No class in the split's folder.
    #[error("{} holds no folder of a class", .0.display())]
    NoClass(PathBuf),
    /// Classes without a single image.
    #[error("there is no image in {}", shown(.0))]
    Empty(Vec<PathBuf>),
    /// A link to a folder that it lies in.
    #[error("the link {} leads back to a folder that it lies in", .0.display())]
    Loop(PathBuf),
    /// The file of the classes' names.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// More class folders than lines.
    #[error("{} has {labels} rows, too few for {classes} folders of classes", path.display())]
    TooFewLabels {
        /// The file of the classes' names.
        path: PathBuf,
        /// Its rows.
        labels: usize,
        /// The folders.
        classes: usize,
    },
    /// An image in a folder that is no class by the labels.
    #[error("the folder of {} is no class: {LABELS} does not name it", path.display())]
    Unlabelled {
        /// The image.
        path: PathBuf,
        /// Whether the labels begin with a byte-order mark, which has become part of the first class.
        mark: bool,
    },
    /// A file name that ends in no number that fits.
    #[error("the name of {} {problem}", path.display())]
    Name {
        /// The image.
        path: PathBuf,
        /// What is wrong with its number.
        problem: &'static str,
    },
    /// What the system says.
    #[error("{} cannot be written: {error}", path.display())]
    Write {
        /// The table or folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// The first few of them.
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
            Self::Read { .. } => "see whether the folder may be read, and whether the disk it lies on is sound".into(),
            Self::NoFolder(_) => "name the folder that holds `train` and `val`, or another split".into(),
            Self::NoClass(_) => "it is to hold a folder a class, such as `n01440764`".into(),
            Self::Empty(_) => format!("remove what is no class; images end in {}", super::folder::EXTENSIONS.join(" ")),
            Self::Loop(_) => "remove the link: the reference would count the images below it many times".into(),
            Self::Labels(error) => return error.hints(),
            Self::TooFewLabels { .. } => {
                format!("give every class a line `id,name` in {LABELS}, in the folders' order")
            }
            Self::Unlabelled { mark: true, .. } => {
                format!("{LABELS} begins with a byte-order mark: save it without one")
            }
            Self::Unlabelled { .. } => format!("give it a line `id,name` in {LABELS}, or move its images elsewhere"),
            Self::Name { .. } => {
                "an image is called like `n01440764_10026.JPEG`: rename it, or move it elsewhere".into()
            }
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
            "free some space, or name a folder on another disk; what was there before still is"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a part of the path is a file, not a folder: name another folder"
        }
        _ => "name a folder that you may write to; what was there before still is",
    }
}
