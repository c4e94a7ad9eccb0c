//! Tests of geometry: crops, sizes, flips, and the conversion to tensors. Every expectation was recorded from
//! torchvision 0.23.0 on Pillow 13.0.0 and torch 2.8.0.

use super::{part, photograph, sha, sha_of_floats};
use crate::pixels::*;

const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const STD: [f64; 3] = [0.229, 0.224, 0.225];

/// Pillow runs the vertical pass first in four of these cases and the horizontal pass first in eleven; the rest need
/// one pass or none.
#[test]
fn crops_are_those_of_resized_crop() {
    for (name, [top, left, height, width], (rows, columns), flip, expected) in [
        ("astronaut", [0, 0, 500, 500], (224, 224), false, "332aca801d0b8a39"),
        ("astronaut", [13, 77, 301, 255], (96, 96), true, "dfc0c39e1ce86df3"),
        ("chelsea", [0, 0, 300, 451], (224, 224), false, "5072eb0628e540f6"),
        ("chelsea", [5, 9, 41, 37], (96, 96), true, "2d5067a59d0500be"),
        ("chelsea", [100, 100, 1, 1], (7, 5), false, "3cf2b5d0882c6562"),
        ("chelsea", [17, 3, 200, 1], (50, 9), true, "b17738b13348a8e2"),
        ("chelsea", [299, 0, 1, 451], (3, 100), false, "955f9da47075b94d"),
        ("coffee", [20, 30, 224, 224], (224, 224), true, "cc648bc4abb7f267"),
        ("coffee", [20, 30, 224, 100], (224, 224), false, "249fb54d09ae65ba"),
        ("coffee", [20, 30, 100, 224], (224, 224), true, "b3eeb0e126ec7186"),
        ("coffee", [0, 0, 333, 500], (1, 1), false, "5c870105c006c645"),
        ("coffee", [0, 400, 333, 100], (96, 96), true, "15f360bebc6587d4"),
        ("rocket", [0, 0, 427, 640], (96, 96), false, "a7a5bae71f114475"),
        ("rocket", [1, 2, 420, 60], (56, 56), true, "6ab768359ae8556d"),
        ("rocket", [1, 2, 420, 213], (56, 56), false, "4359bdcb036461c2"),
        ("rocket", [1, 2, 97, 635], (101, 33), true, "e5ed0acd239cce21"),
        ("rocket", [50, 60, 211, 223], (223, 211), false, "5cdabfb5a1b26856"),
        ("rocket", [50, 60, 5, 6], (300, 299), true, "4ec1a7ffa12d8c8f"),
    ] {
        let crop = crop_resized(&photograph(name), Region { top, left, height, width }, rows, columns, flip);
        assert_eq!((crop.height(), crop.width()), (rows, columns));
        assert_eq!(sha(&crop), expected, "{name} {top} {left} {height}x{width} to {rows}x{columns}");
    }
}

#[test]
fn the_shorter_side_is_made_to_measure() {
    for (name, size, (height, width), expected) in [
        ("astronaut", 500, (500, 500), "8fcac506755e9f42"),
        ("astronaut", 224, (224, 224), "332aca801d0b8a39"),
        ("astronaut", 1, (1, 1), "03a1f25ff7325a09"),
        ("chelsea", 300, (300, 451), "a76287ceacd550f2"),
        ("chelsea", 7, (7, 10), "0f4db9596f8feee1"),
        ("chelsea", 96, (96, 144), "1d72833c965d0aab"),
        ("chelsea", 333, (333, 500), "98659171f9cdce2f"),
        ("coffee", 224, (224, 336), "d175d0ac85490bc7"),
        ("coffee", 256, (256, 384), "91910e5dd1edb0a1"),
        ("rocket", 224, (224, 335), "c990600570ff8210"),
        ("rocket", 97, (97, 145), "ed02bb0d12be4bc8"),
        ("rocket", 427, (427, 640), "3d4435cc745752b7"),
    ] {
        let image = resize_shorter(&photograph(name), size);
        assert_eq!((image.height(), image.width()), (height, width), "{name} to {size}");
        assert_eq!(sha(&image), expected, "{name} to {size}");
    }
}

