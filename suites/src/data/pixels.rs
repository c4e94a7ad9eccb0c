//! Decoding, each operation on pixels, and whole augmentations of the photographs.

use dinov3_data::augment::{Augmentation, Crop, Crops};
use dinov3_data::decode;
use dinov3_data::image::Image;
use dinov3_data::pixels::{self, Region};
use dinov3_data::random::Streams;
use dinov3_golden::Kind as EntryKind;
use dinov3_golden::{Dtype, GoldenSet, TensorFile};
use dinov3_torch::bytes::copied;
use dinov3_vit::hook::Hook;
use dinov3_vit::meta_arch::stacked;
use serde_json::{Value, json};
use tch::{Kind, Tensor};

use super::parameters::augmentation;
use crate::SuiteError;
use crate::judging::replay::{inputs, stored};

/// The photographs, in the order in which they are augmented.
pub(super) const PHOTOGRAPHS: [&str; 4] = ["astronaut", "chelsea", "coffee", "rocket"];
/// Height and width of the picture for changes of colour: odd, so that no vector fits.
const COLOURED: (usize, usize) = (83, 97);

type Op = fn(&mut Image, f64);

/// Shows the results of all operations.
///
/// # Errors
/// If an input is missing or cannot be decoded.
pub(super) fn show(set: &GoldenSet, hook: &mut dyn Hook) -> Result<(), SuiteError> {
    let file = inputs(set)?;
    for name in file.names().filter_map(|name| name.strip_prefix("file.")) {
        hook.summary(&EntryKind::Data.name(format_args!("pixels.decode.{name}")), &shown(&decoded(set, file, name)?));
    }
    crops(set, file, hook)?;
    colours(set, file, hook)?;
    augmentations(set, file, hook)
}

fn decoded(set: &GoldenSet, file: &TensorFile, name: &str) -> Result<Image, SuiteError> {
    let input = format!("file.{name}");
    let encoded = copied(&stored(set, file, &input, &[Dtype::U8], 1)?);
    decode::decode(&encoded).map_err(|error| SuiteError::input(set, input, error))
}

/// `[H, W, 3]`.
fn shown(image: &Image) -> Tensor {
    Tensor::from_slice(image.pixels()).view([image.height() as i64, image.width() as i64, 3])
}

fn numbers(set: &GoldenSet, file: &TensorFile, name: &str, dimensions: usize) -> Result<Vec<f64>, SuiteError> {
    let tensor = stored(set, file, name, &[Dtype::I64, Dtype::F32], dimensions)?;
    let values = tensor.flatten(0, -1).to_kind(Kind::Double);
    Ok(Vec::try_from(values).expect("a flat tensor of float64 is a vector"))
}

fn crops(set: &GoldenSet, file: &TensorFile, hook: &mut dyn Hook) -> Result<(), SuiteError> {
    let image = decoded(set, file, "chelsea.jpg")?;
    let boxes: Vec<_> = numbers(set, file, "pixels.crops", 2)?.into_iter().map(|number| number as usize).collect();
    for (i, numbers) in boxes.chunks_exact(6).enumerate() {
        let region = Region { top: numbers[0], left: numbers[1], height: numbers[2], width: numbers[3] };
        let crop = pixels::crop_resized(&image, region, numbers[4], numbers[5], false);
        hook.summary(&EntryKind::Data.name(format_args!("pixels.crop.{i}")), &shown(&crop));
    }
    Ok(())
}

fn colours(set: &GoldenSet, file: &TensorFile, hook: &mut dyn Hook) -> Result<(), SuiteError> {
    let whole = decoded(set, file, "coffee.jpg")?;
    let image = pixels::crop_resized(&whole, Region::all(&whole), COLOURED.0, COLOURED.1, false);
    let mut changed = |name: &str, change: &dyn Fn(&mut Image)| {
        let mut image = image.clone();
        change(&mut image);
        hook.summary(&EntryKind::Data.name(format_args!("pixels.{name}")), &shown(&image));
    };
    let ops: [(&str, Op); 4] = [
        ("brightness", pixels::adjust_brightness),
        ("contrast", pixels::adjust_contrast),
        ("saturation", pixels::adjust_saturation),
        ("hue", pixels::adjust_hue),
    ];
    let factors = numbers(set, file, "pixels.factors", 2)?;
    for ((name, op), factors) in ops.iter().zip(factors.chunks_exact(4)) {
        for (i, factor) in factors.iter().enumerate() {
            changed(&format!("{name}.{i}"), &|image| op(image, *factor));
        }
    }
    changed("grey", &pixels::greyscale);
    changed("solarised", &|image| pixels::solarise(image, 128));
    changed("flipped", &pixels::flip_horizontal);
    for (i, sigma) in numbers(set, file, "pixels.sigmas", 1)?.into_iter().enumerate() {
        let mut image = image.clone();
        pixels::blur(&mut image, sigma);
        hook.summary(&EntryKind::Data.name(format_args!("pixels.blurred.{i}")), &shown(&image).to_kind(Kind::Float));
    }
    let published = augmentation(set, &json!({}))?;
    let mut values = vec![0.0; 3 * COLOURED.0 * COLOURED.1];
    pixels::normalised(&image, published.mean, published.std, &mut values);
    let normalised = Tensor::from_slice(&values).view([3, COLOURED.0 as i64, COLOURED.1 as i64]);
    hook.summary(&EntryKind::Data.name("pixels.normalised"), &normalised);
    Ok(())
}

/// Options of the augmentation that override the set's config.
fn cases() -> [(&'static str, Value); 6] {
    let small = |more: Value| {
        let mut crops = json!({"global_crops_size": 96, "local_crops_size": 48});
        crops.as_object_mut().into_iter().for_each(|it| it.extend(more.as_object().cloned().unwrap_or_default()));
        crops
    };
    [
        ("default", json!({})),
        ("shared", json!({"share_color_jitter": true})),
        ("no_flips", json!({"horizontal_flips": false})),
        ("subset", small(json!({"localcrops_subset_of_globalcrops": true}))),
        ("gram", small(json!({"gram_teacher_crops_size": 64}))),
        ("gram_no_distortions", small(json!({"gram_teacher_crops_size": 64, "gram_teacher_no_distortions": true}))),
    ]
}

fn augmentations(set: &GoldenSet, file: &TensorFile, hook: &mut dyn Hook) -> Result<(), SuiteError> {
    for (number, (case, crops)) in cases().iter().enumerate() {
        let augmentation = augmentation(set, crops)?;
        let mut streams = super::seeded(set, 7 + number as u32)?;
        for photograph in PHOTOGRAPHS {
            let image = decoded(set, file, &format!("{photograph}.jpg"))?;
            let crops = augment(&augmentation, &image, &mut streams);
            let mut show = |kind: &str, crops: &[Crop]| {
                hook.summary(&EntryKind::Data.name(format_args!("crops.{case}.{photograph}.{kind}")), &stacked(crops));
            };
            show("global", &crops.global);
            show("local", &crops.local);
            if let Some(gram) = &crops.gram_teacher {
                show("gram", gram);
            }
        }
    }
    Ok(())
}

fn augment(augmentation: &Augmentation, image: &Image, streams: &mut Streams) -> Crops {
    let parameters = augmentation.draw(image.width(), image.height(), streams);
    augmentation.apply(image, &parameters)
}
