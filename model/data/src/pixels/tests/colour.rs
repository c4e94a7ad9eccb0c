//! Tests of operations that change pixels in place. Every expectation was recorded from torchvision 0.23.0 on Pillow
//! 13.0.0 and torch 2.8.0.

use super::{part, sha};
use crate::image::Image;
use crate::pixels::*;

/// Photograph, height and width, parameter, digest.
type Case = (&'static str, (usize, usize), f64, &'static str);

#[track_caller]
fn check(operation: impl Fn(&mut Image, f64), cases: &[Case]) {
    for &(name, (height, width), parameter, expected) in cases {
        let mut image = part(name, height, width);
        operation(&mut image, parameter);
        assert_eq!(sha(&image), expected, "{name} {height}x{width} {parameter}");
    }
}

#[test]
fn brightness_is_pillow_s() {
    let cases = [
        ("astronaut", (31, 33), 0.0, "9175291b4ddd1205"),
        ("chelsea", (1, 1), 0.25, "cdd29f47aa6839ec"),
        ("coffee", (17, 1), 0.6, "5c2700c0e22ff305"),
        ("rocket", (96, 96), 0.8123, "bc5ea2f92ef16c13"),
        ("chelsea", (50, 67), 0.999999, "160a0c0d9ffc4fde"),
        ("coffee", (224, 224), 1.0, "3fb426d19a646a8c"),
        ("astronaut", (31, 33), 1.0000001, "25eacfe477cfac7c"),
        ("chelsea", (1, 1), 1.1234, "60aaffcb985f47ff"),
        ("coffee", (17, 1), 1.4, "1b9b18e3284125e9"),
        ("rocket", (96, 96), 3.0, "02ff26141accfaf5"),
        ("chelsea", (50, 67), 1.399999976158142, "9064c027080a71a0"),
        ("coffee", (224, 224), 0.7071067690849304, "6cd68cc090e6b52c"),
    ];
    check(adjust_brightness, &cases);
}

#[test]
fn contrast_is_pillow_s() {
    let cases = [
        ("astronaut", (31, 33), 0.0, "18883030a1291c23"),
        ("chelsea", (1, 1), 0.25, "9d25911f226f75cf"),
        ("coffee", (17, 1), 0.6, "67c011641c42df15"),
        ("rocket", (96, 96), 0.8123, "b881704b701dc28b"),
        ("chelsea", (50, 67), 0.999999, "3cecdd9af435e09b"),
        ("coffee", (224, 224), 1.0, "3fb426d19a646a8c"),
        ("astronaut", (31, 33), 1.0000001, "6481b4dfc7f194bd"),
        ("chelsea", (1, 1), 1.1234, "a7ac21fbab4c29e9"),
        ("coffee", (17, 1), 1.4, "3a9598e7a49fea94"),
        ("rocket", (96, 96), 3.0, "1a5a1667b0505753"),
        ("chelsea", (50, 67), 1.399999976158142, "2824f06c90abbbd6"),
        ("coffee", (224, 224), 0.7071067690849304, "b28c7e4bbcf2006e"),
    ];
    check(adjust_contrast, &cases);
}

#[test]
fn saturation_is_pillow_s() {
    let cases = [
        ("astronaut", (31, 33), 0.0, "8677ae605b812522"),
        ("chelsea", (1, 1), 0.25, "9d25911f226f75cf"),
        ("coffee", (17, 1), 0.8, "d10379d2c95972c9"),
        ("rocket", (96, 96), 0.9123, "328ca05c0bcb5d06"),
        ("chelsea", (50, 67), 0.999999, "b22f8571ea55297c"),
        ("coffee", (224, 224), 1.0, "3fb426d19a646a8c"),
        ("astronaut", (31, 33), 1.0000001, "b2336c2d33f8d22d"),
        ("chelsea", (1, 1), 1.1234, "a7ac21fbab4c29e9"),
        ("coffee", (17, 1), 1.2, "32a5597da79f0025"),
        ("rocket", (96, 96), 3.0, "7c9c8c8d8798071f"),
        ("chelsea", (50, 67), 1.1999999284744263, "7f0596a06b5a5685"),
        ("coffee", (224, 224), 0.8999999761581421, "5153b122a202cfb4"),
    ];
    check(adjust_saturation, &cases);
}

#[test]
fn hue_is_pillow_s() {
    let cases = [
        ("astronaut", (31, 33), 0.0, "202fa89b29bb67c2"),
        ("chelsea", (1, 1), 0.003, "4b0048e3f9a798ec"),
        ("coffee", (17, 1), -0.003, "220352b455682148"),
        ("rocket", (96, 96), 0.1, "36aaea7d185567b3"),
        ("chelsea", (50, 67), -0.1, "1d90f720b4acfe3f"),
        ("coffee", (224, 224), 0.5, "63d36f74e8ab2757"),
        ("astronaut", (31, 33), -0.5, "da41034603767e1a"),
        ("chelsea", (1, 1), 0.0456, "d2c4e1a86925568d"),
        ("coffee", (17, 1), -0.0712, "d5c7c79d2a263ce9"),
        ("rocket", (96, 96), 0.25, "a6cb12f5f2b9166f"),
        ("chelsea", (50, 67), -0.31, "fade07c0ed05a624"),
        ("coffee", (224, 224), 0.004, "c0822a42d3761c24"),
    ];
    check(adjust_hue, &cases);
}

