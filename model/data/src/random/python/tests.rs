use super::PythonRandom;
use crate::random::testing::{check, draws};

#[test]
fn numbers_of_seeds() {
    for (seed, first, all) in [
        (0, [0.8444218515250481, 0.7579544029403025], "412a87a1a4d38cba953facbda5d12359"),
        (7, [0.32383276483316237, 0.15084917392450192], "b09c1b681613e0d92476a294e023f077"),
        (1 << 32, [0.11299430095636409, 0.41782886486292836], "a3223908950a9281d081382d8159fa28"),
        (u64::MAX, [0.021825695401270107, 0.3380953268613758], "8be0f55d85735e6bbc0e485db34317d7"),
        (12345678901234567890, [0.5120180983871961, 0.9318805526703359], "fada7f740d30ad385946956ba4df9bb8"),
    ] {
        let mut python = PythonRandom::new(seed);
        check(&draws(|| python.random()), &first, all);
    }
}

#[test]
fn uniform_numbers() {
    let mut python = PythonRandom::new(0);
    python.seed(7);
    let first = [3.1904180879170942, 3.622877065188745, 2.3726638174003654];
    check(&draws(|| python.uniform(4.0, 1.5)), &first, "a8310611b6bf7192b6181773de057e43");
}

#[test]
fn integers() {
    for (low, high, first, all) in [
        (0, 0, [0, 0], "f8c784aa6b57396e7c5e094c34d079d8"),
        (0, 13, [7, 9], "f530dfd74b2c8c55c0569c2ec6275157"),
        (-3, 4, [4, 2], "b9ec6a05dfd1cbe302dc1bb27fd69be8"),
        (0, (1 << 32) - 1, [1603362544, 595022250], "061a20b4641ff1544dc4bbb881211028"),
        (0, 1 << 32, [1603362544, 595022250], "061a20b4641ff1544dc4bbb881211028"),
        (-1 << 62, 1 << 62, [316074393037004528, -1177917771292913238], "5514a386176d5c5b0a9068832fdb068e"),
        (i64::MIN, i64::MAX - 1, [2088452442651338350, -4295611625390383376], "86da29737d94f4097cb98d5f2631477f"),
    ] {
        let mut python = PythonRandom::new(9);
        check(&draws(|| python.randint(low, high)), &first, all);
    }
}

/// Each followed by one more number, so that words drawn in vain would show.
#[test]
fn shuffled_lists() {
    for (n, first, all, then) in [
        (0, &[][..], "e3b0c44298fc1c149afbf4c8996fb924", 543180),
        (1, &[0], "af5570f5a1810b7af78caf4bc70a660f", 543180),
        (2, &[0, 1], "9d34149fbd1fe777eb238799054c8cbf", 609763),
        (17, &[7, 16, 0, 4], "acbe80d9ad1e2a72c5511e69093526df", 617940),
        (10_000, &[6252, 8111, 8274, 3968], "028000c6747137f67fc198a0aeaac130", 595141),
    ] {
        let mut python = PythonRandom::new(13);
        let mut items: Vec<i64> = (0..n).collect();
        python.shuffle(&mut items);
        check(&items, first, all);
        assert_eq!(python.randint(0, 1 << 20), then);
    }
}

#[test]
#[should_panic(expected = "no integer is at least 1 and at most 0")]
fn an_empty_range() {
    PythonRandom::new(0).randint(1, 0);
}
