use dinov3_ground::Hint;

use super::{EpochSampler, InfiniteSampler, SamplerError, SamplerSettings, ShardedInfiniteSampler};
use crate::random::testing::{DRAWS, check};

/// In the order in which the cases give them.
fn settings(sample_count: usize, shuffle: bool, seed: u64, start: usize, step: usize) -> SamplerSettings {
    SamplerSettings { sample_count, shuffle, seed, start, step }
}

fn first_draws(sampler: impl Iterator<Item = usize>) -> Vec<i64> {
    sampler.take(DRAWS).map(|index| index as i64).collect()
}

#[test]
fn infinite_samplers() {
    for ((samples, shuffle, seed, start, step, advance), first, all) in [
        ((10, false, 0, 0, 1, 0), [0, 1, 2, 3], "f4b723a53c892154ccfe38d838fb0fbc"),
        ((10, false, 0, 1, 3, 7), [4, 7, 1, 4], "35de2d7f516bb62387d449fc1e3ac6ad"),
        ((1281167, false, 0, 5, 8, 1281160), [1281109, 1281117, 1281125, 1281133], "a9201bba9b9b2f54645fe88fd64a9823"),
        ((10, true, 0, 0, 1, 0), [4, 1, 7, 5], "6c599eba4e700b8cd4e0f6f8c0f14f1a"),
        ((1, true, 3, 0, 1, 5), [0, 0, 0, 0], "f8c784aa6b57396e7c5e094c34d079d8"),
        ((1000, true, 1, 2, 7, 0), [66, 268, 310, 169], "5ce8e27d90fcac701e7082f81fba28c9"),
        ((1000, true, 1, 2, 7, 12345), [426, 127, 193, 304], "8eef31b5ee3fe89084b8dc3e8b7e9a0f"),
        ((1281167, true, 43, 0, 1, 0), [906293, 861619, 1063132, 13960], "e294a2e8e7be1641931a9cdb176f5c16"),
        ((1281167, true, 43, 3, 8, 0), [13960, 722661, 199342, 935678], "38bd38dcf60ce2ca24a5d8b8f6511957"),
        ((1281167, true, 7, 1, 2, 640000), [1273808, 1247370, 1143425, 1274009], "a51ce87badcaf416b02e49fc32b6b9b9"),
        ((5000, true, 1099511627779, 1, 2, 25000), [500, 3412, 348, 3115], "9bf5e994484777618f9208135e21f052"),
    ] {
        let sampler = InfiniteSampler::new(settings(samples, shuffle, seed, start, step), advance).unwrap();
        check(&first_draws(sampler), &first, all);
    }
}

#[test]
fn sharded_samplers() {
    for ((samples, shuffle, seed, start, step, advance), new, first, all) in [
        ((10, false, 0, 1, 3, 27), false, [4, 7, 1, 4], "35de2d7f516bb62387d449fc1e3ac6ad"),
        ((10, true, 0, 0, 1, 0), false, [3, 6, 0, 8], "bf536454f60a350f9b5ba1454e22a8c8"),
        ((10, true, 0, 1, 3, 0), false, [1, 3, 8, 8], "eb38aca9dde6a2bbe90fedd977664ee1"),
        ((1000, true, 1, 2, 7, 0), false, [113, 525, 868, 900], "ea3db9dc3847397990bd78a8e46cf461"),
        ((1000, true, 1, 2, 7, 12345), false, [107, 559, 675, 678], "ec248c51ea3c13254603456aae43c606"),
        ((1000, true, 1, 0, 1, 999), false, [356, 662, 203, 608], "18fa986dd8d0c84dd394443361a5976c"),
        ((1281167, true, 43, 0, 8, 0), false, [213166, 717773, 72154, 999004], "6dc3934ebbf1e9eae6fb5cab9b932b3c"),
        (
            (1281167, true, 43, 3, 8, 4013501),
            false,
            [740473, 909431, 138216, 1234378],
            "7a67dc827a4f766f1cc1d7986d0d742a",
        ),
        (
            (20000, true, 1099511627779, 7, 8, 20001),
            false,
            [7486, 19557, 2530, 5063],
            "3e67fc2caddd34fd87eb69ada5022e89",
        ),
        ((10, true, 0, 0, 1, 0), true, [3, 1, 8, 9], "a5b3823a56be7d92dcb14bde7cf61e47"),
        ((10, true, 0, 1, 3, 0), true, [3, 8, 1, 1], "9903a3999e4905c15d0b69b3e9433635"),
        ((1000, true, 1, 2, 7, 0), true, [868, 441, 768, 145], "94cbdcf4d340a897b6f8a9ccf766aa4f"),
        ((1000, true, 1, 2, 7, 12345), true, [379, 694, 900, 177], "375278039ae5fa875eb352af3a470470"),
        ((1000, true, 1, 0, 1, 999), true, [355, 870, 867, 610], "9bb27f56436bdc558364abfa390a9305"),
        ((1281167, true, 43, 0, 8, 0), true, [77191, 780166, 508418, 806489], "819a0662757c4ade6492698efe9c0073"),
        (
            (1281167, true, 43, 3, 8, 4013501),
            true,
            [1093377, 955565, 854186, 325902],
            "6d63a0644335bdd6409d4aabacac0f1c",
        ),
        (
            (20000, true, 1099511627779, 7, 8, 20001),
            true,
            [4631, 10570, 16287, 13461],
            "2404836e830738fb8195d57919a693cc",
        ),
    ] {
        let sampler = ShardedInfiniteSampler::new(settings(samples, shuffle, seed, start, step), advance, new).unwrap();
        check(&first_draws(sampler), &first, all);
    }
}

