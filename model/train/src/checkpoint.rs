//! States on disk: a folder with a file of tensors a rank, and a manifest.
//!
//! ```text
//! 3749/
//!   manifest.json           schema, ranks, values, and of each file its size and SHA-256
//!   manifest.sha256         of the manifest, as `sha256sum --check` reads it
//!   rank-00000.safetensors  rank 0's rows, what ranks have in common, and what rank 0 has of its own
//!   rank-00001.safetensors  rank 1's rows, and what rank 1 has of its own
//! ```
//!
//! A folder is written aside, synced and given its name at the end: under its name it is whole. Every byte is checked before it is used.

mod agree;
mod folder;
mod manifest;
mod rank_file;

pub(crate) use manifest::dtype;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dinov3_ground::atomic::{Existing, StagedFolder};
use dinov3_ground::{Hint, Hints};
use dinov3_ranks::{Group, GroupError};
use thiserror::Error;

use crate::state::{Share, State, StateError, Stateful, Stored};
use agree::agreed;
pub use folder::{Folder, Keep};
use manifest::Manifest;

/// Why a state could not be written or read.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The file system said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A file is not what was written.
    #[error("the checkpoint {} is damaged: {reason}", path.display())]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The folder was written by another version.
    #[error("the checkpoint {} has schema {found}; this version reads {known}", path.display())]
    Schema {
        /// The folder.
        path: PathBuf,
        /// Its schema.
        found: String,
        /// The one that is known.
        known: u32,
    },
    /// The state is not this run's.
    #[error("the checkpoint {} cannot be resumed: {source}", path.display())]
    State {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: StateError,
    },
    /// Another rank could not; this one then did nothing either.
    #[error("rank {rank}: {reason}")]
    OtherRank {
        /// Which.
        rank: usize,
        /// Its error.
        reason: String,
    },
    /// A rank is gone.
    #[error(transparent)]
    Group(#[from] GroupError),
}

impl CheckpointError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.into() }
    }
}

impl Hint for CheckpointError {
    fn hints(&self) -> Hints {
        match self {
            Self::Io { .. } => "see whether the disk is full, and the folder can be read and written".into(),
            Self::Damaged { .. } => "resume an earlier checkpoint: name another folder".into(),
            Self::Schema { .. } => "resume with the version of this program that has written it".into(),
            Self::State { source, .. } => source.hints(),
            Self::OtherRank { .. } => Hints::none(),
            Self::Group(error) => error.hints(),
        }
    }
}

/// Writes `state` as the folder `path`, in place of one that is there; the folder that it lies in is made if it is not there. Every rank of `group` calls
/// it with its own state and the same path, on a file system that all of them see. `group` takes tensors on the host.
///
/// # Errors
/// When a rank cannot write: no rank leaves anything then, and what was there before still is.
pub fn save(state: &State, path: &Path, group: &dyn Group) -> Result<(), CheckpointError> {
    let mut staged = None;
    let aside = match group.rank() {
        0 => begun(path).map_err(CheckpointError::io(path)).map(|folder| {
            let aside = folder.temporary_path().display().to_string();
            staged = Some(folder);
            aside
        }),
        _ => Ok(String::new()),
    };
    let aside = PathBuf::from(agreed(group, aside)?.swap_remove(0));
    let files = agreed(group, rank_file::write(state, &aside))?;
    let published = staged.map_or(Ok(()), |staged| {
        Manifest::new(state, &files).write(&aside)?;
        staged.publish(Existing::Replace).map_err(CheckpointError::io(path))
    });
    agreed(group, published.map(|()| String::new()))?;
    Ok(())
}

fn begun(path: &Path) -> io::Result<StagedFolder> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    StagedFolder::create(path)
}

/// Reads the state of `rank` of `world` ranks from the folder `path`, once every file that it needs is what was written. Of a checkpoint of as
/// many ranks a rank reads its own file and rank 0's; otherwise all of them, and of those its rows alone.
///
/// # Errors
/// When the folder is none, was written by another version, or is damaged.
pub fn load(path: &Path, rank: usize, world: usize) -> Result<State, CheckpointError> {
    let manifest = Manifest::read(path)?;
    let mut state = State::new(rank, manifest.ranks.len());
    let same_ranks = state.world() == world;
    let files = manifest.ranks.iter().enumerate().filter(|(of, _)| !same_ranks || *of == rank || *of == 0);
    let files: Vec<(usize, rank_file::Open)> = files
        .map(|(of, file)| Ok((of, rank_file::Open::verified(path, file)?)))
        .collect::<Result<_, CheckpointError>>()?;
    for (name, described) in &manifest.tensors {
        let has_it = |of: usize| match described.share {
            Share::Rows => !same_ranks || of == rank,
            Share::Same => of == 0,
            Share::Own => same_ranks && of == rank,
        };
        let pieces = files.iter().filter(|(of, _)| has_it(*of));
        let mut pieces = pieces.filter_map(|(_, file)| file.piece(path, name, described).transpose());
        let pieces = pieces.by_ref().collect::<Result<Vec<_>, _>>()?;
        let shape = match (described.share, pieces.first()) {
            (Share::Own, Some(own)) => vec![own.rows],
            _ => described.shape.clone(),
        };
        let kind = manifest::kind(described.dtype)
            .ok_or_else(|| CheckpointError::damaged(path, format!("`{name}` is of a dtype that no state has")))?;
        state.tensors.insert(name.clone(), Stored { share: described.share, kind, shape, pieces });
    }
    state.document = manifest.document;
    state.own = manifest.ranks.into_iter().map(|file| file.own).enumerate().collect();
    Ok(state)
}

/// Reads the folder `path` and has `what` take it. Every rank of `group` calls it; either all of them take it, or none. `group` takes tensors
/// on the host.
///
/// # Errors
/// As [`load`], and when the state does not fit.
pub fn resume(path: &Path, what: &mut dyn Stateful, group: &dyn Group) -> Result<State, CheckpointError> {
    let read = load(path, group.rank(), group.size());
    let (read, outcome) = match read {
        Ok(state) => (Some(state), Ok(String::new())),
        Err(error) => (None, Err(error)),
    };
    agreed(group, outcome)?;
    let state = read.expect("a rank that could not read has said so");
    let (taking, outcome) = match what.fit(&state) {
        Ok(taking) => (Some(taking), Ok(String::new())),
        Err(source) => (None, Err(CheckpointError::State { path: path.to_owned(), source })),
    };
    agreed(group, outcome)?;
    taking.expect("a rank that could not take it has said so")();
    Ok(state)
}
