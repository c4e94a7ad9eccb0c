//! The tables of a tree of files with awkward names.

use dinov3_golden::Kind;
use std::fs;
use std::io;
use std::path::Path;

use dinov3_data::imagenet::Split;
use dinov3_data::tables::{self, Options};
use dinov3_golden::{Dtype, GoldenSet, TensorFile};
use dinov3_torch::bytes::copied;
use dinov3_vit::hook::Hook;
use tch::Tensor;

use crate::SuiteError;
use crate::judging::replay::{inputs, stored};

/// Makes the recorded tree in a temporary folder, and shows the bytes of its tables.
///
/// # Errors
/// If the tree cannot be made, or its tables cannot be prepared.
pub(super) fn show(set: &GoldenSet, hook: &mut dyn Hook) -> Result<(), SuiteError> {
    let file = inputs(set)?;
    let folder = tempfile::tempdir().map_err(SuiteError::Scratch)?;
    let (root, extra) = (folder.path().join("root"), folder.path().join("extra"));
    plant(set, file, &root)?;
    let recorded = |name: &str| set.manifest().entry(&Kind::Data.name(format_args!("tables.{name}"))).is_some();
    // NumPy 2 cannot write the test split's table.
    for split in Split::ALL.into_iter().filter(|split| recorded(&tables::entries_file(*split))) {
        let options = Options { root: &root, extra: &extra, force: false, progress: &|_| {} };
        tables::prepare(split, &options).map_err(|error| SuiteError::input(set, "tables.tree", error))?;
        let files = [tables::entries_file(split), tables::class_ids_file(split), tables::class_names_file(split)];
        for name in files.iter().filter(|name| recorded(name)) {
            hook.summary(
                &Kind::Data.name(format_args!("tables.{name}")),
                &Tensor::from_slice(&fs::read(extra.join(name)).map_err(SuiteError::Scratch)?),
            );
        }
    }
    Ok(())
}

/// Makes empty files under the recorded names, and the labels.
fn plant(set: &GoldenSet, file: &TensorFile, root: &Path) -> Result<(), SuiteError> {
    let text = |name: &str| Ok::<_, SuiteError>(copied(&stored(set, file, name, &[Dtype::U8], 1)?));
    let tree = String::from_utf8(text("tables.tree")?).map_err(|error| SuiteError::input(set, "tables.tree", error))?;
    let empty = |path: &str| -> io::Result<()> {
        let path = root.join(path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, [])
    };
    tree.lines().try_for_each(empty).map_err(SuiteError::Scratch)?;
    fs::write(root.join("labels.txt"), text("tables.labels")?).map_err(SuiteError::Scratch)
}
