//! ImageNet's tables: which images there are, and of which classes, without looking at a million files again.
//!
//! Seven `.npy` files in one folder: `entries-{TRAIN,VAL,TEST}`, `class-ids-{TRAIN,VAL}` and `class-names-{TRAIN,VAL}`.
//! [`prepare()`] writes the bytes that `ImageNet.dump_extra` of the reference's `dinov3/data/datasets/image_net.py` writes;
//! [`Entries`] and [`Texts`] read them, the reference's own too.

mod error;
mod folder;
mod labels;
mod layout;
mod mapped;
mod number;
mod order;
mod prepare;
mod scan;
mod store;
#[cfg(test)]
mod tests;

pub use error::{PrepareError, TableError};
pub use labels::{LABELS, LabelError};
pub use mapped::{Entries, Entry, Texts};
pub use prepare::{Done, Options, Prepared, Remarks, Steps, prepare};

use crate::imagenet::Split;

/// The file of the table with a row an image: a struct of `actual_index` and `class_index` (`<u4`), `class_id` and
/// `class_name` (`<U`, as wide as needed).
pub fn entries_file(split: Split) -> String {
    format!("entries-{split}.npy")
}

/// The file of the table with the id of each class, such as `n01440764`; a split without classes has none.
pub fn class_ids_file(split: Split) -> String {
    format!("class-ids-{split}.npy")
}

/// The file of the table with the name of each class, such as `tench`; a split without classes has none.
pub fn class_names_file(split: Split) -> String {
    format!("class-names-{split}.npy")
}
