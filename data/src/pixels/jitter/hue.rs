//! Turning the hue, through Pillow's 8-bit HSV.
//!
//! Pillow computes with float32 and float64 mixed, and which is which decides the last digit. Here is the same arithmetic
//! without branches, for many pixels at a time. Where a float64 is a float32 below, a test over all colours shows that it
//! makes no difference.

use crate::image::Image;

/// Turns the hue of every pixel by `factor` of the circle, -0.5 ..= 0.5. `v2.functional.adjust_hue` on a PIL image: to HSV,
/// an addition modulo 256, and back, each channel rounded to a byte in between.
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
    turn(image.pixels_mut(), shift);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn turn_avx2(pixels: &mut [u8], shift: u8) {
    turn(pixels, shift);
}

/// Pixels at a time.
const LANES: usize = 16;

#[inline(always)]
fn turn(pixels: &mut [u8], shift: u8) {
    let (blocks, rest) = pixels.as_chunks_mut::<{ 3 * LANES }>();
    for block in blocks {
        turn_block(block, shift);
    }
    let mut padded = [0; 3 * LANES];
    padded[..rest.len()].copy_from_slice(rest);
    turn_block(&mut padded, shift);
    rest.copy_from_slice(&padded[..rest.len()]);
}

#[inline(always)]
fn turn_block(pixels: &mut [u8; 3 * LANES], shift: u8) {
    let plane = |channel: usize| -> [u8; LANES] { std::array::from_fn(|lane| pixels[3 * lane + channel]) };
    let (red, green, blue) = (plane(0), plane(1), plane(2));
    let mut out = [[0; LANES]; 3];
    for lane in 0..LANES {
        let [h, s, v] = hsv(red[lane].into(), green[lane].into(), blue[lane].into());
        let [r, g, b] = rgb((h + i32::from(shift)) & 0xff, s, v);
        (out[0][lane], out[1][lane], out[2][lane]) = (r as u8, g as u8, b as u8);
    }
    for lane in 0..LANES {
        for channel in 0..3 {
            pixels[3 * lane + channel] = out[channel][lane];
        }
    }
}

/// `value` cut to a whole number.
///
/// # Safety
/// `value` must be within -1 ..= 256.
#[inline(always)]
unsafe fn whole(value: f64) -> i32 {
    // SAFETY: as the caller says. `as` would add checks that cost as much as all the rest.
    unsafe { value.to_int_unchecked() }
}

/// Hue, saturation and value of a pixel, all 0 to 255.
#[inline(always)]
fn hsv(red: i32, green: i32, blue: i32) -> [i32; 3] {
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    // Without a range the pixel is grey: all numerators are 0 then, and so must hue and saturation be.
    let range = (most - least).max(1) as f32;
    let lack = |channel: i32| (most - channel) as f32 / range;
    let (r, g, b) = (lack(red), lack(green), lack(blue));
    let (base, plus, minus) = if red == most {
        (0.0, b, g)
    } else if green == most {
        (2.0, r, b)
    } else {
        (4.0, g, r)
    };
    let sixths = (base + f64::from(plus) - f64::from(minus)) as f32;
    let turns = f64::from(sixths) / 6.0 + 1.0;
    let hue = (if turns >= 1.0 { turns - 1.0 } else { turns }) as f32;
    let saturation = (most - least) as f32 / most.max(1) as f32;
    // SAFETY: both are within 0 ..= 1.
    unsafe { [whole(f64::from(hue) * 255.0), whole(f64::from(saturation) * 255.0), most] }
}

/// Red, green and blue of a pixel whose hue, saturation and value are 0 to 255.
#[inline(always)]
fn rgb(hue: i32, saturation: i32, value: i32) -> [i32; 3] {
    let sixths = f64::from(hue) * 6.0 / 255.0;
    // SAFETY: at most 6.
    let sector = unsafe { whole(sixths) };
    let rest = (sixths - f64::from(sector)) as f32;
    let s = (f64::from(saturation) / 255.0) as f32;
    // SAFETY: shares are within 0 ..= 1.
    let scaled = |share: f64| unsafe { whole(f64::from(value) * share + 0.5) };
    let p = scaled(1.0 - f64::from(s));
    let q = scaled(1.0 - f64::from(s * rest));
    let t = scaled(1.0 - f64::from(s) * (1.0 - f64::from(rest)));
    let pick = |sectors: [i32; 6]| {
        let [a, b, c, d, e, f] = sectors;
        let low = if sector == 0 || sector == 6 {
            a
        } else if sector == 1 {
            b
        } else {
            c
        };
        let high = if sector == 3 {
            d
        } else if sector == 4 {
            e
        } else {
            f
        };
        if sector < 3 || sector == 6 { low } else { high }
    };
    [pick([value, q, p, p, t, value]), pick([t, value, value, q, p, p]), pick([p, p, t, value, value, q])]
}
