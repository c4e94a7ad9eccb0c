//! The scan of a class folder.

use std::path::{Path, PathBuf};

use super::error::PrepareError;
use super::folder::{self, Images};
use super::labels::Labels;
use super::number::actual_index;
use crate::imagenet::Split;

/// An image found by the scan.
#[derive(Clone, Copy, Debug)]
pub struct Image {
    /// The number in the file name.
    pub actual_index: u32,
    /// The row of the labels for the folder of the image. It is nearly always the row of the class.
    pub label: usize,
}

/// The result of the scan of a class folder.
#[derive(Debug, Default)]
pub struct Class {
    /// The images, in order, up to the first that cannot be in a table.
    pub images: Vec<Image>,
    /// The rows of the labels of these images.
    pub labels: Vec<usize>,
    /// The reason why the first refused image cannot be in a table.
    pub refused: Option<PrepareError>,
    /// Number of images that a dataset will not find, because the path composed from the entry differs from their path.
    pub lost: usize,
    /// The path of one of these images.
    pub lost_example: Option<PathBuf>,
}

/// Scans a class folder.
///
/// # Errors
/// If a part of it cannot be read.
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
    /// Whether the folder has no image, refused images included.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty() && self.refused.is_none()
    }

    fn add(&mut self, split: Split, class: &Path, images: &Images, labels: &Labels) -> Result<(), PrepareError> {
        let Some(first) = images.names.first() else { return Ok(()) };
        let path = |name| images.folder.join(name);
        // The reference takes the parent folder of the file as the class, even inside a class folder.
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
