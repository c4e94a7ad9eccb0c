use dinov3_ground::Hint;

use super::{Masking, MaskingGenerator, Masks, SubsetError};
use crate::random::testing::{check, digest};
use crate::random::{PythonRandom, Streams};

const NEXT: i64 = 1 << 20;

fn bytes(mask: &[bool]) -> impl Iterator<Item = u8> {
    mask.iter().map(|masked| u8::from(*masked))
}

/// The next draws of the streams, which show that the number of draws equals the reference's.
fn next(streams: &mut Streams) -> (i64, i64) {
    (streams.python.randint(0, NEXT), streams.numpy.randint(0, NEXT))
}

/// 10000 masks each, of every number of patches.
#[test]
fn masks_of_a_generator() {
    for (height, width, most, first, all, then) in [
        (14, 14, 98.0, &[34, 35, 36, 48][..], "d9dbc2365919a5dedef95f1c515c73f0", (253477, 310379)),
        (4, 4, 8.0, &[2, 3, 5, 6], "c039bd6e843f7f47bbc0c0aba0af8399", (148579, 302239)),
        (2, 2, 2.0, &[0, 2], "619c9eddc59273321ecb0150ae754bd6", (361548, 228037)),
        (6, 9, 27.0, &[0, 1, 2, 3], "63c26c9882dbae402b83c8b0854c350a", (857667, 9876)),
        (9, 6, 12.5, &[0, 1, 2, 3], "4b8792ecc88336ae27593778e27eaf22", (107226, 357035)),
        (1, 1, 0.0, &[0], "e59fdd28f0002f60f10655da4064d901", (988816, 605129)),
        (1, 5, 2.0, &[1, 3, 4], "256a5dbb75ef3e8d11f7de79e8aaa806", (760323, 823187)),
    ] {
        let generator = MaskingGenerator::new(height, width, most);
        let mut streams = Streams::fix_random_seeds(21);
        let (mut masks, mut fourth) = (Vec::new(), Vec::new());
        for i in 0..10_000 {
            let count = i * 7919 % (height * width + 1);
            let mask = generator.draw(count, &mut streams.python, &mut streams.numpy);
            assert_eq!(mask.iter().filter(|masked| **masked).count(), count);
            if i == 3 {
                fourth = (0..mask.len()).filter(|patch| mask[*patch]).take(4).collect();
            }
            masks.extend(bytes(&mask));
        }
        assert_eq!(fourth, first, "of the fourth mask of {height}x{width}");
        assert_eq!(digest(&masks), all, "of {height}x{width}");
        assert_eq!(next(&mut streams), then, "after {height}x{width}");
    }
}

fn masking(side: usize, probability: f64, ratio: (f64, f64)) -> Masking {
    let max_num_patches = Masking::largest_block(side * 16, 16);
    Masking { side, probability, ratio, random_circular_shift: false, max_num_patches, local_batch_size: None }
}

/// Batches of the reference's `collate_data_and_cast`: all masks, indices and weights, the sum of the upper bounds, and
/// the next of each stream.
#[test]
fn masks_of_batches() {
    let published = masking(14, 0.5, (0.1, 0.5));
    let shifted = Masking { random_circular_shift: true, ..published };
    let local = Masking { local_batch_size: Some(24), ..published };
    let whole = Masking { random_circular_shift: true, ..masking(7, 1.0, (0.3, 1.0)) };
    let two = Masking { random_circular_shift: true, local_batch_size: Some(2), ..masking(2, 0.75, (0.0, 1.0)) };
    for (masking, images, batches, all, bounds, then) in [
        (published, 64, 80, "3553205fb7c53b95f612b3fd6ae08688", 301680, (798219, 295091)),
        (masking(4, 0.5, (0.1, 0.5)), 8, 600, "3d5cadd5525185b8b75fc565855869f4", 23400, (892876, 497264)),
        (shifted, 16, 300, "0e415f8ceed7b8d58bc4ad8303bc3db6", 292200, (768643, 571029)),
        (masking(32, 0.5, (0.1, 0.5)), 4, 100, "480952ea117fb2bcde1f8bf14d4be172", 143200, (829109, 1047664)),
        (local, 16, 100, "8c694062f810b7b5a773db0092b8bf76", 143900, (68324, 81870)),
        (whole, 5, 1000, "b614d028c1503b1aeb61c03b23731f79", 331000, (496634, 102603)),
        (masking(4, 0.0, (0.1, 0.5)), 3, 100, "e9a15a094703faaea3fdf53af7e04da2", 0, (983375, 809145)),
        (masking(5, 0.3, (0.45, 0.1)), 3, 1000, "552caf77ddf2a966912e54cf80e7ecd5", 2000, (416259, 610419)),
        (two, 4, 1000, "e199694e80f7ea29bb48c40e1840067b", 7000, (812329, 990996)),
    ] {
        masking.check().unwrap();
        let mut streams = Streams::fix_random_seeds(22);
        let drawn: Vec<_> = (0..batches).map(|_| masking.draw(images, &mut streams)).collect();
        assert_eq!(digest_of_all(&drawn), all, "of {masking:?}");
        assert_eq!(drawn.iter().map(Masks::upperbound).sum::<usize>(), bounds);
        assert_eq!(next(&mut streams), then, "after {masking:?}");
    }
}

