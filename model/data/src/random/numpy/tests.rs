use super::NumpyRandom;
use crate::random::testing::{check, draws};

#[test]
fn integers() {
    for (low, high, first, all) in [
        (0, 1, [0, 0], "f8c784aa6b57396e7c5e094c34d079d8"),
        // With a size of 2 NumPy gives the same.
        (0, 9, [5, 6], "8624a43a8f8d59e244a0908f21105e60"),
        (-5, 1000, [377, 343], "fa24cce7bb4cab1b12420541f33d81c9"),
        (0, 1 << 32, [44556670, 1565348188], "4313ed1922df46eb5551e581f217e089"),
        (0, (1 << 32) + 1, [1565348188, 2143748597], "23273ac3e92ce1145a6e9299f3f5739f"),
        (-1 << 62, 1 << 62, [-4420316576393375396, -4577105834424204811], "e4216fb5f153f0e3610512c530d71b99"),
        (i64::MIN, i64::MAX, [-9032002594820763300, 34580184003183093], "15b8d9be14cf12f1f69c77ee6a1e82d8"),
    ] {
        let mut numpy = NumpyRandom::new(9);
        check(&draws(|| numpy.randint(low, high)), &first, all);
    }
}

#[test]
fn arrays_as_seeds() {
    let mut numpy = NumpyRandom::from_array(&[1, 2, 3, 4]);
    let first = [664954, 635279, 143018, 598661];
    check(&draws(|| numpy.randint(0, 1_000_000)), &first, "cd17765c26e7c97868990563938a6db3");
    numpy.seed_array(&[9]);
    let first = [501358, 765038, 89840, 191484];
    check(&draws(|| numpy.randint(0, 1_000_000)), &first, "849b7c16bfd5af649a22adde0fb35fc4");
    numpy.seed(9);
    assert_eq!(numpy.randint(0, 9), 5);
}

/// Each followed by one more number: it is the same whatever the size was.
#[test]
fn choices_without_replacement() {
    for (n, size, first, all, then) in [
        (0, 0, &[][..], "e3b0c44298fc1c149afbf4c8996fb924", 491858),
        (1, 0, &[], "e3b0c44298fc1c149afbf4c8996fb924", 491858),
        (1, 1, &[1], "7c9fa136d4413fa6173637e883b6998d", 491858),
        (196, 0, &[], "e3b0c44298fc1c149afbf4c8996fb924", 357826),
        (196, 1, &[532], "1e19b4ab574f602456dcd9054f6b0062", 357826),
        (196, 65, &[532, 289, 286, 241], "c8ae02274b275930bcb351dd2486e88b", 357826),
        (196, 196, &[532, 289, 286, 241], "37e8c3a0ad4ce377bac5bef009f208bd", 357826),
        (10_000, 3333, &[17857, 5350, 14434, 436], "bb0a0b487c02287c54426f9df11958db", 622262),
        (10_000, 10_000, &[17857, 5350, 14434, 436], "ac97a9936a6a57d550db9cf14cb4a468", 622262),
    ] {
        let mut numpy = NumpyRandom::new(13);
        let values: Vec<i64> = (0..n).map(|i| 3 * i + 1).collect();
        check(&numpy.choice_without_replacement(&values, size), first, all);
        assert_eq!(numpy.randint(0, 1 << 20), then);
    }
}

#[test]
#[should_panic(expected = "3 of 2 values cannot be chosen")]
fn a_choice_of_too_many() {
    NumpyRandom::new(0).choice_without_replacement(&[1, 2], 3);
}

#[test]
#[should_panic(expected = "a seed is 1 to 624 words, not 0")]
fn an_empty_seed() {
    NumpyRandom::from_array(&[]);
}
