//! What a checkpoint says of itself.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use dinov3_ground::hex;
use safetensors::tensor::Dtype;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tch::Kind;

use super::CheckpointError;
use crate::state::{Document, Share, State};

const MANIFEST: &str = "manifest.json";
const SUM: &str = "manifest.sha256";
const FORMAT: &str = "dinov3-checkpoint";

/// The version of the format. One that cannot be read any more is refused by name.
const SCHEMA: u32 = 1;

/// Bytes that are hashed at once.
const BLOCK: usize = 1 << 20;

/// The dtypes that a state has.
const KINDS: [(Kind, Dtype); 7] = [
    (Kind::Double, Dtype::F64),
    (Kind::Float, Dtype::F32),
    (Kind::Half, Dtype::F16),
    (Kind::BFloat16, Dtype::BF16),
    (Kind::Int64, Dtype::I64),
    (Kind::Uint8, Dtype::U8),
    (Kind::Bool, Dtype::BOOL),
];

/// `manifest.json`. Values are whole numbers, texts and lists of these: floating-point numbers are tensors, which keep every bit.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    format: String,
    schema: u32,
    /// What all ranks have in common.
    pub(super) document: Document,
    pub(super) tensors: BTreeMap<String, Described>,
    /// A file each.
    pub(super) ranks: Vec<RankFile>,
}

/// A tensor.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Described {
    pub(super) dtype: Dtype,
    /// The shape of the whole.
    pub(super) shape: Vec<i64>,
    pub(super) share: Share,
}

/// A rank's file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RankFile {
    pub(super) file: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    /// The first row of each tensor that the file has rows of, where it is not row 0.
    pub(super) first_rows: BTreeMap<String, i64>,
    /// The values that the rank has of its own.
    pub(super) own: Document,
}

impl Manifest {
    /// Of a state, rank 0's, and of what each rank says of its file.
    pub(super) fn new(state: &State, files: &[String]) -> Self {
        let described = |(name, stored): (&String, &crate::state::Stored)| {
            let described = Described { dtype: dtype(stored.kind), shape: stored.shape.clone(), share: stored.share };
            (name.clone(), described)
        };
        let file = |text: &String| serde_json::from_str(text).expect("what a rank of this version says");
        Self {
            format: FORMAT.to_owned(),
            schema: SCHEMA,
            document: state.document.clone(),
            tensors: state.tensors.iter().map(described).collect(),
            ranks: files.iter().map(file).collect(),
        }
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), CheckpointError> {
        let mut text = serde_json::to_string_pretty(self).expect("numbers, texts and lists").into_bytes();
        text.push(b'\n');
        let sum = format!("{}  {MANIFEST}\n", hex(&Sha256::digest(&text)));
        for (name, bytes) in [(MANIFEST, text), (SUM, sum.into_bytes())] {
            let path = folder.join(name);
            let written = File::create(&path).and_then(|mut file| {
                file.write_all(&bytes)?;
                file.sync_all()
            });
            written.map_err(CheckpointError::io(&path))?;
        }
        Ok(())
    }

    /// The manifest of the checkpoint `folder`, whole and of this version.
    pub(super) fn read(folder: &Path) -> Result<Self, CheckpointError> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read(&path).map_err(CheckpointError::io(&path))
        };
        let (text, sum) = (read(MANIFEST)?, read(SUM)?);
        if sum.split(|byte| *byte == b' ').next() != Some(hex(&Sha256::digest(&text)).as_bytes()) {
            return Err(CheckpointError::damaged(folder, format!("{MANIFEST} is not what {SUM} says")));
        }
        let malformed = |error: serde_json::Error| CheckpointError::damaged(folder, format!("{MANIFEST}: {error}"));
        let value: Value = serde_json::from_slice(&text).map_err(malformed)?;
        let field = |key: &str| value.get(key).cloned().unwrap_or_default();
        if field("format") != FORMAT || field("schema") != SCHEMA {
            let schema = field("schema").to_string();
            let found = if field("format") == FORMAT { schema } else { format!("{} of {}", schema, field("format")) };
            return Err(CheckpointError::Schema { path: folder.to_owned(), found, known: SCHEMA });
        }
        serde_json::from_value(value).map_err(malformed)
    }
}

/// The dtype of a file's tensor.
///
/// # Panics
/// On a dtype that no state has.
pub(crate) fn dtype(kind: Kind) -> Dtype {
    let known = KINDS.iter().find(|(it, _)| *it == kind);
    known.unwrap_or_else(|| unreachable!("no tensor of a state is {kind:?}")).1
}

/// The reverse.
pub(super) fn kind(dtype: Dtype) -> Option<Kind> {
    KINDS.iter().find(|(_, it)| *it == dtype).map(|(kind, _)| *kind)
}

/// Size and SHA-256 of a file.
pub(super) fn sum(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut hash, mut block, mut bytes) = (File::open(path)?, Sha256::new(), vec![0; BLOCK], 0);
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            return Ok((bytes, hex(&hash.finalize())));
        }
        hash.update(&block[..read]);
        bytes += read as u64;
    }
}
