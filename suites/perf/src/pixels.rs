//! The parts of the augmentation and what each costs, on one core: `cargo ci bench pixels`.
//!
//! The golden sets' photographs are decoded, cut into 2 crops of 224 and 8 of 96, and every operation is applied to every crop.
//! The parameters are fixed, in the middle of what is drawn in training. A run in training does less: it jitters four crops in five
//! and blurs about half. [`augment`](crate::augment) measures beside the reference.

use std::path::Path;
use std::time::{Duration, Instant};

use comfy_table::Table;
use dinov3_data::decode::decode;
use dinov3_data::image::Image;
use dinov3_data::pixels::{
    Region, adjust_brightness, adjust_contrast, adjust_hue, adjust_saturation, blur, crop_resized, greyscale,
    normalised, solarise,
};

use crate::failure::{Failure, USAGE};

const PHOTOGRAPHS: [&str; 4] = ["astronaut.jpg", "chelsea.jpg", "coffee.jpg", "rocket.jpg"];
/// Rounds over all photographs, of which the fastest counts for each part.
const ROUNDS: usize = 30;
const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const STD: [f64; 3] = [0.229, 0.224, 0.225];

/// A part's name, and the time that it took for all photographs.
type Part = (&'static str, Duration);

/// Measures, and shows the figures.
///
/// # Errors
/// The photographs cannot be read.
pub fn run() -> Result<(), Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/photographs");
    let files: Result<Vec<Vec<u8>>, _> = PHOTOGRAPHS.iter().map(|name| std::fs::read(folder.join(name))).collect();
    let files = files.map_err(|error| {
        let message = format!("the photographs in {} cannot be read: {error}", folder.display());
        Failure::new(USAGE, message, "restore golden/photographs")
    })?;
    println!("{}", table(&fastest(&files)));
    Ok(())
}

/// The fastest time of each part over the rounds.
fn fastest(files: &[Vec<u8>]) -> Vec<Part> {
    let mut best: Vec<Part> = Vec::new();
    for _ in 0..ROUNDS {
        let mut parts = Parts::default();
        files.iter().for_each(|file| parts.photograph(file));
        if best.is_empty() {
            best = parts.0;
        } else {
            best.iter_mut().zip(parts.0).for_each(|(best, now)| best.1 = best.1.min(now.1));
        }
    }
    best
}

fn table(best: &[Part]) -> Table {
    let mut table = Table::new();
    table.set_header(["part", "ms a photograph"]);
    let milliseconds = |time: Duration| format!("{:.3}", 1e3 * time.as_secs_f64() / PHOTOGRAPHS.len() as f64);
    for (name, time) in best {
        table.add_row([(*name).to_owned(), milliseconds(*time)]);
    }
    table.add_row(["all".to_owned(), milliseconds(best.iter().map(|part| part.1).sum())]);
    table
}

/// Time by part, in the order of first use.
#[derive(Default)]
struct Parts(Vec<Part>);

impl Parts {
    fn time<R>(&mut self, name: &'static str, work: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let result = std::hint::black_box(work());
        let took = start.elapsed();
        match self.0.iter_mut().find(|part| part.0 == name) {
            Some(part) => part.1 += took,
            None => self.0.push((name, took)),
        }
        result
    }

    fn photograph(&mut self, file: &[u8]) {
        let image = self.time("decode", || decode(file).expect("a photograph"));
        let mut crops: Vec<Image> = Vec::new();
        for at in 0..10 {
            // Of each side 80 % for a global crop, 42 % for a local one: the middle of the published scales.
            let (share, size, name) = if at < 2 { (80, 224, "crop to 224 (2)") } else { (42, 96, "crop to 96 (8)") };
            let (height, width) = (image.height() * share / 100, image.width() * share / 100);
            let (top, left) = ((image.height() - height) * at / 9, (image.width() - width) * (9 - at) / 9);
            let region = Region { top, left, height, width };
            crops.push(self.time(name, || crop_resized(&image, region, size, size, at % 2 == 0)));
        }
        for crop in &mut crops {
            self.time("brightness", || adjust_brightness(crop, 1.2));
            self.time("contrast", || adjust_contrast(crop, 0.8));
            self.time("saturation", || adjust_saturation(crop, 1.1));
            self.time("hue", || adjust_hue(crop, 0.05));
            self.time("blur", || blur(crop, 1.0));
            let mut values = vec![0.0; 3 * crop.width() * crop.height()];
            self.time("normalise", || normalised(crop, MEAN, STD, &mut values));
            self.time("solarise", || solarise(crop, 128));
            self.time("greyscale", || greyscale(crop));
        }
    }
}
