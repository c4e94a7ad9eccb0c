//! Errors of a set on disk.

use std::io;
use std::path::PathBuf;

use dinov3_ground::{Hint, Hints};

use crate::manifest::SCHEMA_VERSION;
use crate::names::{Dtype, Precision};
use crate::sums::SumsError;

/// An error of a set on disk. The message states the problem; the hints state the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// The folder does not exist.
    #[error("there is no folder {}", path.display())]
    MissingFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A file stands where a folder is wanted.
    #[error("{} is a file, and no folder", path.display())]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// The folder has no manifest.
    #[error("there is no {}", path.display())]
    NoManifest {
        /// The expected path of the manifest.
        path: PathBuf,
    },
    /// The manifest is not JSON.
    #[error("{} is not JSON: {problem}", path.display())]
    ManifestNotJson {
        /// The manifest.
        path: PathBuf,
        /// The parser's message.
        problem: String,
    },
    /// A field of the manifest is missing, superfluous, or of the wrong type.
    #[error("{}: `{field}`: {problem}", path.display())]
    ManifestInvalid {
        /// The manifest.
        path: PathBuf,
        /// Path of the field within the manifest.
        field: String,
        /// The problem of the field.
        problem: String,
    },
    /// The manifest has another schema version.
    #[error("{} has schema version {found}; this program reads version {SCHEMA_VERSION}", path.display())]
    SchemaVersion {
        /// The manifest.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// A file named by the manifest or by `SHA256SUMS` does not exist.
    #[error("there is no file {}", path.display())]
    MissingFile {
        /// The file.
        path: PathBuf,
    },
    /// A safetensors file ends before its header says.
    #[error("{} is truncated: it ends after {bytes} bytes, before its header says", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// A file is not safetensors, for another reason than its length.
    #[error("{} is not a valid safetensors file: {problem}", path.display())]
    NotSafetensors {
        /// The file.
        path: PathBuf,
        /// The parser's message.
        problem: String,
    },
    /// A file's hash differs from the hash in `SHA256SUMS`.
    #[error("{} has SHA-256 {found}, SHA256SUMS says {listed}", path.display())]
    HashMismatch {
        /// The file.
        path: PathBuf,
        /// Hash in `SHA256SUMS`.
        listed: String,
        /// Hash of the file.
        found: String,
    },
    /// `SHA256SUMS` is not in its format.
    #[error("{} is malformed: {source}", path.display())]
    SumsMalformed {
        /// The file.
        path: PathBuf,
        /// The line and the problem.
        source: SumsError,
    },
    /// The folder holds something that `SHA256SUMS` does not list.
    #[error("{} does not belong to the set: SHA256SUMS does not list it", path.display())]
    UnknownFile {
        /// The file or folder.
        path: PathBuf,
    },
    /// An entry's tensor is not in its file.
    #[error("{} has no tensor `{tensor}`, needed by the entry `{entry}`", file.display())]
    TensorMissing {
        /// The safetensors file.
        file: PathBuf,
        /// The tensor's key.
        tensor: String,
        /// The entry.
        entry: String,
    },
    /// A file holds a tensor that no entry refers to.
    #[error("{} has a tensor `{tensor}` that no entry refers to", file.display())]
    TensorUnused {
        /// The safetensors file.
        file: PathBuf,
        /// The tensor's key.
        tensor: String,
    },
    /// A stored tensor's shape differs from its record.
    #[error("`{entry}` is stored with shape {stored:?}, its record asks for {recorded:?}")]
    ShapeDiffers {
        /// The entry.
        entry: String,
        /// Shape according to the record.
        recorded: Vec<usize>,
        /// Shape in the file.
        stored: Vec<usize>,
    },
    /// A stored tensor's dtype differs from its record.
    #[error("`{entry}` is stored as {stored}, its record says {recorded}")]
    DtypeDiffers {
        /// The entry.
        entry: String,
        /// Dtype according to the record.
        recorded: Dtype,
        /// Dtype in the file.
        stored: Dtype,
    },
    /// A record's statistics or hash do not fit its tensor.
    #[error("the record of `{entry}` at {precision} does not describe its tensor: {problem}")]
    RecordWrong {
        /// The entry.
        entry: String,
        /// The precision.
        precision: Precision,
        /// Which part is wrong.
        problem: String,
    },
    /// Two entries have one name.
    #[error("the manifest has two entries named `{entry}`")]
    DuplicateEntry {
        /// The name.
        entry: String,
    },
    /// An entry was not recorded at a precision.
    #[error("`{entry}` has no record at {precision}")]
    NoRecord {
        /// The entry.
        entry: String,
        /// The precision.
        precision: Precision,
    },
    /// A set was not recorded at a precision.
    #[error("the set `{set}` was not recorded at {precision}")]
    NoPrecision {
        /// Name of the set.
        set: String,
        /// The precision.
        precision: Precision,
    },
    /// The operating system refused to read a file or folder.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
}

impl Hint for SetError {
    fn hints(&self) -> Hints {
        let hint: &'static str = match self {
            Self::MissingFolder { .. } | Self::NotAFolder { .. } => {
                "give the folder of a golden set, or of a recording made elsewhere"
            }
            Self::NoManifest { .. } => "a golden set is the folder that holds `manifest.json`, not the one above it",
            Self::ManifestNotJson { .. } | Self::ManifestInvalid { .. } => {
                "restore the set from version control, or record it again"
            }
            Self::SchemaVersion { .. } => {
                "record the set again with this version's exporter, or use the program it came with"
            }
            Self::MissingFile { .. } | Self::Truncated { .. } | Self::NotSafetensors { .. } => {
                "the set was copied incompletely: restore it from version control, or copy or record it again"
            }
            Self::HashMismatch { .. } => "the file was changed after recording: restore it, or record the set again",
            Self::SumsMalformed { .. } => "SHA256SUMS was changed after recording: restore it, or record the set again",
            Self::UnknownFile { .. } => "move it out of the set's folder; if it belongs there, record the set again",
            Self::TensorMissing { .. }
            | Self::TensorUnused { .. }
            | Self::ShapeDiffers { .. }
            | Self::DtypeDiffers { .. }
            | Self::RecordWrong { .. }
            | Self::DuplicateEntry { .. } => "manifest and tensors are not of one recording: record the set again",
            Self::NoRecord { .. } => "choose a precision at which the entry was recorded, or record it at this one",
            Self::NoPrecision { .. } => "choose a precision that the set lists, or record it at this one",
            Self::Io { .. } => "check that it is a readable file and that the disk is sound",
        };
        hint.into()
    }
}
