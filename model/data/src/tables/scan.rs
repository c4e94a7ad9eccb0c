//! From the folder of a class to the numbers of its images.

use std::path::{Path, PathBuf};

use super::error::PrepareError;
use super::folder::{self, Images};
use super::labels::Labels;
use super::number::actual_index;
use crate::imagenet::Split;

/// What is kept of an image.
#[derive(Clone, Copy, Debug)]
pub struct Image {
    /// The number in its name.
    pub actual_index: u32,
    /// The row of the labels of the folder that it lies in, which is seldom not its class's own.
    pub label: usize,
}

/// A class folder, looked through.
#[derive(Debug, Default)]
pub struct Class {
    /// Its images, in order, up to the first that has no place in a table.
    pub images: Vec<Image>,
    /// The rows of the labels that these have.
    pub labels: Vec<usize>,
    /// Why the first image that has no place in a table has none.
    pub refused: Option<PrepareError>,
    /// How many images a dataset will not find: the path that it makes of the entry is another.
    pub lost: usize,
    /// One of them.
    pub lost_example: Option<PathBuf>,
}

/// Looks through a class folder.
///
/// # Errors
/// When it cannot be read whole.
pub fn scan(split: Split, class: &Path, labels: &Labels) -> Result<Class, PrepareError> {
    let mut scanned = Class::default();
    for images in folder::images(class)? {
        if let Err(error) = scanned.add(split, class, &images, labels) {
            scanned.refused = Some(error);
            break;
        }
    }
    Ok(scanned)
}

impl Class {
    /// Whether there is no image in it, not even one that is refused.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty() && self.refused.is_none()
    }

    fn add(&mut self, split: Split, class: &Path, images: &Images, labels: &Labels) -> Result<(), PrepareError> {
        let Some(first) = images.names.first() else { return Ok(()) };
        let path = |name| images.folder.join(name);
        // For the reference the class is the folder next to the file, also in a folder within the class's.
        let id = images.folder.file_name().and_then(|id| id.to_str());
        let named = id.and_then(|id| Some((id, labels.row_of(id)?)));
        for name in &images.names {
            let bytes = name.as_encoded_bytes();
            let number = actual_index(bytes);
            let number = number.map_err(|problem| PrepareError::Name { path: path(name), problem })?;
            let Some((id, label)) = named else {
                return Err(PrepareError::Unlabelled { path: path(first), mark: labels.begin_with_mark() });
            };
            self.images.push(Image { actual_index: number, label });
            if images.folder != class || bytes != split.file_name(number, id).as_bytes() {
                self.lost += 1;
                self.lost_example.get_or_insert_with(|| path(name));
            }
        }
        self.labels.extend(named.map(|(_, label)| label));
        Ok(())
    }
}
