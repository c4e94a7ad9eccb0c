//! The three splits of ImageNet, and the paths of their images.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use dinov3_ground::similar::most_like;
use dinov3_ground::{Hint, Hints};

/// A split of ImageNet: `ImageNet.Split` of the reference's `dinov3/data/datasets/image_net.py`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Split {
    /// The training images, in one folder per class.
    Train,
    /// The validation images, in one folder per class.
    Val,
    /// The test images, without labels, all in one folder.
    Test,
}

/// A word is not the name of a split.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a split of ImageNet")]
pub struct UnknownSplit {
    /// The given word.
    pub given: String,
}

impl Hint for UnknownSplit {
    fn hints(&self) -> Hints {
        let names = Split::ALL.map(Split::name);
        let hint: String = match most_like(&self.given, names) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("the splits are {}", names.join(", ")),
        };
        hint.into()
    }
}

impl Split {
    /// All splits.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// The name in dataset strings and in the names of tables: `TRAIN`, `VAL` or `TEST`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "TRAIN",
            Self::Val => "VAL",
            Self::Test => "TEST",
        }
    }

    /// The folder below the root of ImageNet.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }

    /// The number of images in the official ImageNet.
    pub const fn official_len(self) -> usize {
        match self {
            Self::Train => 1_281_167,
            Self::Val => 50_000,
            Self::Test => 100_000,
        }
    }

    /// Whether the images have classes.
    pub const fn has_classes(self) -> bool {
        !matches!(self, Self::Test)
    }

    /// The file of an image, below the root of ImageNet. The class of a test image is ignored.
    pub fn image_path(self, actual_index: u32, class_id: &str) -> PathBuf {
        let mut path = PathBuf::from(self.folder());
        if self.has_classes() {
            path.push(class_id);
        }
        path.push(self.file_name(actual_index, class_id));
        path
    }

    /// The last part of [`Split::image_path`].
    pub(crate) fn file_name(self, actual_index: u32, class_id: &str) -> String {
        match self {
            Self::Train => format!("{class_id}_{actual_index}.JPEG"),
            Self::Val | Self::Test => format!("ILSVRC2012_{}_{actual_index:08}.JPEG", self.folder()),
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Split {
    type Err = UnknownSplit;

    /// The names are upper-case, as in the reference.
    fn from_str(given: &str) -> Result<Self, UnknownSplit> {
        Self::ALL
            .into_iter()
            .find(|split| split.name() == given)
            .ok_or_else(|| UnknownSplit { given: given.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths of the reference's `get_image_relpath`.
    #[test]
    fn images_lie_where_the_reference_looks() {
        for (split, index, class_id, path) in [
            (Split::Train, 10026, "n01440764", "train/n01440764/n01440764_10026.JPEG"),
            (Split::Val, 293, "n01440764", "val/n01440764/ILSVRC2012_val_00000293.JPEG"),
            (Split::Val, 123_456_789, "n01", "val/n01/ILSVRC2012_val_123456789.JPEG"),
            (Split::Test, 100_000, "", "test/ILSVRC2012_test_00100000.JPEG"),
        ] {
            assert_eq!(split.image_path(index, class_id), PathBuf::from(path));
        }
    }

    #[test]
    fn names_are_upper_case() {
        for split in Split::ALL {
            assert_eq!(split.name().parse(), Ok(split));
        }
        let hint = |given: &str| given.parse::<Split>().unwrap_err().hints().to_string();
        assert_eq!([hint("train"), hint("VALID")], ["did you mean `TRAIN`?", "did you mean `VAL`?"]);
        assert_eq!(hint("x"), "the splits are TRAIN, VAL, TEST");
    }
}
