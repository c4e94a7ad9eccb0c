//! `manifest.json`, field for field.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::Stats;
use crate::fingerprint::Fingerprint;
use crate::names::{Dtype, EntryName, Precision, Stage};

/// The version of the format that this crate reads and writes.
pub const SCHEMA_VERSION: u64 = 1;

/// File name of the manifest within a set.
pub const MANIFEST: &str = "manifest.json";

/// File name of the inputs within a set.
pub const INPUTS: &str = "inputs.safetensors";

/// File name of the state that a run starts from, within a set whose recipe asks for one.
pub const STATE: &str = "state.safetensors";

/// The manifest of a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always [`SCHEMA_VERSION`].
    pub schema_version: u64,
    /// Name of the set, and of its folder.
    pub name: String,
    /// One line of description for a reader.
    pub description: String,
    /// The run profile that replays the set: `quick` or `full` (`full` replays both kinds).
    pub profile: Profile,
    /// The repository and commit of the recorded code.
    pub reference: Reference,
    /// The checkout that a candidate was recorded from; `None` in a golden set, whose checkout is [`Self::reference`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkout: Option<Checkout>,
    /// The recording program and the versions of its software.
    pub recorder: Recorder,
    /// The recipe that a replay follows.
    pub recipe: Recipe,
    /// Tensors with more elements than this are sampled; `None`: everything is stored in full.
    #[serde(deserialize_with = "required")]
    pub sample_limit: Option<usize>,
    /// The recorded precisions.
    pub precisions: PerPrecision<PrecisionFile>,
    /// The recorded values in execution order.
    pub entries: Vec<Entry>,
}

impl Manifest {
    /// Whether an entry of this stage is stored in full whatever the sample limit says.
    pub fn keeps_in_full(&self, stage: Stage) -> bool {
        let activations = self.recipe.training.as_ref().is_some_and(|training| training.activations);
        activations && matches!(stage, Stage::Forward | Stage::Loss | Stage::Backward)
    }

    /// Finds an entry and its index by name. Linear: for single look-ups.
    pub fn entry(&self, name: &str) -> Option<(usize, &Entry)> {
        self.entries.iter().enumerate().find(|(_, entry)| entry.name == name)
    }

    /// Indented by one space, ending in a newline, as the format asks.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut out = Vec::new();
        let indent = serde_json::ser::PrettyFormatter::with_indent(b" ");
        self.serialize(&mut serde_json::Serializer::with_formatter(&mut out, indent))?;
        out.push(b'\n');
        Ok(out)
    }
}

/// A value that may be null but not absent: without this, serde reads an absent field as null.
pub(crate) fn required<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer)
}

/// The run profile that replays a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Replayed by both profiles.
    Quick,
    /// Replayed only by `full`.
    Full,
}

/// The repository and commit of the recorded code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// `owner/name` of the repository.
    pub repository: String,
    /// Full commit hash.
    pub commit: String,
}

/// The code that a candidate was recorded from. A port is a patched checkout of the reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkout {
    /// Full hash of the commit that is checked out; `None`: the checkout is a folder without git.
    #[serde(deserialize_with = "required")]
    pub commit: Option<String>,
    /// The hash that git gives the package `dinov3` as it lies on disk.
    pub tree: String,
    /// Whether the package is the reference's, byte for byte.
    pub clean: bool,
    /// The difference from the reference; `None` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<CheckoutDiff>,
}

/// The difference of a checkout from the reference's commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckoutDiff {
    /// The changed, added and removed files, in the order of their paths.
    pub files: Vec<ChangedFile>,
    /// SHA-256 of the whole unified diff, in lower-case hex.
    pub sha256: String,
    /// The unified diff; `None` if it is longer than 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A file that differs from the reference's commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedFile {
    /// Path within the checkout.
    pub path: String,
    /// Number of lines that the reference does not have.
    pub added: u64,
    /// Number of the reference's lines that are gone.
    pub removed: u64,
}

/// The program that recorded a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorder {
    /// Version of the recording program.
    pub exporter: u32,
    /// Hash of the file that a candidate's weights, buffers and draws were brought in; `None`: they were drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// Versions of the software it used, by name.
    #[serde(flatten)]
    pub software: Map<String, Value>,
}

/// The recipe of a set: everything that a replay must repeat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The reference's YAML file, relative to its checkout; `None`: its defaults.
    #[serde(deserialize_with = "required")]
    pub config_file: Option<String>,
    /// `key=value` overrides of the file.
    pub overrides: Vec<String>,
    /// Seed of weights, data and draws.
    pub seed: u64,
    /// Number of ranks.
    pub world_size: u32,
    /// Images per rank.
    pub batch_size: usize,
    /// Standard deviation of the noise added to the initial weights; 0: no noise.
    pub warm: f64,
    /// The recorded stages.
    pub stages: Vec<Stage>,
    /// The photographs that the inputs were cut from, in order.
    pub photographs: Vec<Photograph>,
    /// The call of `get_intermediate_layers`; `None`: it was not called.
    #[serde(deserialize_with = "required")]
    pub intermediate: Option<Intermediate>,
    /// The training steps; `None`: only the forward pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<Training>,
    /// Version of the battery of loss functions; `None`: it was not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_battery: Option<u32>,
    /// Version of the battery of random streams, masks, samplers, pixels and tables; `None`: it was not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_battery: Option<u32>,
    /// The full merged config.
    pub config: Value,
}

