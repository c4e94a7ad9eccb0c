//! The parameters of an image's crops, drawn in the reference's order.

use super::Augmentation;
use crate::pixels::Region;
use crate::random::{Streams, TorchGenerator};

/// Smallest and largest ratio of width to height of a random crop (torchvision's `RandomResizedCrop`).
const RATIO: (f64, f64) = (3.0 / 4.0, 4.0 / 3.0);
/// Number of attempts to draw a random crop before the centre is taken.
const ATTEMPTS: usize = 10;

const JITTERED: f32 = 0.8;
const BRIGHTNESS: (f32, f32) = (0.6, 1.4);
const CONTRAST: (f32, f32) = (0.6, 1.4);
const SATURATION: (f32, f32) = (0.8, 1.2);
const HUE: (f32, f32) = (-0.1, 0.1);
const GREY: f32 = 0.2;
const SIGMA: (f32, f32) = (0.1, 2.0);
/// Probabilities that a crop is *not* blurred: the reference's `GaussianBlur(p)` turns p around.
const SPARED_FIRST: f64 = 1.0;
const SPARED_SECOND: f64 = 0.1;
const SPARED_LOCAL: f64 = 0.5;
const SOLARISED: f32 = 0.2;

/// A part of an image, mirrored or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The part of the image.
    pub crop: Region,
    /// Whether left and right are exchanged.
    pub flipped: bool,
}

/// Factors of torchvision's `ColorJitter`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jitter {
    /// The order of the operations: 0 brightness, 1 contrast, 2 saturation, 3 hue.
    pub order: [u8; 4],
    /// Factor of brightness.
    pub brightness: f32,
    /// Factor of contrast.
    pub contrast: f32,
    /// Factor of saturation.
    pub saturation: f32,
    /// Turn of the hue, from -0.5 to 0.5.
    pub hue: f32,
}

/// The changes of colours.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Colour {
    /// Jitter, applied first.
    pub jitter: Option<Jitter>,
    /// Whether the colours become greyscale, after the jitter.
    pub grey: bool,
}

/// The changes of a crop after it is cut and resized.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Distortion {
    /// Changes of colours; none if the whole image was changed.
    pub colour: Colour,
    /// Standard deviation of a Gaussian blur, in pixels.
    pub blur: Option<f32>,
    /// Whether values of 128 and more are inverted.
    pub solarised: bool,
}

/// A local crop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Local {
    /// A crop of the image.
    OfImage(View, Distortion),
    /// A crop of the view of a global crop, before the distortions of the global crop.
    OfGlobal {
        /// The number of the global crop.
        global: usize,
        /// First row and column.
        offset: (usize, usize),
        /// Distortions of the whole view.
        distortion: Distortion,
    },
}

/// All random parameters of one image's crops.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// Colours of the whole image; unchanged unless jitter is shared.
    pub shared: Colour,
    /// The two global crops.
    pub global: [(View, Distortion); 2],
    /// The local crops.
    pub local: Vec<Local>,
}

impl Augmentation {
    /// Draws the parameters of an image of `width` by `height` pixels.
    pub fn draw(&self, width: usize, height: usize, streams: &mut Streams) -> Parameters {
        let torch = &mut streams.torch;
        let colour =
            |torch: &mut TorchGenerator| if self.share_color_jitter { Colour::default() } else { colour(torch) };
        let shared = if self.share_color_jitter { self::colour(torch) } else { Colour::default() };
        let first = self.view(width, height, self.global_crops_scale, torch);
        let of_first = Distortion { colour: colour(torch), blur: blur(SPARED_FIRST, torch), solarised: false };
        let second = self.view(width, height, self.global_crops_scale, torch);
        let of_second =
            Distortion { colour: colour(torch), blur: blur(SPARED_SECOND, torch), solarised: torch.rand() < SOLARISED };
        let local = |torch: &mut TorchGenerator| Distortion {
            colour: colour(torch),
            blur: blur(SPARED_LOCAL, torch),
            solarised: false,
        };
        let local = if self.local_crops_subset_of_global_crops {
            self.subsets(local, streams)
        } else {
            let one = |_| Local::OfImage(self.view(width, height, self.local_crops_scale, torch), local(torch));
            (0..self.local_crops_number).map(one).collect()
        };
        Parameters { shared, global: [(first, of_first), (second, of_second)], local }
    }

