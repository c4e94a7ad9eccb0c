use super::TorchGenerator;
use crate::random::testing::{check, draws};

#[test]
fn uniform_numbers() {
    let mut torch = TorchGenerator::new((1 << 40) + 7);
    let first = [1.027_938, 0.759_042_56, 1.127_369_4, 1.125_512_2];
    check(&draws(|| torch.uniform(0.6, 1.4)), &first, "eb200d4ea9319f9dce330d2f2d71d062");
    torch.manual_seed(7);
    let first = [0.006_984_508, -0.060_239_363, 0.031_842_34, 0.031_378_055];
    check(&draws(|| torch.uniform(-0.1, 0.1)), &first, "6d0a8b68f51c26d0163721e0043c8226");
    torch.manual_seed(7);
    let first = [0.534_922_54, 0.198_803_19, 0.659_211_7, 0.656_890_3];
    check(&draws(|| torch.rand()), &first, "d2ce3efd629c57abd59daa56391c2c0f");
}

/// The ranges on both sides of 2²⁸, where torch takes another word, among others.
#[test]
fn integers() {
    for (low, high, first, all) in [
        (0, 4, [2, 0, 2, 1], "f60eee965cea5bfdb3af637fc076682c"),
        (-5, 1000, [995, 383, 919, 177], "63032071641c6cada793c30b5d3f6691"),
        (0, (1 << 28) - 1, [44556670, 223170913, 8051334, 264700412], "4670b1257a5c29fa3f8cca04edc01da3"),
        (0, 1 << 28, [223170908, 264700405, 32397368, 15995798], "7ac15629a5cb30d1b4caf5fab8c706cb"),
        (0, 1 << 32, [1565348188, 2143748597, 32397368, 1358173078], "2e982feb7059499d6168f5e343818d8b"),
        (
            -1 << 62,
            1 << 62,
            [-4420316576393375396, -4577105834424204811, 4533717132083353656, -2142966874349759594],
            "e4216fb5f153f0e3610512c530d71b99",
        ),
        (
            i64::MIN,
            i64::MAX,
            [-9032002594820763300, 34580184003183093, -77968886344034248, -6754652892777147498],
            "15b8d9be14cf12f1f69c77ee6a1e82d8",
        ),
    ] {
        let mut torch = TorchGenerator::new(9);
        check(&draws(|| torch.randint(low, high)), &first, all);
    }
}

#[test]
fn base_seeds() {
    let mut torch = TorchGenerator::new(11);
    let first = [3325388913236545215, 359254775711865947, 8544873655684927415, 4149298557807026508];
    check(&draws(|| torch.random_()), &first, "7c50d07a900e9ce989b04b780287f205");
}

/// Each followed by one more number, so that words drawn in vain would show.
#[test]
fn permutations() {
    for (n, first, all, then) in [
        (0, &[][..], "e3b0c44298fc1c149afbf4c8996fb924", 491858),
        (1, &[0], "af5570f5a1810b7af78caf4bc70a660f", 491858),
        (4, &[2, 0, 1, 3], "3437a88869e0c209446e71d28b96a3a8", 253456),
        (1000, &[418, 275, 308, 23], "6d03f537108068100f521fff3678dd9b", 497453),
        (1281167, &[204049, 57177, 424416, 207495], "73788ada646f28a1d9d48f310fa419a2", 463587),
    ] {
        let mut torch = TorchGenerator::new(13);
        check(&torch.randperm(n), first, all);
        assert_eq!(torch.randint(0, 1 << 20), then);
    }
    let mut torch = TorchGenerator::new(13);
    let many: Vec<_> = (0..2500).flat_map(|_| torch.randperm(4)).collect();
    check(&many, &[2, 0, 1, 3], "89841d33555ddff5997abb9a210046db");
}

/// The size at which torch changes its algorithm, and one element less. Takes 2 GB.
#[test]
#[ignore = "takes 2 GB and half a minute"]
fn large_permutations() {
    for (n, first, last, middle, then) in [
        (
            214748363,
            [130007352, 78627318, 83645522, 63223350],
            [135774250, 103540595, 150101648, 212904092],
            91389808,
            627889,
        ),
        (
            214748364,
            [189915727, 188338941, 57361543, 6609080],
            [102121979, 179896496, 97339646, 65490602],
            5434616,
            756794,
        ),
    ] {
        let mut torch = TorchGenerator::new(11);
        let permutation = torch.randperm(n);
        assert_eq!(permutation[..4], first);
        assert_eq!(permutation[n - 4..], last);
        assert_eq!(permutation[n / 2], middle);
        assert_eq!(torch.randint(0, 1 << 20), then);
    }
}

/// After draws of different kinds, the generator has the state of torch's.
#[test]
fn kinds_in_turn() {
    let mut torch = TorchGenerator::new((1 << 63) + 5);
    let mut kind = 0;
    // The script that recorded these draws all four kinds each time, and keeps one.
    let mixed = draws(|| {
        let all = [
            f64::from(torch.rand()),
            torch.randint(0, 100) as f64,
            (torch.random_() % 1000) as f64,
            torch.randperm(4)[0] as f64,
        ];
        kind += 1;
        all[(kind - 1) % 4]
    });
    check(&mixed, &[0.830_251_872_539_520_3, 88.0, 708.0, 1.0], "61426dff4ca8cffc32934ebab429d63b");
}

#[test]
fn skipped_permutations_are_permutations_drawn() {
    let (mut skipping, mut drawing) = (TorchGenerator::new(5), TorchGenerator::new(5));
    for (count, n) in [(0, 5), (1, 0), (1, 1), (3, 208), (1, 623), (1, 625), (7, 1000)] {
        skipping.skip_permutations(count, n);
        for left in (0..count).flat_map(|_| 1..=n) {
            drawing.below(left);
        }
        assert_eq!(skipping.random(), drawing.random(), "after {count} permutations of {n}");
    }
}

/// The size at which the first elements of a permutation take two words.
#[test]
fn skipped_permutations_of_many() {
    let (mut skipping, mut drawing) = (TorchGenerator::new(5), TorchGenerator::new(5));
    let n = (1 << 28) + 5;
    skipping.skip_permutations(1, n);
    for left in (1..=n).rev() {
        drawing.below(left);
    }
    assert_eq!(skipping.random(), drawing.random());
}

#[test]
#[should_panic(expected = "no integer from 3 on is below 3")]
fn an_empty_range() {
    TorchGenerator::new(0).randint(3, 3);
}