#[test]
fn epochs() {
    for ((size, samples, shuffle, seed, start, step, epoch), first, length, all) in [
        ((10, 10, false, 0, 0, 1, 0), &[0, 1, 2, 3][..], 10, "23c379d6c0f22ef64cdef873fd530df1"),
        ((25, 10, false, 0, 1, 3, 0), &[1, 4, 7, 0], 8, "4fc66762bebafcff7bcb71774277cd34"),
        ((10, 10, true, 0, 0, 1, 0), &[0, 9, 1, 2], 10, "5771adac9d416c1005196bfc72433b00"),
        ((25, 10, true, 0, 1, 4, 3), &[1, 4, 1, 2], 6, "8cb41e6f6482139a2c8ab5cd98044d5f"),
        ((1000, 300, true, 5, 0, 1, 0), &[36, 16, 207, 267], 1000, "2da8c47d1cca7403e89c55a36fc3c0a7"),
        ((1000, 300, true, 5, 0, 1, 7), &[84, 188, 197, 156], 1000, "d00763c6c6c3127e707bae55ea7bfcae"),
        (
            (1281167, 1281167, true, 0, 1, 8, 2),
            &[822632, 955735, 1016170, 1179807],
            160146,
            "816864c03f7b10cc501014b02216af6c",
        ),
        (
            (200, 1281167, true, 1152921504606846976, 0, 1, 1099511627776),
            &[583885, 1223278, 434260, 561703],
            200,
            "4e56d6c2bb877877bb552e1dfd01ba08",
        ),
        ((1, 5, true, 1, 3, 4, 1), &[], 0, "e3b0c44298fc1c149afbf4c8996fb924"),
    ] {
        let mut sampler = EpochSampler::new(settings(samples, shuffle, seed, start, step), size).unwrap();
        sampler.set_epoch(epoch);
        assert_eq!((sampler.len(), sampler.is_empty()), (length, length == 0));
        let indices: Vec<_> = sampler.iter().map(|index| index as i64).collect();
        check(&indices, first, all);
        assert_eq!(indices.len(), length);
    }
}

/// A sampler that was advanced goes on where one that was not would be, whatever the place; except that a sharded one skips a
/// whole pass of its own for each dataset.
#[test]
fn advanced_samplers() {
    for advance in [1, 2, 49, 50, 51, 99, 100, 151, 1000] {
        for shuffle in [false, true] {
            let settings = settings(149, shuffle, 3, 1, 3);
            let mut whole = InfiniteSampler::new(settings, 0).unwrap().skip(advance);
            let mut advanced = InfiniteSampler::new(settings, advance as u64).unwrap();
            assert!((0..400).all(|_| whole.next() == advanced.next()), "of {advance}, shuffled: {shuffle}");
            let mut whole = ShardedInfiniteSampler::new(settings, 0, false).unwrap();
            let passes = if shuffle { 49 } else { 50 };
            let mut whole = whole.by_ref().skip(advance / 149 * passes + advance % 149);
            let mut advanced = ShardedInfiniteSampler::new(settings, advance as u64, false).unwrap();
            let same = (0..400).all(|_| whole.next() == advanced.next());
            assert!(same, "of {advance}, sharded, shuffled: {shuffle}");
        }
    }
}

