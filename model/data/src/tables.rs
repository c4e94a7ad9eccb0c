//! ImageNet's tables: the list of images and classes, so that a run need not scan a million files.
//!
//! The tables are seven `.npy` files in one folder: `entries-{TRAIN,VAL,TEST}`, `class-ids-{TRAIN,VAL}` and
//! `class-names-{TRAIN,VAL}`. [`prepare()`] writes the same bytes as `ImageNet.dump_extra` of the reference's
//! `dinov3/data/datasets/image_net.py`; [`Entries`] and [`Texts`] read our tables and the reference's.

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

/// The name of the table with one row per image: a struct of `actual_index` and `class_index` (`<u4`), `class_id` and
/// `class_name` (`<U`, as wide as needed).
pub fn entries_file(split: Split) -> String {
    format!("entries-{split}.npy")
}

/// The name of the table with the id of each class, such as `n01440764`. A split without classes has no such table.
pub fn class_ids_file(split: Split) -> String {
    format!("class-ids-{split}.npy")
}

/// The name of the table with the name of each class, such as `tench`. A split without classes has no such table.
pub fn class_names_file(split: Split) -> String {
    format!("class-names-{split}.npy")
}
