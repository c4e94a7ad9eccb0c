//! The judgement on a dump, tensor by tensor.

use std::path::Path;

use dinov3_golden::{
    Circumstance, Difference, Dtype, EntryJudgement, Expectation, GoldenSet, Judge, NameRules, Precision, Recorded,
    SetJudgement, Stats, Storage, TensorView,
};

use crate::beside::Beside;
use crate::dump::{Dump, Dumped, Figures, Task, named};
use crate::error::DumpError;
use crate::matching::{Absent, match_all};

/// What a dump tells of one tensor.
#[derive(Clone, Debug)]
pub enum Told {
    /// Its elements were judged as a recorded candidate's are.
    Elements(Box<EntryJudgement>),
    /// Its four figures are within rounding, or not. Whether bits are the same, they do not tell.
    Statistics(Box<EntryJudgement>),
    /// The CRC-32 is that of the golden set's bytes.
    SameBits,
    /// The CRC-32 is another one, which does not tell by how much the tensor differs.
    OtherBits,
    /// The golden set has no CRC-32 of it.
    NoChecksum,
    /// The dump names a file that is not there: the layout of the tensor was one that msprobe does not write.
    NoFile,
}

impl Told {
    /// Whether it speaks for the dump; `None` if it says nothing.
    pub fn passes(&self) -> Option<bool> {
        match self {
            Self::Elements(judgement) | Self::Statistics(judgement) => {
                (judgement.passes() || judgement.fails()).then(|| judgement.passes())
            }
            Self::SameBits => Some(true),
            Self::OtherBits => Some(false),
            Self::NoChecksum | Self::NoFile => None,
        }
    }
}

/// A tensor of a dump and what it tells.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// The tensor.
    pub dumped: &'a Dumped,
    /// The golden set's name of it.
    pub name: &'a str,
    /// What the golden set has of it at this precision.
    pub golden: GoldenFigures,
    /// What it tells.
    pub told: Told,
    /// How far it is from what is recorded, where both have their elements.
    pub beside: Option<Beside>,
}

/// What a golden set has of a tensor, for a table.
#[derive(Clone, Debug)]
pub struct GoldenFigures {
    /// Its type.
    pub dtype: Dtype,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its statistics.
    pub stats: Stats,
    /// Its CRC-32.
    pub crc32: Option<String>,
}

/// The judgement on a dump.
#[derive(Debug)]
pub struct Judged<'a> {
    /// The precision of the dump.
    pub precision: Precision,
    /// What the dump has of each tensor.
    pub task: Task,
    /// The tensors that are the golden set's, in the golden set's order.
    pub rows: Vec<Row<'a>>,
    /// Entries of the golden set that the dump has not, and why.
    pub absent: Vec<(&'a str, Absent)>,
    /// Tensors of the dump that the golden set has not.
    pub others: usize,
    /// The same as of a recorded candidate, which need not have what the dump has not. Checksums are not in it.
    pub judgement: SetJudgement,
}

impl Judged<'_> {
    /// Whether at least one tensor speaks for the dump, and none against it.
    pub fn passes(&self) -> bool {
        let mut said = self.rows.iter().filter_map(|row| row.told.passes()).peekable();
        said.peek().is_some() && said.all(|passes| passes)
    }

    /// The first tensor in the golden set's order that speaks against the dump.
    pub fn first_wrong(&self) -> Option<&Row<'_>> {
        self.rows.iter().find(|row| row.told.passes() == Some(false))
    }

    /// The last tensor before it that speaks for the dump.
    pub fn last_agreeing(&self) -> Option<&Row<'_>> {
        self.rows
            .iter()
            .take_while(|row| row.told.passes() != Some(false))
            .filter(|row| row.told.passes() == Some(true))
            .last()
    }
}

