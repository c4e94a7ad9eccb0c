//! The batches of a recording, made again from its photographs by the loader's own code.

use std::path::PathBuf;

use dinov3_data::collate::Collation;
use dinov3_data::config::{DataConfig, Ranks};
use dinov3_data::decode;
use dinov3_data::image::Image;
use dinov3_data::pixels::{self, Region};
use dinov3_data::random::Streams;
use dinov3_golden::manifest::{Intermediate, Photograph};
use dinov3_golden::{GoldenSet, sha256_hex};
use dinov3_reports::message::Remark;
use dinov3_vit::meta_arch::Batch;
use tch::Tensor;

use crate::SuiteError;

/// The photographs that a set was recorded with, and what is done with them.
pub struct Pipeline {
    images: Vec<Image>,
    collation: Collation,
    batch_size: usize,
    seed: u32,
}

impl Pipeline {
    /// `None` where the photographs are not beside the set's folder: `../../photographs`, as they are in the project. Its stored
    /// crops must serve then; [`remark`] says so.
    ///
    /// # Errors
    /// When the config's data cannot be honoured, or a photograph cannot be decoded.
    pub fn of(set: &GoldenSet) -> Result<Option<Self>, SuiteError> {
        let Some(files) = photographs(set) else { return Ok(None) };
        let manifest = set.manifest();
        let input = |input: &str, reason: String| SuiteError::input(set, input, reason);
        let decoded = |(photograph, bytes): (&Photograph, &Vec<u8>)| {
            decode::decode(bytes).map_err(|error| input(&photograph.file, error.to_string()))
        };
        let images = manifest.recipe.photographs.iter().zip(&files).map(decoded).collect::<Result<_, _>>()?;
        // A set's batch is one loader's, whatever the recipe would share among ranks.
        let config = DataConfig::from_merged(&manifest.recipe.config, Ranks { world: 1, subgroup: 1 })
            .map_err(|error| input("recipe.config", error.to_string()))?;
        let [resolution] = <[_; 1]>::try_from(config.resolutions)
            .map_err(|_| input("recipe.config", "several crop sizes at once are not recorded".to_owned()))?;
        let mut collation = resolution.collation;
        let computed = super::recipe::computed(&manifest.recipe);
        collation.masking.local_batch_size = (computed != manifest.recipe.batch_size).then_some(computed);
        let seed = manifest.recipe.seed;
        // NumPy's limit, with room for what is added to it.
        let small = |_| input("recipe.seed", format!("{seed} is more than NumPy can be seeded with"));
        let seed = i32::try_from(seed).map_err(small)?.unsigned_abs();
        Ok(Some(Self { images, collation, batch_size: manifest.recipe.batch_size, seed }))
    }

    /// Batch `number`, cut after seeding with the recipe's seed plus `more`: its image i is photograph number · B + i, modulo how
    /// many there are.
    pub fn batch(&self, number: usize, more: u32) -> Batch {
        let first = number * self.batch_size;
        let images: Vec<_> = (first..first + self.batch_size).map(|i| &self.images[i % self.images.len()]).collect();
        Batch::of(&self.collation.batch(&images, &mut Streams::fix_random_seeds(self.seed + more)))
    }

    /// `[1, 3, H, W]`: the largest centred part of the first photograph with these proportions.
    pub fn intermediate(&self, wanted: &Intermediate) -> Tensor {
        let (image, augmentation) = (&self.images[0], &self.collation.augmentation);
        let (width, height) = (image.width() as f64, image.height() as f64);
        let scale = (width / wanted.width as f64).min(height / wanted.height as f64);
        let part = |side: usize| ((side as f64 * scale) as usize).max(1);
        let (width, height) = (part(wanted.width), part(wanted.height));
        let (left, top) = ((image.width() - width) / 2, (image.height() - height) / 2);
        let region = Region { top, left, height, width };
        let resized = pixels::crop_resized(image, region, wanted.height, wanted.width, false);
        let mut values = vec![0.0; 3 * wanted.height * wanted.width];
        pixels::normalised(&resized, augmentation.mean, augmentation.std, &mut values);
        Tensor::from_slice(&values).view([1, 3, wanted.height as i64, wanted.width as i64])
    }
}

/// The bytes of a recipe's photographs; `None` unless all are there, with the recorded hashes.
fn photographs(set: &GoldenSet) -> Option<Vec<Vec<u8>>> {
    let photographs = &set.manifest().recipe.photographs;
    if photographs.is_empty() {
        return None;
    }
    // Not `..`: the folder may be a link, or be given by its name alone.
    let folder: PathBuf = set.dir().canonicalize().ok()?.parent()?.parent()?.join("photographs");
    let read = |photograph: &Photograph| {
        let bytes = std::fs::read(folder.join(&photograph.file)).ok()?;
        (sha256_hex(&bytes) == photograph.sha256).then_some(bytes)
    };
    photographs.iter().map(read).collect()
}

/// What a report says of a set whose photographs are not there.
pub fn remark(set: &GoldenSet) -> Option<Remark> {
    let missing = !set.manifest().recipe.photographs.is_empty() && photographs(set).is_none();
    missing.then_some(Remark::StoredCrops)
}