/// Of all masks, then all indices, then all weights.
fn digest_of_all(drawn: &[Masks]) -> String {
    let mut all: Vec<u8> = drawn.iter().flat_map(|masks| bytes(masks.values())).collect();
    all.extend(drawn.iter().flat_map(Masks::indices).flat_map(i64::to_le_bytes));
    all.extend(drawn.iter().flat_map(Masks::weights).flat_map(f32::to_le_bytes));
    digest(&all)
}

/// 500 batches each; many of the last ones are shuffled until something is masked.
#[test]
fn subsets() {
    for (images, divide_by, probability, all, then) in [
        (8, 2, 0.5, "a84127a929c8f2abc68fcf44c32ae140", 670202),
        (8, 3, 0.5, "e18a1520912673f835ed9cd6bd32a3d3", 104251),
        (6, 6, 0.1, "8a5fe4ec51aafdf9c6f79da068835dd6", 926762),
    ] {
        let masking = masking(4, probability, (0.1, 0.5));
        let mut streams = Streams::fix_random_seeds(23);
        let one = |_| {
            let masks = masking.draw(images, &mut streams);
            let part = masks.subset(divide_by, &mut streams.python).unwrap();
            assert_eq!(part.images(), 2 * (images / divide_by));
            assert_eq!(part.upperbound(), masks.upperbound());
            part
        };
        let parts: Vec<_> = (0..500).map(one).collect();
        assert_eq!(digest_of_all(&parts), all, "of {images} images by {divide_by}");
        assert_eq!(streams.python.randint(0, NEXT), then);
    }
}

#[test]
fn subsets_that_cannot_be() {
    let mut python = PythonRandom::new(0);
    let mut refused =
        |masks: usize, divide_by| Masks::new(vec![false; 3 * masks], 3, 0).subset(divide_by, &mut python).unwrap_err();
    assert_eq!(refused(3, 1), SubsetError::Odd(3));
    assert_eq!(refused(4, 3), SubsetError::TooFew { images: 2, divide_by: 3 });
    assert_eq!(refused(4, 0), SubsetError::TooFew { images: 2, divide_by: 0 });
    assert_eq!(refused(4, 2), SubsetError::NothingMasked);
    assert_eq!(refused(4, 3).hints(), "use a divisor of 1 to 2, or larger batches".into());
}

#[test]
fn largest_blocks() {
    for (size, patch_size, most) in [
        (224, 16, 98.0),
        (256, 16, 128.0),
        (512, 16, 512.0),
        (224, 14, 128.0),
        (300, 16, 168.0),
        (512, 14, 658.0),
        (16, 16, 0.0),
        (100, 16, 18.0),
    ] {
        assert_eq!(Masking::largest_block(size, patch_size), most, "of {size} by {patch_size}");
    }
}

/// Counts of masked patches depend on the last bit of these.
#[test]
fn fractions() {
    let of = |ratio, steps| super::linspace(ratio, steps).collect::<Vec<_>>();
    assert_eq!(of((0.1, 0.5), 1), [0.1]);
    // The values before and at the middle would have other last bits if they were computed from the other end.
    let seven = [0.1, 0.166_666_67, 0.233_333_35, 0.299_999_98, 0.366_666_67, 0.433_333_34, 0.5];
    assert_eq!(of((0.1, 0.5), 7), seven);
    check(&of((0.1, 0.5), 3), &[0.1, 0.3, 0.5], "ef500ffbd0d83c99d7d088bd15213aab");
    check(&of((0.1, 0.45), 30), &[0.1, 0.112_068_966], "5ac932846ccf4e311c82d29bad3b7dc4");
    check(&of((0.1, 0.5), 1025), &[0.1, 0.100_390_63], "789253ed4431a50fbd69d8025b20a413");
}

#[test]
fn numbers_out_of_bounds() {
    let fine = masking(14, 0.5, (0.1, 0.5));
    assert_eq!(fine.check(), Ok(()));
    for (wrong, message) in [
        (Masking { side: 0, ..fine }, "side cannot be 0"),
        (Masking { probability: 1.5, ..fine }, "probability cannot be 1.5"),
        (Masking { probability: f64::NAN, ..fine }, "probability cannot be NaN"),
        (Masking { ratio: (-0.1, 0.5), ..fine }, "ratio.0 cannot be -0.1"),
        (Masking { ratio: (0.1, 2.0), ..fine }, "ratio.1 cannot be 2"),
        (Masking { max_num_patches: -1.0, ..fine }, "max_num_patches cannot be -1"),
    ] {
        assert_eq!(wrong.check().unwrap_err().to_string(), message);
    }
    assert_eq!(Masking { ratio: (0.1, 2.0), ..fine }.check().unwrap_err().hints(), "use a number from 0 to 1".into());
}