#[test]
fn greyscale_is_pillow_s() {
    let cases = [
        ("astronaut", (31, 33), 0.0, "8677ae605b812522"),
        ("chelsea", (1, 1), 0.0, "c4289629b08bc4d6"),
        ("coffee", (17, 1), 0.0, "5c0f3a4099c67bd2"),
        ("rocket", (96, 96), 0.0, "e6df0c8c164d29b1"),
        ("chelsea", (50, 67), 0.0, "99d167d2ef09c9ab"),
        ("coffee", (224, 224), 0.0, "97257427dbf049d1"),
        ("astronaut", (39, 43), 0.0, "27a673bc753cdbd0"),
        ("chelsea", (8, 15), 0.0, "7f3a8a4073ad091a"),
        ("coffee", (9, 33), 0.0, "0cd3fd197a871731"),
        ("rocket", (105, 114), 0.0, "2eaec8b0f2392ce2"),
    ];
    check(|image, _| greyscale(image), &cases);
}

#[test]
fn solarisation_is_pillow_s() {
    let cases = [
        ("astronaut", (31, 33), 0.0, "8537ebb2da4de69a"),
        ("chelsea", (1, 1), 1.0, "2e43ca5ae4e8759f"),
        ("coffee", (17, 1), 2.0, "43afa5530e920f34"),
        ("rocket", (96, 96), 64.0, "fc0abebca0d6a32f"),
        ("chelsea", (50, 67), 127.0, "ed113d1b75ce0454"),
        ("coffee", (224, 224), 128.0, "f0cad7900a23ad60"),
        ("astronaut", (31, 33), 129.0, "773abc78dc9afb13"),
        ("chelsea", (1, 1), 200.0, "9c1153b2257271b5"),
        ("coffee", (17, 1), 254.0, "61aab48bd7c9cd27"),
        ("rocket", (96, 96), 255.0, "0dfba1f67a867eba"),
    ];
    check(|image, threshold| solarise(image, threshold as u8), &cases);
}

/// With AVX2 the sums are the ones of golden sets.
#[test]
fn blur_is_torch_s_with_avx2() {
    let cases = [
        ("astronaut", (31, 33), 0.1, "25eacfe477cfac7c"),
        ("chelsea", (5, 5), 0.15, "9ac544e283cb0dca"),
        ("coffee", (5, 40), 0.3, "bc72186ebe477a85"),
        ("rocket", (96, 96), 0.5, "7af0ade7905204ba"),
        ("chelsea", (50, 7), 0.7123, "e229186a4fa55694"),
        ("coffee", (224, 224), 1.0, "3589bd1ba6185d2c"),
        ("astronaut", (31, 33), 1.2999999523162842, "93d26fd55e2fd8cd"),
        ("chelsea", (5, 5), 1.5, "f3dd252f724a43bb"),
        ("coffee", (5, 40), 1.7345, "bd6a1ed98af2efd7"),
        ("rocket", (96, 96), 1.9, "6510c2038ca8d2c1"),
        ("chelsea", (50, 7), 2.0, "25cb1693fb9673fd"),
        ("coffee", (224, 224), 0.25, "3fb426d19a646a8c"),
    ];
    check(blur, &cases);
}

#[test]
fn blur_is_torch_s_with_avx512() {
    let cases = [
        ("astronaut", (31, 33), 0.1, "25eacfe477cfac7c"),
        ("chelsea", (5, 5), 0.15, "9ac544e283cb0dca"),
        ("coffee", (5, 40), 0.3, "bc72186ebe477a85"),
        ("rocket", (96, 96), 0.5, "7af0ade7905204ba"),
        ("chelsea", (50, 7), 0.7123, "e229186a4fa55694"),
        ("coffee", (224, 224), 1.0, "3589bd1ba6185d2c"),
        ("astronaut", (31, 33), 1.2999999523162842, "93d26fd55e2fd8cd"),
        ("chelsea", (5, 5), 1.5, "f3dd252f724a43bb"),
        ("coffee", (5, 40), 1.7345, "bd6a1ed98af2efd7"),
        ("rocket", (96, 96), 1.9, "6510c2038ca8d2c1"),
        ("chelsea", (50, 7), 2.0, "25cb1693fb9673fd"),
        ("coffee", (224, 224), 0.25, "3fb426d19a646a8c"),
    ];
    check(|image, sigma| blur_as(image, sigma, TorchVectors::Avx512), &cases);
}

#[test]
#[should_panic(expected = "an image of 9x4 is too small")]
fn what_is_smaller_than_the_kernel_s_reach_is_not_blurred() {
    blur(&mut part("coffee", 4, 9), 1.0);
}

/// Hue and saturation depend only on the pixel, so the test tries all 2^24 colours.
#[test]
fn every_colour_turns_into_pillow_s() {
    let bytes = (0..1_u32 << 24).flat_map(|colour| {
        let [_, red, green, blue] = colour.to_be_bytes();
        [red, green, blue]
    });
    let all = Image::new(4096, 4096, bytes.collect());
    let check = |operation: &dyn Fn(&mut Image), expected: &str| {
        let mut image = all.clone();
        operation(&mut image);
        assert_eq!(sha(&image), expected);
    };
    check(&|image| adjust_hue(image, 0.1), "4d84454d50c66634");
    check(&|image| adjust_hue(image, -0.0712), "dcb114dba2d89aa9");
    check(&|image| adjust_hue(image, 0.5), "56bb17c3712d590a");
    check(&|image| adjust_saturation(image, 1.137), "84f95e540a0a5f0f");
    check(&greyscale, "7a9ac148696cc08e");
}
