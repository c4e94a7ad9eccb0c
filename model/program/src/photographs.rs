//! The photographs on board, by which a recipe can be trained without any other file.

use std::fs;
use std::path::Path;

use dinov3_data::imagenet::Split;
use dinov3_data::tables::{LABELS, Options, Steps, prepare};
use dinov3_ground::atomic::write_file;

use crate::ProgramError;

/// The folder in the output folder that they are written to.
pub const FOLDER: &str = "photographs";

/// The folder of their tables, beside `train` and the labels.
const TABLES: &str = "tables";

/// The folder inside `train`, the file's name, and the file.
type Photograph = (&'static str, &'static str, &'static [u8]);

macro_rules! photograph {
    ($class:literal, $number:literal) => {
        (
            $class,
            concat!($class, "_", $number, ".JPEG"),
            include_bytes!(concat!("../recipes/photographs/train/", $class, "/", $class, "_", $number, ".JPEG")),
        )
    };
}

macro_rules! photographs {
    ($($class:literal),*) => {
        [$(
            photograph!($class, 1),
            photograph!($class, 2),
            photograph!($class, 3),
            photograph!($class, 4),
            photograph!($class, 5),
            photograph!($class, 6),
            photograph!($class, 7),
            photograph!($class, 8),
            photograph!($class, 9),
        )*]
    };
}

/// All of them: `recipes/photographs/LICENCES.md` says what they are.
const PHOTOGRAPHS: [Photograph; 36] = photographs!["n10000001", "n10000002", "n10000003", "n10000004"];

const CLASSES: &[u8] = include_bytes!("../recipes/photographs/labels.txt");

/// The `train.dataset_path` of the photographs in `folder`.
pub fn dataset_path(folder: &Path) -> String {
    format!("ImageNet:split=TRAIN:root={}:extra={}", folder.display(), folder.join(TABLES).display())
}

/// Writes them into `folder`, with their tables. Files that are there already and whole are left.
///
/// # Errors
/// When a file cannot be written.
pub fn unpack(folder: &Path) -> Result<(), ProgramError> {
    put(&folder.join(LABELS), CLASSES)?;
    for (class, name, bytes) in PHOTOGRAPHS {
        put(&folder.join("train").join(class).join(name), bytes)?;
    }
    let extra = folder.join(TABLES);
    let quiet = |_: Steps| ();
    prepare(Split::Train, &Options { root: folder, extra: &extra, force: false, progress: &quiet })?;
    Ok(())
}

/// Each rank writes, so that a file appears at once or not at all.
fn put(path: &Path, bytes: &[u8]) -> Result<(), ProgramError> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(ProgramError::io(folder))?;
    write_file(path, |out| out.write_all(bytes)).map_err(ProgramError::io(path))
}

#[cfg(test)]
mod tests {
    use dinov3_data::dataset::{Dataset, DatasetSpec};
    use dinov3_data::imagenet::{ImageNet, Length};

    use super::*;

    #[test]
    fn they_are_a_dataset_wherever_they_are_written() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join(FOLDER);
        unpack(&folder).unwrap();
        let images = ImageNet::open(&DatasetSpec::parse(&dataset_path(&folder)).unwrap(), Length::Any).unwrap();
        assert_eq!(images.len(), PHOTOGRAPHS.len());
        let on_board: u64 = PHOTOGRAPHS.iter().map(|(_, _, bytes)| bytes.len() as u64).sum();
        assert!(on_board < 1 << 17, "{on_board} bytes in every binary");
    }

    #[test]
    fn a_damaged_file_is_written_again_and_a_whole_one_left() {
        let place = tempfile::tempdir().unwrap();
        unpack(place.path()).unwrap();
        let [damaged, whole] = [0, 1].map(|n| place.path().join("train").join(PHOTOGRAPHS[n].0).join(PHOTOGRAPHS[n].1));
        fs::write(&damaged, b"half").unwrap();
        let written = fs::metadata(&whole).unwrap().modified().unwrap();
        unpack(place.path()).unwrap();
        assert_eq!(fs::read(&damaged).unwrap(), PHOTOGRAPHS[0].2);
        assert_eq!(fs::metadata(&whole).unwrap().modified().unwrap(), written);
    }
}