/// The training steps of a set, and their start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Index of the first step in the schedules.
    pub iteration: usize,
    /// Number of consecutive steps.
    pub steps: usize,
    /// Number of distinct batches among the inputs; iteration i of rank r takes batch (i · ranks + r) mod this number.
    pub batches: usize,
    /// Whether the first step starts from [`STATE`]; otherwise from the seed.
    pub state: bool,
    /// Number of optimizer steps taken before the state; 0 without a state.
    pub updates: u64,
    /// Whether the outputs of modules in the first step, and the gradients, are stored in full.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub activations: bool,
    /// The merged config of a distillation's teacher.
    #[serde(deserialize_with = "required")]
    pub teacher_config: Option<Value>,
    /// The students of a multi-distillation, in the order of their ranks; the first one is recorded. Empty where all ranks train one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub students: Vec<Student>,
}

/// A student of a multi-distillation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Student {
    /// Its first rank, and the one after its last.
    pub ranks: [u32; 2],
    /// Its full merged config.
    pub config: Value,
}

impl Student {
    /// How many ranks it has.
    pub fn size(&self) -> u32 {
        self.ranks[1].saturating_sub(self.ranks[0])
    }
}

/// A photograph from which the inputs were cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Photograph {
    /// File name.
    pub file: String,
    /// Hash of the file, in hex.
    pub sha256: String,
}

/// The arguments of `get_intermediate_layers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intermediate {
    /// Height of the image in pixels.
    pub height: usize,
    /// Width of the image in pixels.
    pub width: usize,
    /// Indices of the blocks returned.
    pub n: Vec<usize>,
    /// Whether the final norm was applied.
    pub norm: bool,
}

/// One value for each recorded precision, kept in the order truth, fp32, bf16.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerPrecision<T> {
    /// The value of the float64 truth.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub truth: Option<T>,
    /// The value of float32.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub fp32: Option<T>,
    /// The value of mixed precision.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub bf16: Option<T>,
}

fn none<T>() -> Option<T> {
    None
}

impl<T> Default for PerPrecision<T> {
    fn default() -> Self {
        Self { truth: None, fp32: None, bf16: None }
    }
}

impl<T> PerPrecision<T> {
    /// The value of `precision`, if recorded.
    pub fn get(&self, precision: Precision) -> Option<&T> {
        match precision {
            Precision::Truth => self.truth.as_ref(),
            Precision::Fp32 => self.fp32.as_ref(),
            Precision::Bf16 => self.bf16.as_ref(),
        }
    }

    /// The place of `precision`'s value.
    pub fn slot(&mut self, precision: Precision) -> &mut Option<T> {
        match precision {
            Precision::Truth => &mut self.truth,
            Precision::Fp32 => &mut self.fp32,
            Precision::Bf16 => &mut self.bf16,
        }
    }

    /// The recorded precisions and their values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Precision, &T)> {
        Precision::ALL.iter().filter_map(|&precision| Some((precision, self.get(precision)?)))
    }
}

/// The file of one precision and the circumstances of its recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrecisionFile {
    /// File name within the set.
    pub file: String,
    /// Circumstances of the recording.
    pub fingerprint: Fingerprint,
}

/// One recorded value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// `[kind:]path[#call][:port]`.
    pub name: EntryName,
    /// Part of the training step.
    pub stage: Stage,
    /// The record of each precision.
    pub records: PerPrecision<Record>,
}

/// One value at one precision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Element type of the whole tensor and of its stored part.
    pub dtype: Dtype,
    /// Shape of the whole tensor.
    pub shape: Vec<usize>,
    /// The stored part of the tensor.
    pub storage: Storage,
    /// Key in the precision's file; absent for [`Storage::Digest`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensor: Option<String>,
    /// Statistics over all elements.
    pub stats: Stats,
    /// Hash of the whole tensor's little-endian contiguous bytes, in hex.
    pub sha256: String,
    /// CRC-32 (of zlib) of the same bytes, eight lower-case hex digits; absent where nobody computed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crc32: Option<String>,
    /// The reference's largest distance from the truth in further runs with operands moved by an ulp; absent if there
    /// were no further runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
}

/// The largest error of several runs of the reference, each with every weight and pixel moved by one ulp at random. The
/// spread estimates the effect of rounding on a value; the recorded run is only one sample of that effect.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// The number of runs.
    pub runs: u32,
    /// Largest ‖run - truth‖ / ‖truth‖ over the stored elements.
    pub rel_l2: f64,
    /// Largest max |run - truth| over the root mean square of the truth, over the stored elements.
    pub rel_max: f64,
}

impl Record {
    /// Number of elements of the whole tensor; `None` if it does not fit the address space.
    pub fn numel(&self) -> Option<usize> {
        self.shape.iter().try_fold(1usize, |product, &extent| product.checked_mul(extent))
    }
}

/// The stored part of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// All elements, in the tensor's shape.
    Full,
    /// Flat elements 0, s, 2s, … ([`crate::stride`]), one-dimensional.
    Sample,
    /// No elements, only statistics and hash.
    Digest,
}
