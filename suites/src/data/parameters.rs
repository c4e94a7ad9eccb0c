//! Ten thousand draws of the augmentation's random parameters and of the masks.

use dinov3_data::augment::{Augmentation, Colour, Distortion, Local, Parameters, View};
use dinov3_data::config::{DataConfig, Ranks};
use dinov3_data::masking::Masking;
use dinov3_data::random::Streams;
use dinov3_golden::GoldenSet;
use dinov3_golden::Kind;
use dinov3_vit::hook::Hook;
use serde_json::{Value, json};
use tch::Tensor;

use crate::SuiteError;

/// Widths and heights of the images, repeated in a cycle.
const SIZES: [(usize, usize); 8] = [(500, 375), (375, 500), (640, 427), (64, 64), (33, 200), (300, 30), (7, 5), (1, 1)];
/// Numbers that describe a crop.
const COLUMNS: usize = 14;

/// Options of the augmentation that change the draws, each with a number of images.
fn cases() -> [(&'static str, Value, usize); 4] {
    [
        ("default", json!({}), 10_000),
        ("shared", json!({"share_color_jitter": true}), 2_000),
        ("no_flips", json!({"horizontal_flips": false}), 2_000),
        ("subset", json!({"localcrops_subset_of_globalcrops": true}), 2_000),
    ]
}

/// Options of the masks; the first seed is 99.
const MASKS: [(&str, Masks); 5] = [
    ("published", Masks { side: 14, images: 64, batches: 80, shifted: false, local: None }),
    ("micro", Masks { side: 4, images: 8, batches: 50, shifted: false, local: None }),
    ("shifted", Masks { side: 14, images: 16, batches: 20, shifted: true, local: None }),
    ("large", Masks { side: 32, images: 4, batches: 10, shifted: false, local: None }),
    ("local_batch", Masks { side: 14, images: 16, batches: 10, shifted: false, local: Some(24) }),
];

struct Masks {
    side: usize,
    images: usize,
    batches: usize,
    shifted: bool,
    local: Option<usize>,
}

/// Shows the parameters and the masks.
///
/// # Errors
/// If the set's config cannot be used.
pub(super) fn show(set: &GoldenSet, hook: &mut dyn Hook) -> Result<(), SuiteError> {
    for (number, (name, crops, images)) in cases().into_iter().enumerate() {
        let augmentation = augmentation(set, &crops)?;
        let mut streams = super::seeded(set, 4321 + number as u32)?;
        let mut values = Vec::new();
        for (width, height) in SIZES.into_iter().cycle().take(images) {
            rows(&augmentation.draw(width, height, &mut streams)).for_each(|row| values.extend(row));
        }
        let crops = 3 + augmentation.local_crops_number as i64;
        let table = Tensor::from_slice(&values).view([images as i64, crops, COLUMNS as i64]);
        hook.summary(&Kind::Data.name(format_args!("parameters.{name}")), &table);
    }
    for (number, (name, masks)) in MASKS.iter().enumerate() {
        masks.show(name, super::seeded(set, 99 + number as u32)?, hook);
    }
    Ok(())
}

/// The augmentation of the set's config with other values under `crops`.
pub(super) fn augmentation(set: &GoldenSet, crops: &Value) -> Result<Augmentation, SuiteError> {
    let mut config = set.manifest().recipe.config.clone();
    for (key, value) in crops.as_object().into_iter().flatten() {
        config["crops"][key] = value.clone();
    }
    let data = DataConfig::from_merged(&config, Ranks { world: 1, subgroup: 1 })
        .map_err(|error| SuiteError::input(set, "recipe.config", error))?;
    let first = data.resolutions.into_iter().next();
    let none = || SuiteError::input(set, "recipe.config", "it has no size of crops");
    Ok(first.ok_or_else(none)?.collation.augmentation)
}

/// One row per crop; the first row is for what all crops share. Columns: top, left, height, width, flipped; jittered, order, four factors,
/// grey; sigma of the blur; solarised. Factors are the bits of float32.
fn rows(parameters: &Parameters) -> impl Iterator<Item = [i64; COLUMNS]> {
    let shared = row([0; 5], &Distortion { colour: parameters.shared, ..Distortion::default() });
    let global = parameters.global.iter().map(|(view, distortion)| row(place(view), distortion));
    let local = parameters.local.iter().map(|local| match local {
        Local::OfImage(view, distortion) => row(place(view), distortion),
        Local::OfGlobal { global, offset: (top, left), distortion } => {
            row([*top as i64, *left as i64, *global as i64, 0, 0], distortion)
        }
    });
    std::iter::once(shared).chain(global).chain(local).collect::<Vec<_>>().into_iter()
}

fn place(View { crop, flipped }: &View) -> [i64; 5] {
    [crop.top as i64, crop.left as i64, crop.height as i64, crop.width as i64, i64::from(*flipped)]
}

fn row(place: [i64; 5], distortion: &Distortion) -> [i64; COLUMNS] {
    let bits = |value: f32| i64::from(value.to_bits());
    let Colour { jitter, grey } = distortion.colour;
    let jitter = jitter.map_or([0; 6], |it| {
        let order = it.order.iter().fold(0, |number, op| 10 * number + i64::from(*op));
        [1, order, bits(it.brightness), bits(it.contrast), bits(it.saturation), bits(it.hue)]
    });
    let mut row = [0; COLUMNS];
    row[..5].copy_from_slice(&place);
    row[5..11].copy_from_slice(&jitter);
    row[11] = i64::from(grey);
    row[12] = distortion.blur.map_or(0, bits);
    row[13] = i64::from(distortion.solarised);
    row
}

impl Masks {
    fn show(&self, name: &str, mut streams: Streams, hook: &mut dyn Hook) {
        let masking = Masking {
            side: self.side,
            probability: 0.5,
            ratio: (0.1, 0.5),
            random_circular_shift: self.shifted,
            max_num_patches: Masking::largest_block(self.side * 16, 16),
            local_batch_size: self.local,
        };
        let (mut all, mut bounds, mut indices, mut weights) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.batches {
            let drawn = masking.draw(self.images, &mut streams);
            all.extend_from_slice(drawn.values());
            bounds.push(drawn.upperbound() as i64);
            indices.extend(drawn.indices());
            weights.extend(drawn.weights().into_iter().map(|weight| i64::from(weight.to_bits())));
        }
        let masks = Tensor::from_slice(&all).view([-1, (self.side * self.side) as i64]);
        hook.summary(&Kind::Data.name(format_args!("masks.{name}")), &masks);
        hook.summary(&Kind::Data.name(format_args!("masks.{name}.upperbound")), &Tensor::from_slice(&bounds));
        hook.summary(&Kind::Data.name(format_args!("masks.{name}.indices")), &Tensor::from_slice(&indices));
        hook.summary(&Kind::Data.name(format_args!("masks.{name}.weights")), &Tensor::from_slice(&weights));
    }
}