/// Judges every tensor of a dump that a golden set has too. `rules` give the meaning of the names. The precision is that of the dump.
///
/// # Errors
/// If nothing of the dump is in the set, the set lacks the precision, or a file cannot be read.
pub fn judge<'a>(dump: &'a Dump, golden: &'a GoldenSet, rules: NameRules) -> Result<Judged<'a>, DumpError> {
    let set = || golden.manifest().name.clone();
    let nothing = || DumpError::NothingMatches { tensors: dump.tensors.len(), set: set() };
    let precision = dump.precision().ok_or_else(nothing)?;
    if golden.manifest().precisions.get(precision).is_none() {
        return Err(DumpError::NoPrecision { set: set(), precision: precision.to_string() });
    }
    // A dump does not say where it was made, so rounding is to be expected.
    let unknown = Difference { field: Circumstance::Device, recorded: Some("cpu".to_owned()), here: None };
    let elsewhere = Expectation::Yardstick { differences: vec![unknown] };
    let mut judge = Judge::new(golden, precision, elsewhere, rules)?;
    let (matched, absent) = match_all(dump, golden, precision);
    let others = matched.iter().filter(|it| it.entry.is_none()).count();
    let mut rows = Vec::new();
    for matched in matched {
        let Some(entry) = matched.entry else { continue };
        let Some(record) = entry.records.get(precision) else { continue };
        let (told, beside) = match dump.task {
            Task::Tensor => of_elements(&mut judge, matched.dumped, &golden.recorded(entry, precision)?)?,
            Task::Statistics => (of_statistics(&mut judge, matched.dumped, entry.name.as_str())?, None),
            Task::Md5 => (of_checksum(matched.dumped, record.crc32.as_deref()), None),
        };
        let golden = GoldenFigures {
            dtype: record.dtype,
            shape: record.shape.clone(),
            stats: record.stats,
            crc32: record.crc32.clone(),
        };
        rows.push(Row { dumped: matched.dumped, name: entry.name.as_str(), golden, told, beside });
    }
    if rows.is_empty() {
        return Err(nothing());
    }
    let place = |name: &str| golden.manifest().entry(name).map_or(usize::MAX, |(index, _)| index);
    rows.sort_by_cached_key(|row| place(row.name));
    let absent = absent.into_iter().map(|(entry, why)| (entry.name.as_str(), why)).collect();
    let mut judgement = judge.finish();
    judgement.waive(|_| true);
    Ok(Judged { precision, task: dump.task, rows, absent, others, judgement })
}

fn of_elements(
    judge: &mut Judge<'_>,
    tensor: &Dumped,
    recorded: &Recorded<'_>,
) -> Result<(Told, Option<Beside>), DumpError> {
    let Some(file) = tensor.file.as_deref().filter(|file| file.is_file()) else { return Ok((Told::NoFile, None)) };
    let (dtype, shape, bytes) = read(file)?;
    let invalid = |reason: String| DumpError::Invalid { path: file.to_owned(), reason };
    let view = TensorView::new(dtype, &shape, &bytes).map_err(|error| invalid(error.to_string()))?;
    let whole = recorded.stored.filter(|_| recorded.record.storage == Storage::Full);
    let beside = whole.and_then(|theirs| Beside::of(view, theirs));
    let judgement = judge.observe(recorded.entry.name.as_str(), view)?.clone();
    Ok((Told::Elements(Box::new(judgement)), beside))
}

fn read(file: &Path) -> Result<(Dtype, Vec<usize>, Vec<u8>), DumpError> {
    let invalid = |reason: String| DumpError::Invalid { path: file.to_owned(), reason };
    let tensor = dinov3_weights::read_tensor(file)?;
    let name = tensor.dtype.name();
    let dtype = named(name).ok_or_else(|| invalid(format!("it is a tensor of {name}")))?;
    let shape: Vec<usize> = tensor.shape.iter().map(|extent| *extent as usize).collect();
    Ok((dtype, shape, tensor.read()?))
}

fn of_statistics(judge: &mut Judge<'_>, tensor: &Dumped, name: &str) -> Result<Told, DumpError> {
    let Some(dtype) = tensor.dtype() else { return Ok(Told::NoFile) };
    let Figures { max, min, mean, norm } = tensor.figures;
    // One figure that is no number tells that some element is none.
    let finite = |figure: Option<f64>| figure.filter(|it| it.is_finite());
    let non_finite = u64::from([max, min, mean, norm].into_iter().flatten().any(|figure| !figure.is_finite()));
    let stats = Stats { non_finite, min: finite(min), max: finite(max), mean: finite(mean), l2: finite(norm) };
    Ok(Told::Statistics(Box::new(judge.observe_statistics(name, (dtype, tensor.shape.as_slice()), &stats)?.clone())))
}

fn of_checksum(tensor: &Dumped, recorded: Option<&str>) -> Told {
    match (tensor.md5.as_deref(), recorded) {
        (_, None) => Told::NoChecksum,
        (Some(ours), Some(theirs)) if ours == theirs => Told::SameBits,
        (Some(_), Some(_)) => Told::OtherBits,
        (None, Some(_)) => Told::NoFile,
    }
}
