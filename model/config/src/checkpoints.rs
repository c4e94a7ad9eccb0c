//! The files with weights that a run starts from.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::ConfigError;
use crate::read::{path, section};

/// The files that the reference's `init_weights` reads. An empty name means no file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checkpoints {
    /// `student.resume_from_teacher_chkpt`.
    pub student: Option<String>,
    /// `distillation.checkpoint_path`, unless it is `ignore`.
    pub frozen_teacher: Option<String>,
    /// `gram.ckpt`.
    pub gram: Option<String>,
}

#[derive(Deserialize)]
struct Student {
    #[serde(deserialize_with = "path")]
    resume_from_teacher_chkpt: Option<String>,
}

#[derive(Deserialize)]
struct Distillation {
    #[serde(deserialize_with = "path")]
    checkpoint_path: Option<String>,
    #[serde(rename = "full_cfg_path", deserialize_with = "path")]
    _full_cfg_path: Option<String>,
}

#[derive(Deserialize)]
struct Gram {
    #[serde(deserialize_with = "path")]
    ckpt: Option<String>,
}

impl Checkpoints {
    /// The paths of a merged config. A number in the place of a path is refused even where nothing reads it.
    ///
    /// # Errors
    /// When a value is no path.
    pub(crate) fn from_merged(config: &Value) -> Result<Self, ConfigError> {
        let named = |path: Option<String>| path.filter(|path| !path.is_empty());
        let student: Student = section(config, "student")?;
        let distillation: Distillation = section(config, "distillation")?;
        let gram: Gram = section(config, "gram")?;
        Ok(Self {
            student: named(student.resume_from_teacher_chkpt),
            frozen_teacher: named(distillation.checkpoint_path).filter(|path| path != "ignore"),
            gram: named(gram.ckpt),
        })
    }
}
