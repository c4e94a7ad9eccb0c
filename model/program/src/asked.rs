//! What a training is asked to do, checked before it begins.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dinov3_config::merge::{Merged, apply_scaling_rules, merged_teacher};
use dinov3_config::{Dtype, SslConfig, holds};
use dinov3_data::config::{DataConfig, Ranks};
use dinov3_data::dataset::{Dataset, DatasetSpec};
use dinov3_data::imagenet::{ImageNet, Length};
use dinov3_torch::device::Device;
use serde_json::Value;

use crate::banner::at;
use crate::students::Students;
use crate::{ProgramError, Source, photographs};

/// The `train.dataset_path` of the reference's defaults, which says nowhere where the images are.
const NO_ROOT: &str = "ImageNet:split=TRAIN";

/// What a run does with the checkpoints in its output folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// Goes on from the last one as if nothing had come between.
    Exactly,
    /// Goes on from the last one as the reference does: weights and moments alone.
    AsReference,
    /// Begins anew; a folder that has checkpoints is refused.
    Not,
}

/// What a training is asked to do.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its config.
    pub source: Source,
    /// `KEY=VALUE`, the later on top.
    pub overrides: Vec<String>,
    /// The folder of everything that it writes.
    pub output_dir: String,
    /// The seed of the process's random streams (`train.seed` is that of the samplers).
    pub seed: u32,
    /// What to do with checkpoints.
    pub resume: Resume,
    /// Iterations to take now; all that are left if none is given.
    pub steps: Option<usize>,
    /// The first iteration that is not taken, whatever was taken before.
    pub until: Option<usize>,
    /// The folder of event files for TensorBoard, if they are wanted.
    pub tensorboard: Option<PathBuf>,
    /// Where to compute.
    pub device: Device,
    /// Threads that make batches.
    pub threads: usize,
    /// How many images may be unusable.
    pub broken_limit: usize,
    /// Write the total loss of each step, and fingerprints of the state after every so many steps.
    pub trace: Option<usize>,
    /// Move each first weight by an ulp, by the bits of this seed.
    pub ulp_seed: Option<u64>,
}

impl Asked {
    /// What one rank alone can do.
    fn refuse_for(&self, world: usize) -> Result<(), ProgramError> {
        let of_one = [("--trace", self.trace.is_some()), ("--ulp-seed", self.ulp_seed.is_some())];
        match of_one.into_iter().find(|(_, given)| *given && world > 1) {
            Some((option, _)) => {
                let what = format!("`{option}` is for one rank, which has all weights; there are {world}");
                Err(ProgramError::refused(what, "leave it out, or train on one rank"))
            }
            None => Ok(()),
        }
    }
}

/// A training that can be begun, as far as can be told.
pub struct Plan {
    /// What was asked for.
    pub asked: Asked,
    /// The merged config, as it is written down.
    pub merged: Merged,
    /// The same with its learning rate scaled.
    pub scaled: Value,
    /// Its `optim.lr` before and after that.
    pub lr: Option<(f64, f64)>,
    pub(crate) config: SslConfig,
    pub(crate) data: DataConfig,
    pub(crate) dataset: Arc<ImageNet>,
    pub(crate) output: PathBuf,
    pub(crate) ranks: Ranks,
    /// The ranks of each of several students.
    pub(crate) students: Vec<Range<usize>>,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("asked", &self.asked).finish_non_exhaustive()
    }
}

