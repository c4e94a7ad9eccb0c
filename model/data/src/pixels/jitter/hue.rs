//! The turn of the hue, through Pillow's 8-bit HSV.
//!
//! Pillow mixes float32 and float64, pixel by pixel. This module uses only float32, without branches, for many pixels
//! at a time, and gives the same bytes: a test tries all 2^24 colours.

use super::lanes::{self, Channels, in_blocks};
use crate::image::Image;

/// Turns the hue of every pixel by `factor` of the circle, -0.5 ..= 0.5. `v2.functional.adjust_hue` on a PIL image: to
/// HSV, an addition modulo 256, and back, each channel rounded to a byte in between.
///
/// # Panics
/// When `factor` is not within -0.5 ..= 0.5.
pub fn adjust_hue(image: &mut Image, factor: f64) {
    assert!((-0.5..=0.5).contains(&factor), "a hue factor of {factor} is not within -0.5 ..= 0.5");
    let shift = (factor * 255.0) as i32 as u8;
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: AVX2 is there.
        unsafe { turn_avx2(image.pixels_mut(), shift) };
        return;
    }
    in_blocks(image.pixels_mut(), lanes::split, lanes::join, |channels| turn(channels, shift));
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn turn_avx2(pixels: &mut [u8], shift: u8) {
    let (split, join) = (|pixels: &_| lanes::split_ssse3(pixels), |channels: &_| lanes::join_ssse3(channels));
    in_blocks(pixels, split, join, |channels| turn(channels, shift));
}

#[inline(always)]
fn turn([red, green, blue]: &mut Channels, shift: u8) {
    for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
        let [h, s, v] = hsv((*red).into(), (*green).into(), (*blue).into());
        [*red, *green, *blue] = rgb((h + i32::from(shift)) & 0xff, s, v).map(|value| value as u8);
    }
}

/// Truncates `value` to a whole number.
///
/// # Safety
/// `value` must be within -1 ..= 256.
#[inline(always)]
unsafe fn whole(value: f32) -> i32 {
    // SAFETY: as the caller says. `as` would add checks that cost as much as all the rest.
    unsafe { value.to_int_unchecked() }
}

/// Hue, saturation and value of a pixel, all 0 to 255.
#[inline(always)]
fn hsv(red: i32, green: i32, blue: i32) -> [i32; 3] {
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    // A grey pixel has no range. Its hue then is 0, as it must be, since the divisor does not matter.
    let range = (most - least).max(1) as f32;
    let lack = |channel: i32| (most - channel) as f32 / range;
    let (base, plus, minus) = if red == most {
        (0.0, lack(blue), lack(green))
    } else if green == most {
        (2.0, lack(red), lack(blue))
    } else {
        (4.0, lack(green), lack(red))
    };
    // The least channel lacks exactly 1. Subtracting this 1 first leaves one rounding, as in float64.
    let sixths = if minus == 1.0 { (base - 1.0) + plus } else { (base + plus) - minus };
    let turns = sixths / 6.0;
    let hue = if turns < 0.0 { 1.0 + turns } else { turns };
    let saturation = (most - least) as f32 / most.max(1) as f32;
    // SAFETY: both are within 0 ..= 1.
    unsafe { [whole(hue * 255.0), whole(saturation * 255.0), most] }
}

/// Red, green and blue of a pixel whose hue, saturation and value are 0 to 255.
#[inline(always)]
fn rgb(hue: i32, saturation: i32, value: i32) -> [i32; 3] {
    let sixths = 6 * hue;
    // SAFETY: at most 6. The quotient of what 255 divides is exact.
    let sector = unsafe { whole(sixths as f32 / 255.0) };
    let rest = (sixths - 255 * sector) as f32 / 255.0;
    let s = saturation as f32 / 255.0;
    // SAFETY: shares are within 0 ..= 1.
    let scaled = |share: f32| unsafe { whole(value as f32 * share + 0.5) };
    let p = scaled(1.0 - s);
    let q = scaled(1.0 - s * rest);
    let t = scaled(1.0 - s * (1.0 - rest));
    let pick = |[a, b, c, d, e, f]: [i32; 6]| {
        let low = if sector == 1 { b } else { c };
        let high = if sector == 3 {
            d
        } else if sector == 4 {
            e
        } else {
            f
        };
        if sector == 0 || sector == 6 {
            a
        } else if sector < 3 {
            low
        } else {
            high
        }
    };
    [pick([value, q, p, p, t, value]), pick([t, value, value, q, p, p]), pick([p, p, t, value, value, q])]
}
