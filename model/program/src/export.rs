//! The average's weights for whoever evaluates it: `do_test` of `dinov3/train/train.py`.

use std::path::Path;

use dinov3_train::Trainer;
use dinov3_train::run::PartError;

use crate::journal::Journal;

/// The name of the file.
const FILE: &str = "teacher_checkpoint.pth";

/// Writes it into `folder`, which is made if it is not there. Every rank calls it; rank 0 writes.
///
/// # Errors
/// When a rank is gone, or the file cannot be written.
pub fn teacher(trainer: &Trainer, folder: &Path, journal: &Journal) -> Result<(), PartError> {
    let tensors = trainer.teacher_state_dict()?;
    if trainer.group().rank() == 0 {
        let path = folder.join(FILE);
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        dinov3_train::weights::save_pth(&path, "teacher", &tensors)?;
        journal.info(("train.py", 265), &format!("Saved eval checkpoint: {}", path.display()));
    }
    Ok(())
}