impl Plan {
    /// The plan of one of `world` ranks. Nothing is written yet but photographs on board that the recipe trains on, and everything is refused
    /// that can be found out.
    ///
    /// # Errors
    /// When the config cannot be merged or honoured, or the dataset not be opened.
    pub fn of(asked: Asked, world: usize) -> Result<Self, ProgramError> {
        asked.refuse_for(world)?;
        let mut output =
            real_path(Path::new(&asked.output_dir)).map_err(ProgramError::io(Path::new(&asked.output_dir)))?;
        let students = Students::of(&asked.source, &asked.overrides)?;
        output.extend(students.as_ref().map(|students| &students.name));
        let mut overrides = asked.overrides.clone();
        overrides.push(format!("train.output_dir={}", output.display()));
        let mut merged = asked.source.merged(&overrides)?;
        let on_board = output.join(photographs::FOLDER);
        let trains_on_board = asked.source.trains_on_board() && at(&merged.config, "train.dataset_path") == NO_ROOT;
        if trains_on_board {
            // The last override is the output folder, as in the reference.
            overrides.insert(0, format!("train.dataset_path={}", photographs::dataset_path(&on_board)));
            merged = asked.source.merged(&overrides)?;
        }
        if let Some(key) = merged.missing.first() {
            return Err(ProgramError::refused(format!("`{key}` is `???`"), format!("give it a value: {key}=VALUE")));
        }
        let mut scaled = merged.config.clone();
        let lr = apply_scaling_rules(&mut scaled, world)?.map(|it| (it.from, it.to));
        refuse(&merged.config)?;
        let mut config = SslConfig::from_merged(&merged.config)?;
        if config.training.multi_distillation != students.is_some() {
            let class = at(&merged.config, "MODEL.META_ARCHITECTURE");
            let what = format!("`MODEL.META_ARCHITECTURE: {class}` does not go with the students");
            let hint = "MultiDistillationMetaArch goes with --multi-distillation, SSLMetaArch goes without";
            return Err(ProgramError::refused(what, hint));
        }
        if config.distillation_enabled {
            config = config.with_teacher(&merged_teacher(&merged.config)?.config)?;
        }
        let ranks = Ranks { world, subgroup: students.as_ref().map_or(world, |students| students.beside) };
        let data = DataConfig::from_merged(&merged.config, ranks)?;
        if trains_on_board {
            photographs::unpack(&on_board)?;
        }
        let dataset = Arc::new(ImageNet::open(&DatasetSpec::parse(&data.dataset)?, Length::Any)?);
        let students = students.map_or_else(Vec::new, |students| students.ranks);
        Ok(Self { asked, merged, scaled, lr, config, data, dataset, output, ranks, students })
    }

    /// What a person should know of it: a sentence each.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks: Vec<String> = self.config.without_effect.iter().map(ToString::to_string).collect();
        if let Some(official) = self.dataset.official_len_if_other() {
            let (split, images) = (self.dataset.split(), self.dataset.len());
            remarks
                .push(format!("{split} has {images} images, not the {official} of ImageNet; the reference refuses it"));
        }
        if holds(&self.merged.config, "train.compile") {
            let why = "nothing is compiled, which rounds some bf16 chains more often";
            remarks.push(format!("`train.compile: true` has no effect here: {why}"));
        }
        let (all, period) = (self.config.training.iterations(), self.period("checkpointing.period"));
        let left = if period == 0 { all } else { all % period };
        if left > 0 {
            remarks.push(format!("the last {left} iterations have no checkpoint, as in the reference"));
        }
        if at(&self.merged.config, "checkpointing.max_to_keep") == &Value::from(0) {
            remarks.push("`checkpointing.max_to_keep: 0` keeps all checkpoints, as in the reference".to_owned());
        }
        remarks
    }

    /// The ranks of each of several students; none where all ranks train one.
    pub fn students(&self) -> &[Range<usize>] {
        &self.students
    }

    pub(crate) fn period(&self, key: &str) -> usize {
        at(&self.merged.config, key).as_u64().unwrap_or(0) as usize
    }

    /// The dtype that computes.
    pub(crate) fn kind(&self) -> tch::Kind {
        match self.config.training.param_dtype {
            Dtype::BFloat16 => tch::Kind::BFloat16,
            _ => tch::Kind::Float,
        }
    }
}

/// Numbers of the program itself that it cannot do with.
fn refuse(config: &Value) -> Result<(), ProgramError> {
    let whole = |key: &str| at(config, key).as_u64();
    if whole("checkpointing.period").is_none_or(|period| period == 0) {
        let what = format!("`checkpointing.period` cannot be {}", at(config, "checkpointing.period"));
        return Err(ProgramError::refused(what, "give the iterations between two checkpoints"));
    }
    if at(config, "evaluation.eval_period_iterations").as_i64().is_none() {
        let what = format!(
            "`evaluation.eval_period_iterations` cannot be {}",
            at(config, "evaluation.eval_period_iterations")
        );
        return Err(ProgramError::refused(what, "give the iterations between two exports of the teacher; 0 is never"));
    }
    for key in ["train.checkpointing", "train.checkpointing_full", "train.cudagraphs"] {
        if holds(config, key) {
            let what = format!("`{key}: true` cannot be honoured; it saves memory or time, and changes no number");
            return Err(ProgramError::refused(what, format!("{key}=false")));
        }
    }
    Ok(())
}

/// `os.path.realpath`: absolute, and without links as far as it exists.
fn real_path(path: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    let mut missing = Vec::new();
    for above in absolute.ancestors() {
        if above.exists() {
            let mut real = above.canonicalize()?;
            real.extend(missing.iter().rev());
            return Ok(real);
        }
        missing.extend(above.file_name());
    }
    Ok(absolute)
}
