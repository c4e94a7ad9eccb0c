//! A checkpoint of our own trainer, under the names that the reference's has.
//!
//! The trainer calls the moving average `teacher`. The reference has it twice, as `model.teacher` and as `model.model_ema`; in a distillation
//! `model.teacher` is the frozen one, and not saved.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path};
use std::sync::Arc;

use safetensors::Dtype as InSafetensors;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::dtype::Dtype;
use crate::error::FileError;
use crate::file::Source;
use crate::safe;
use crate::stored::{Piece, Stored, count};
use crate::tree::{Entry, Key, Leaf, Value};

/// The name of the manifest.
pub(crate) const MANIFEST: &str = "manifest.json";

const FORMAT: &str = "dinov3-checkpoint";
const SCHEMA: u32 = 1;

/// What of the manifest is needed here.
#[derive(Deserialize)]
struct Manifest {
    format: String,
    schema: u32,
    document: BTreeMap<String, Json>,
    tensors: BTreeMap<String, Described>,
    ranks: Vec<RankFile>,
}

#[derive(Deserialize)]
struct Described {
    dtype: InSafetensors,
    shape: Vec<u64>,
    share: Share,
}

#[derive(Deserialize, PartialEq, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Share {
    Rows,
    Same,
    Own,
}

#[derive(Deserialize)]
struct RankFile {
    file: String,
    first_rows: BTreeMap<String, u64>,
    #[serde(default)]
    own: BTreeMap<String, Json>,
}

/// The entries of a folder.
pub(crate) fn open(folder: &Path) -> Result<Vec<Entry>, FileError> {
    let path = folder.join(MANIFEST);
    let text = fs::read(&path).map_err(FileError::io(&path))?;
    let wrong = |reason: &str| FileError::invalid(folder, format!("{MANIFEST} {reason}"));
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| wrong(&format!("is malformed: {error}")))?;
    if manifest.format != FORMAT || manifest.schema != SCHEMA {
        return Err(wrong(&format!(
            "is of schema {} of {}; this version reads {SCHEMA} of {FORMAT}",
            manifest.schema, manifest.format
        )));
    }
    let ranks = manifest.ranks.iter().map(|rank| rank_file(folder, rank)).collect::<Result<Vec<_>, _>>()?;
    let mut entries = Vec::new();
    if let Some(next) = manifest.document.get("iteration").and_then(Json::as_i64) {
        // The reference has the last one that was done, this trainer the next one.
        entries.push(Entry { path: vec!["iteration".into()], leaf: Leaf::Value(Value::Int(next - 1)) });
    }
    let distilled = manifest.ranks.iter().any(|rank| rank.own.get("frozen_teacher").is_some_and(|it| !it.is_null()));
    for (name, described) in manifest.tensors.iter().filter(|(_, described)| described.share != Share::Own) {
        let stored = whole(name, described, &manifest.ranks, &ranks)
            .ok_or_else(|| wrong(&format!("does not fit the files: `{name}`")))?;
        let stored = if name.starts_with("step.") { scalar(stored) } else { stored };
        for path in paths(name, distilled) {
            entries.push(Entry { path, leaf: Leaf::Tensor(stored.clone()) });
        }
    }
    // As the reference has them: parameters of one network beside each other.
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(entries)
}

/// The tensors of a rank's file, by name.
fn rank_file(folder: &Path, rank: &RankFile) -> Result<BTreeMap<String, Stored>, FileError> {
    let mut parts = Path::new(&rank.file).components();
    if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
        return Err(FileError::invalid(
            folder,
            format!("{MANIFEST} names a file that is not in the folder: {:?}", rank.file),
        ));
    }
    let source: Arc<Source> = Source::open(&folder.join(&rank.file))?;
    let (entries, _) = safe::open(&source)?;
    Ok(entries.iter().filter_map(|entry| Some((entry.name(), entry.tensor()?.clone()))).collect())
}

/// A tensor, of the rows that the files have of it.
fn whole(name: &str, described: &Described, files: &[RankFile], ranks: &[BTreeMap<String, Stored>]) -> Option<Stored> {
    let dtype = Dtype::of_safetensors(described.dtype)?;
    let (mut pieces, mut next) = (Vec::new(), 0);
    for (file, rank) in files.iter().zip(ranks) {
        let Some(rows) = rank.get(name) else { continue };
        let piece = rows.pieces.first()?;
        let first = file.first_rows.get(name).copied().unwrap_or(0);
        if rows.dtype != dtype || rows.shape.get(1..) != described.shape.get(1..) || first != next {
            return None;
        }
        next = first.checked_add(*rows.shape.first()?)?;
        let mut offsets = vec![0; rows.shape.len()];
        offsets[0] = first;
        pieces.push(Piece { offsets, ..piece.clone() });
        if described.share == Share::Same {
            break;
        }
    }
    count(&described.shape)?;
    let complete = described.shape.first().is_some_and(|rows| *rows == next) || described.shape.contains(&0);
    complete.then(|| Stored { dtype, shape: described.shape.clone(), pieces })
}

/// A tensor of one element without an axis, as the reference has AdamW's steps.
fn scalar(stored: Stored) -> Stored {
    let pieces = stored.pieces.into_iter().map(|piece| Piece { offsets: Vec::new(), sizes: Vec::new(), ..piece });
    Stored { dtype: stored.dtype, shape: Vec::new(), pieces: pieces.collect() }
}

/// Where the reference has what this trainer calls `name`; nowhere, for the buffers of a frozen teacher.
fn paths(name: &str, distilled: bool) -> Vec<Vec<Key>> {
    let at = |keys: &[&str]| keys.iter().map(|key| Key::from(*key)).collect::<Vec<_>>();
    let Some((kind, rest)) = name.split_once('.') else { return vec![at(&["own", name])] };
    match kind {
        "param" | "buffer" => match rest.split_once('.') {
            Some(("teacher", within)) => {
                let mut paths = vec![at(&["model", &format!("model_ema.{within}")])];
                if !distilled {
                    paths.push(at(&["model", rest]));
                }
                paths
            }
            Some(("frozen", _)) => Vec::new(),
            _ => vec![at(&["model", rest])],
        },
        "exp_avg" | "exp_avg_sq" | "step" => vec![at(&["optimizer", "state", rest, kind])],
        _ => vec![at(&["own", name])],
    }
}