#[test]
fn tensors_are_resized_as_torch_does() {
    for (name, (height, width), size, expected_sides, expected) in [
        ("astronaut", (256, 256), 224, (224, 224), "abb586ce293ccd04"),
        ("astronaut", (256, 256), 96, (96, 96), "1a7bb0e1558503a0"),
        ("astronaut", (96, 96), 224, (224, 224), "7358414fc2a0f604"),
        ("chelsea", (61, 97), 60, (60, 95), "399c214e135c5671"),
        ("chelsea", (97, 61), 112, (178, 112), "239bcba8e9da7536"),
        ("chelsea", (33, 33), 33, (33, 33), "91560f03f4461df4"),
        ("coffee", (64, 1), 5, (320, 5), "09973e44fcb2ef4c"),
        ("coffee", (1, 64), 3, (3, 192), "5200a822aed7a202"),
        ("coffee", (120, 90), 9, (12, 9), "d8f987acc96296a7"),
        ("rocket", (224, 224), 112, (112, 112), "96a3603b7bb3797d"),
        ("rocket", (100, 101), 17, (17, 17), "e758c67bbc6404db"),
        ("rocket", (50, 40), 77, (96, 77), "3aa7729c022d4fdf"),
    ] {
        let crop = crop_resized(
            &photograph(name),
            Region { top: 10, left: 10, height: 200, width: 200 },
            height,
            width,
            false,
        );
        let mut values = vec![0.0; 3 * height * width];
        normalised(&crop, MEAN, STD, &mut values);
        let (values, rows, columns) = resize_tensor(&values, height, width, size);
        assert_eq!((rows, columns), expected_sides, "{name} {height}x{width} to {size}");
        assert_eq!(sha_of_floats(&values), expected, "{name} {height}x{width} to {size}");
    }
}

#[test]
fn flips_are_those_of_horizontal_flip() {
    for (name, (height, width), _, expected) in [
        ("astronaut", (31, 33), 0.0, "64c7e04de67874b8"),
        ("chelsea", (1, 1), 0.0, "9c1153b2257271b5"),
        ("coffee", (17, 1), 0.0, "61aab48bd7c9cd27"),
        ("rocket", (96, 96), 0.0, "034cd94bcfd5c3a9"),
        ("chelsea", (50, 67), 0.0, "348dbefab3cc180c"),
        ("coffee", (224, 224), 0.0, "f6985a4043b7fde0"),
        ("astronaut", (39, 43), 0.0, "e4ae8a30c8eb1a26"),
        ("chelsea", (8, 15), 0.0, "5ff4f158e1dd01fc"),
        ("coffee", (9, 33), 0.0, "9e5081cd4ff82764"),
        ("rocket", (105, 114), 0.0, "7bf972ffd8425aed"),
    ] {
        let mut image = part(name, height, width);
        flip_horizontal(&mut image);
        assert_eq!(sha(&image), expected, "{name} {height}x{width}");
    }
}

#[test]
fn normalised_values_are_torch_s() {
    for (name, (height, width), mean, std, expected) in [
        ("astronaut", (31, 33), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225], "ff74ec9f34ed9601"),
        ("chelsea", (1, 1), [0.5, 0.5, 0.5], [0.5, 0.25, 0.125], "738420e3d5bc294f"),
        ("coffee", (17, 1), [0.43, 0.411, 0.296], [0.213, 0.156, 0.143], "bfb9760ff9378ad3"),
        ("rocket", (96, 96), [0.0, 0.0, 0.0], [1.0, 1.0, 1.0], "87a47c76e77f5110"),
        ("chelsea", (50, 67), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225], "d30f340e77bd80c5"),
        ("coffee", (224, 224), [0.5, 0.5, 0.5], [0.5, 0.25, 0.125], "e42b784ddd026162"),
        ("astronaut", (31, 33), [0.43, 0.411, 0.296], [0.213, 0.156, 0.143], "0111a1cff8e4c101"),
        ("chelsea", (1, 1), [0.0, 0.0, 0.0], [1.0, 1.0, 1.0], "738e9f1c34226699"),
        ("coffee", (17, 1), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225], "e65df07a58866f57"),
        ("rocket", (96, 96), [0.5, 0.5, 0.5], [0.5, 0.25, 0.125], "67b04326b26b1e22"),
    ] {
        let mut values = vec![0.0; 3 * height * width];
        normalised(&part(name, height, width), mean, std, &mut values);
        assert_eq!(sha_of_floats(&values), expected, "{name} {height}x{width}");
    }
}
