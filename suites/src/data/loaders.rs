//! Whole loaders, from files to batches, on a small ImageNet of the photographs.

use dinov3_golden::Kind;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use dinov3_data::config::{DataConfig, Ranks};
use dinov3_data::dataset::{Dataset, DatasetSpec};
use dinov3_data::imagenet::{ImageNet, Length, Split};
use dinov3_data::loader::{OnUnusable, RunLoader, Start};
use dinov3_data::tables::{self, Options};
use dinov3_golden::{Dtype, GoldenSet, TensorFile};
use dinov3_torch::bytes::copied;
use dinov3_vit::hook::Hook;
use dinov3_vit::meta_arch::Batch;
use serde_json::{Value, json};
use tch::Tensor;

use super::pixels::PHOTOGRAPHS;
use crate::SuiteError;
use crate::judging::replay::{Notes, inputs, stored};
use crate::judging::words;

/// The number of threads. It differs from the reference's number of workers, since batches do not depend on it.
const THREADS: usize = 2;

/// A case: name, overrides by their pointers, first iteration, number of batches.
type Case = (&'static str, Vec<(&'static str, Value)>, u64, usize);

fn cases() -> [Case; 4] {
    let resolutions = vec![
        ("/train/num_workers", json!(1)),
        ("/crops/global_crops_size", json!([32, 48])),
        ("/crops/local_crops_size", json!([16, 24])),
        ("/crops/gram_teacher_crops_size", json!([64, 48])),
        ("/crops/global_local_crop_pairs_ratios", json!([0.6, 0.4])),
    ];
    [
        ("plain", vec![], 0, 5),
        ("resumed", vec![("/train/num_workers", json!(3))], 3, 5),
        ("sharded", vec![("/train/cache_dataset", json!(true))], 0, 5),
        ("resolutions", resolutions, 0, 6),
    ]
}

/// The overrides of all cases.
fn common() -> Vec<(&'static str, Value)> {
    vec![
        ("/train/batch_size_per_gpu", json!(3)),
        ("/train/num_workers", json!(2)),
        ("/train/cache_dataset", json!(false)),
        ("/student/patch_size", json!(8)),
        ("/crops/global_crops_size", json!(32)),
        ("/crops/local_crops_size", json!(16)),
        ("/crops/local_crops_number", json!(4)),
    ]
}

/// Shows the first batches of each case, and notes images that cannot be used.
///
/// # Errors
/// If the small ImageNet cannot be made, or a loader fails.
pub(super) fn show(set: &GoldenSet, notes: &Notes, hook: &mut dyn Hook) -> Result<(), SuiteError> {
    let folder = tempfile::tempdir().map_err(SuiteError::Scratch)?;
    let dataset = imagenet(set, inputs(set)?, folder.path())?;
    let notes = notes.clone();
    let unusable: OnUnusable = Arc::new(move |image| notes.add(words::unusable(image)));
    for (number, (case, overrides, iteration, count)) in cases().into_iter().enumerate() {
        let failed = |error: &dyn std::fmt::Display| {
            SuiteError::input(set, Kind::Data.name(format_args!("loader.{case}")), error)
        };
        let mut config = set.manifest().recipe.config.clone();
        for (key, value) in common().into_iter().chain(overrides) {
            *config.pointer_mut(key).ok_or_else(|| failed(&format!("the config has no {key}")))? = value;
        }
        let config =
            DataConfig::from_merged(&config, Ranks { world: 1, subgroup: 1 }).map_err(|error| failed(&error))?;
        let mut torch = super::seeded(set, 55 + number as u32)?.torch;
        let start = Start { rank: 0, world: 1, iteration, threads: THREADS, prefetch: 2, broken_limit: 0 };
        let loader = RunLoader::start(&config, &dataset, &start, || torch.random_() as u64, &unusable);
        let mut sides = Vec::new();
        for (number, batch) in loader.map_err(|error| failed(&error))?.take(count).enumerate() {
            let batch = Batch::of(&batch.map_err(|error| failed(&error))?);
            sides.push(batch.global_crops.size()[3]);
            show_batch(&Kind::Data.name(format_args!("loader.{case}.{number}")), &batch, hook);
        }
        if config.resolutions.len() > 1 {
            hook.summary(&Kind::Data.name(format_args!("loader.{case}.order")), &Tensor::from_slice(&sides));
        }
    }
    Ok(())
}

/// Shows a batch as the trainer gets it.
fn show_batch(name: &str, batch: &Batch, hook: &mut dyn Hook) {
    hook.summary(&format!("{name}.global"), &batch.global_crops);
    hook.summary(&format!("{name}.local"), &batch.local_crops);
    if let Some(gram) = &batch.gram_teacher_crops {
        hook.summary(&format!("{name}.gram"), gram);
    }
    hook.summary(&format!("{name}.masks"), &batch.masks);
    hook.summary(&format!("{name}.indices"), &batch.mask_indices);
}

/// The recorded tree with its tables. File k of the tree is photograph k modulo the number of photographs.
fn imagenet(set: &GoldenSet, file: &TensorFile, folder: &Path) -> Result<Arc<dyn Dataset>, SuiteError> {
    let recorded = |name: &str| Ok::<_, SuiteError>(copied(&stored(set, file, name, &[Dtype::U8], 1)?));
    let (root, extra) = (folder.join("root"), folder.join("extra"));
    let tree =
        String::from_utf8(recorded("loader.tree")?).map_err(|error| SuiteError::input(set, "loader.tree", error))?;
    for (path, photograph) in tree.lines().zip(PHOTOGRAPHS.iter().cycle()) {
        write(&root.join(path), &recorded(&format!("file.{photograph}.jpg"))?).map_err(SuiteError::Scratch)?;
    }
    write(&root.join("labels.txt"), &recorded("loader.labels")?).map_err(SuiteError::Scratch)?;
    let options = Options { root: &root, extra: &extra, force: false, progress: &|_| {} };
    tables::prepare(Split::Train, &options).map_err(|error| SuiteError::input(set, "loader.tree", error))?;
    let spec = DatasetSpec { split: Split::Train, root, extra };
    let opened = ImageNet::open(&spec, Length::Any).map_err(|error| SuiteError::input(set, "loader.tree", error))?;
    Ok(Arc::new(opened))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, bytes)
}