/// Together the ranks see each sample once a pass, save those that are dropped.
#[test]
fn ranks_share() {
    for new in [false, true] {
        let rank = |rank| ShardedInfiniteSampler::new(settings(100, true, 5, rank, 7), 0, new).unwrap();
        let mut seen: Vec<_> = (0..7).flat_map(|start| rank(start).take(14)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!((seen.len(), rank(0).dropped()), (98, 2));
    }
    let mut seen: Vec<_> =
        (0..7).flat_map(|start| InfiniteSampler::new(settings(98, true, 5, start, 7), 14).unwrap().take(14)).collect();
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..98));
    assert_eq!(ShardedInfiniteSampler::new(settings(100, false, 5, 0, 7), 0, false).unwrap().dropped(), 0);
}

/// As many samples as a long run of one rank out of eight; the reference would need hours.
#[test]
fn advancing_far_takes_seconds() {
    let began = std::time::Instant::now();
    let mut sampler = InfiniteSampler::new(settings(1281167, true, 1, 0, 8), 16_000_000).unwrap();
    sampler.next();
    assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
}

#[test]
fn arguments_that_make_no_sampler() {
    let good = settings(10, true, 0, 1, 3);
    let too_many = SamplerSettings { sample_count: 1 << 32, ..good };
    for (wrong, message, hint) in [
        (SamplerSettings { sample_count: 0, ..good }, "sample_count is 0", "use a dataset that is not empty"),
        (SamplerSettings { step: 0, ..good }, "step is 0", "use 1 or more"),
        (SamplerSettings { start: 3, ..good }, "start is 3, and step 3: there is no such rank", "ranks are 0 to 2"),
        (
            too_many,
            "sample_count is 4294967296, more than the 2^32 - 1 that can be put in order",
            "use a part of the dataset",
        ),
    ] {
        let errors = [
            InfiniteSampler::new(wrong, 0).unwrap_err(),
            ShardedInfiniteSampler::new(wrong, 0, false).unwrap_err(),
            EpochSampler::new(wrong, 5).unwrap_err(),
        ];
        for error in errors {
            assert_eq!((error.to_string(), error.hints().to_string()), (message.to_owned(), hint.to_owned()));
        }
    }
    assert_eq!(EpochSampler::new(good, 0).unwrap_err(), SamplerError::Zero("size"));
    assert!(EpochSampler::new(good, usize::MAX).is_err());
    let error = EpochSampler::new(good, u32::MAX as usize).unwrap_err();
    assert_eq!(
        error.to_string(),
        "size, in whole datasets, is 4294967300, more than the 2^32 - 1 that can be put in order"
    );
}

/// The reference never comes back from these.
#[test]
fn ranks_without_samples() {
    let few = SamplerSettings { sample_count: 2, shuffle: true, seed: 0, start: 2, step: 4 };
    let error = SamplerError::TooFew { sample_count: 2, start: 2, step: 4 };
    assert_eq!(InfiniteSampler::new(few, 0).unwrap_err(), error);
    assert_eq!(InfiniteSampler::new(SamplerSettings { shuffle: false, ..few }, 0).unwrap_err(), error);
    assert_eq!(ShardedInfiniteSampler::new(few, 0, true).unwrap_err(), error);
    // A sharded one needs a sample for each rank, not only for this one.
    assert!(ShardedInfiniteSampler::new(SamplerSettings { start: 0, ..few }, 0, true).is_err());
    assert!(InfiniteSampler::new(SamplerSettings { start: 0, ..few }, 0).is_ok());
}

/// Seen red where a pass counts as a whole dataset, as it does when the reference advances.
#[test]
fn samples_that_are_skipped_are_those_that_would_have_been_drawn() {
    for (samples, shuffle, start, step) in [(10, true, 1, 3), (1000, true, 2, 7), (10, false, 1, 3), (1, true, 0, 1)] {
        for (before, skipped) in [(0, 0), (0, 1), (2, 1), (3, 3), (5, 1000), (142, 143)] {
            let mut sampler =
                ShardedInfiniteSampler::new(settings(samples, shuffle, 5, start, step), 27, false).unwrap();
            let all: Vec<_> = sampler.clone().take(before + skipped + 20).collect();
            assert!(sampler.by_ref().take(before).eq(all[..before].iter().copied()));
            sampler.pass_over(skipped as u64);
            let rest: Vec<_> = sampler.take(20).collect();
            assert_eq!(rest, all[before + skipped..], "{before} and {skipped} of {samples}");
        }
    }
}
