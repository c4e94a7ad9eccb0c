//! The average's weights for whoever evaluates it: `do_test` of `dinov3/train/train.py`.

use std::path::Path;

use dinov3_torch::device::{Device, host};
use dinov3_train::weights::{WeightsError, save_dcp, save_pth};
use dinov3_train::{TrainError, Trainer};
use tch::Tensor;

/// The name of the file.
pub const FILE: &str = "teacher_checkpoint.pth";
/// The name of the folder.
pub const FOLDER: &str = "sharded_teacher_checkpoint";

/// Copies of the average's tensors on the host, which do not change when training goes on; on ranks other than 0 none. Every rank calls it.
///
/// # Errors
/// When a rank is gone.
pub fn copies(trainer: &Trainer) -> Result<Option<Vec<(String, Tensor)>>, TrainError> {
    let tensors = trainer.teacher_state_dict()?;
    let copy = |(name, tensor): (String, Tensor)| {
        let here = host(&tensor.detach());
        (name, if Device::of(&tensor) == Device::Cpu { here.copy() } else { here })
    };
    Ok((trainer.group().rank() == 0).then(|| tensors.into_iter().map(copy).collect()))
}

/// Writes them to `path`, whose folder is made if it is not there.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, tensors: &[(String, Tensor)]) -> Result<(), WeightsError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|source| WeightsError::Io { path: folder.to_owned(), source })?;
    save_pth(path, "teacher", tensors)
}

/// Writes them as the folder `path`, which the reference reads on any number of ranks; the folder that it lies in is made if it is not there.
///
/// # Errors
/// When it cannot be written.
pub fn write_sharded(path: &Path, it: usize, tensors: &[(String, Tensor)]) -> Result<(), WeightsError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|source| WeightsError::Io { path: folder.to_owned(), source })?;
    save_dcp(path, &format!("training_{it}"), tensors)
}
