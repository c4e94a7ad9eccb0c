//! A tree like ImageNet's: empty files, named as there.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Arguments;
use crate::arguments::from_caller;
use crate::failure::{ENVIRONMENT, Failure, USAGE};

/// The tree, removed when dropped.
pub struct Tree(TempDir);

impl Tree {
    /// As many images and classes as asked for.
    ///
    /// # Errors
    /// When there are fewer images than classes, and when the disk takes no more.
    pub fn new(arguments: &Arguments) -> Result<Self, Failure> {
        if arguments.images < arguments.classes {
            return Err(Failure::new(USAGE, "a class would have no image", "give more --images or fewer --classes"));
        }
        let folder = arguments.folder.as_deref().map_or_else(std::env::temp_dir, from_caller);
        make(&folder, arguments.images, arguments.classes).map(Self).map_err(|error| {
            let message = format!("no tree can be made in {}: {error}", folder.display());
            Failure::new(ENVIRONMENT, message, "name another place with --folder; each file needs an inode")
        })
    }

    /// The folder of ImageNet.
    pub fn root(&self) -> &Path {
        self.0.path()
    }

    /// Where a side writes its tables.
    pub fn extra(&self, side: &str) -> PathBuf {
        self.0.path().join(side)
    }
}

fn make(folder: &Path, images: u32, classes: u32) -> io::Result<TempDir> {
    let root = tempfile::Builder::new().prefix("imagenet-").tempdir_in(folder)?;
    let mut labels = String::new();
    for class in 0..classes {
        let id = format!("n{:08}", 1_440_764 + 11_003 * u64::from(class));
        let folder = root.path().join("train").join(&id);
        fs::create_dir_all(&folder)?;
        // As many characters as ImageNet's names have, commas among them.
        let words = ["fish", "great white shark", "tench, Tinca tinca", "cock"];
        labels += &format!("{id},\"{} {class}\"\n", words[class as usize % words.len()]);
        for image in (class..images).step_by(classes as usize) {
            // Scattered, and each once: an odd factor and powers of two.
            let number = image.wrapping_mul(2_654_435_761) % (1 << 20) * 2048 + image / (1 << 20);
            File::create(folder.join(format!("{id}_{number}.JPEG")))?;
        }
    }
    fs::write(root.path().join("labels.txt"), labels)?;
    Ok(root)
}