    /// Half of the local crops come from each global crop. All distortions are drawn before the places.
    fn subsets(&self, distortion: impl Fn(&mut TorchGenerator) -> Distortion, streams: &mut Streams) -> Vec<Local> {
        let half = self.local_crops_number / 2;
        let distortions: Vec<_> = (0..2 * half).map(|_| distortion(&mut streams.torch)).collect();
        let places = ((self.global_crops_size - self.local_crops_size) / self.patch_size) as i64;
        let mut place = || streams.numpy.randint(0, places) as usize * self.patch_size;
        let place =
            |(number, distortion)| Local::OfGlobal { global: number / half, offset: (place(), place()), distortion };
        distortions.into_iter().enumerate().map(place).collect()
    }

    fn view(&self, width: usize, height: usize, scale: (f64, f64), torch: &mut TorchGenerator) -> View {
        let crop = random_resized_crop(width, height, scale, torch);
        let mirrored: f32 = if self.horizontal_flips { 0.5 } else { 0.0 };
        View { crop, flipped: torch.rand() < mirrored }
    }
}

/// torchvision's `RandomResizedCrop.make_params`.
fn random_resized_crop(width: usize, height: usize, scale: (f64, f64), torch: &mut TorchGenerator) -> Region {
    let area = (width * height) as f64;
    let log_ratio = (f64::from(RATIO.0 as f32).ln() as f32, f64::from(RATIO.1 as f32).ln() as f32);
    for _ in 0..ATTEMPTS {
        let target = area * f64::from(torch.uniform(scale.0 as f32, scale.1 as f32));
        // The reference's exponential is float32, the rounded value.
        let aspect = f64::from(f64::from(torch.uniform(log_ratio.0, log_ratio.1)).exp() as f32);
        let side = |value: f64| value.sqrt().round_ties_even() as usize;
        let (w, h) = (side(target * aspect), side(target / aspect));
        if 0 < w && w <= width && 0 < h && h <= height {
            let top = torch.randint(0, (height - h + 1) as i64) as usize;
            let left = torch.randint(0, (width - w + 1) as i64) as usize;
            return Region { top, left, height: h, width: w };
        }
    }
    let ratio = width as f64 / height as f64;
    let (w, h) = if ratio < RATIO.0 {
        (width, (width as f64 / RATIO.0).round_ties_even() as usize)
    } else if ratio > RATIO.1 {
        ((height as f64 * RATIO.1).round_ties_even() as usize, height)
    } else {
        (width, height)
    };
    Region { top: (height - h) / 2, left: (width - w) / 2, height: h, width: w }
}

fn colour(torch: &mut TorchGenerator) -> Colour {
    let jitter = (torch.rand() < JITTERED).then(|| {
        let order = torch.randperm(4);
        Jitter {
            order: [0, 1, 2, 3].map(|place| order[place] as u8),
            brightness: torch.uniform(BRIGHTNESS.0, BRIGHTNESS.1),
            contrast: torch.uniform(CONTRAST.0, CONTRAST.1),
            saturation: torch.uniform(SATURATION.0, SATURATION.1),
            hue: torch.uniform(HUE.0, HUE.1),
        }
    });
    Colour { jitter, grey: torch.rand() < GREY }
}

fn blur(spared: f64, torch: &mut TorchGenerator) -> Option<f32> {
    (torch.rand() < (1.0 - spared) as f32).then(|| torch.uniform(SIGMA.0, SIGMA.1))
}
