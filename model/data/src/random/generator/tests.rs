use dinov3_ground::Hint;

use super::{NumpyGenerator, ProbabilityError, cumulative};
use crate::random::testing::{check, draws};

#[test]
fn numbers_of_seeds() {
    for (seed, first, all) in [
        (0, [0.6369616873214543, 0.2697867137638703], "da1f95fe49b11f58adeebfdc4d6f1c0e"),
        (1, [0.5118216247002567, 0.9504636963259353], "bdc5d1edf6ff2eb66ec5f11fcc1d9d5d"),
        (65537, [0.24718294208858638, 0.2294974719177203], "d6dfcf7cb8b8ff3143a60f5532dbbdf5"),
        (1 << 32, [0.8897387912781343, 0.5571380502062263], "6c71bd600f4481fdcbf80776588ea209"),
        (u64::MAX.into(), [0.6800266789616931, 0.8453117585624743], "b0871ab4a1f49f3f6ccf39d628277f9b"),
        ((1 << 127) + 12345, [0.8165447125225918, 0.4755401204903966], "cf18e4df3621aa87c44aa0787ece32e7"),
    ] {
        let mut generator = NumpyGenerator::new(seed);
        check(&draws(|| generator.random()), &first, all);
    }
}

/// On both sides of each size at which NumPy changes its algorithm.
#[test]
fn choices_without_replacement() {
    for (population, size, first, all, then) in [
        (1, 0, &[][..], "e3b0c44298fc1c149afbf4c8996fb924", 0.8450747927979015),
        (1, 1, &[0], "df3f619804a92fdb4057192dc43dd748", 0.8450747927979015),
        (10, 10, &[8, 1, 0, 5], "d887f365ddadafd2d6a1fc0051df0e6b", 0.015289656596711554),
        (5000, 100, &[2105, 785, 4103, 884], "24fffc9aadcba43e103f59d5f309a46f", 0.8742693156268354),
        (10000, 10000, &[8970, 4603, 1285, 9700], "a9d29fc9c9f3e034a666e2361e4bd1d5", 0.38584736319913404),
        (10001, 10001, &[5853, 3423, 7746, 2705], "99a33f7721bf4246908545743cdfb3d9", 0.0911390531975621),
        (10001, 201, &[5033, 6486, 8869, 4101], "505f3c55f5b7dbdd958bc5bf8c27f876", 0.15612833255961667),
        (10001, 200, &[7756, 893, 2944, 5994], "4756b64feb1dc3a3a091c92e2afdd486", 0.575295831636558),
        (1281167, 1281167, &[591434, 268646, 119792], "558d14e33d546223298c1a51e0335c7a", 0.3217763369604383),
        (1281167, 20000, &[56455, 114077, 806886], "b32def3c453fcc30d3d38dfd588c99b1", 0.9851744872815356),
        (1281167, 25624, &[1185057, 87358, 413108], "b015f884acb1698ef9426320d2780c43", 0.9102429610944978),
        (3000000, 7, &[1673233, 2284899, 482918], "4c405e0bb525710ebc203844643b0a71", 0.6113431084989805),
    ] {
        let mut generator = NumpyGenerator::new(17);
        check(&generator.choice_without_replacement(population, size), first, all);
        assert_eq!(generator.random(), then, "after {size} of {population}");
    }
    // One after another: half a word is left over now and then.
    let mut generator = NumpyGenerator::new(17);
    let many: Vec<_> = (0..500).flat_map(|_| generator.choice_without_replacement(11, 5)).collect();
    check(&many, &[10, 5, 6, 1], "636b72416610c9e930f8b4c8e66a585d");
}

#[test]
fn probabilities() {
    let cases: [(&[f64], _, _); 6] = [
        (&[1.0], [0, 0, 0, 0], "f8c784aa6b57396e7c5e094c34d079d8"),
        (&[0.5, 0.5], [0, 0, 1, 0], "e13770d40899938f78463ce9e5a5f6c6"),
        (&[0.3, 0.3, 0.4], [0, 0, 1, 1], "4d3f6f608a65311fd33c0e30b97a8916"),
        (&[1.0 / 3.0; 3], [0, 0, 1, 1], "778f1bbd3c3ba2e4b39341fbaf2d2e60"),
        (&[0.0, 1.0, 0.0], [1, 1, 1, 1], "e9b3b2b9bdbffa8379920d1ae06ef939"),
        (&[0.3, 0.7 - 1.4e-8], [0, 0, 1, 1], "6e5fdb6e4db8fb34d743eeea592d01db"),
    ];
    for (probabilities, first, all) in cases {
        let sums = cumulative(probabilities).unwrap();
        let mut generator = NumpyGenerator::new(65537);
        check(&draws(|| generator.choice(&sums) as i64), &first, all);
    }
}

#[test]
fn numbers_that_are_no_probabilities() {
    // Off by little enough, they are made to sum to 1.
    assert_eq!(cumulative(&[0.5, 0.5 + 1.4e-8]).unwrap(), [0.5 / (1.0 + 1.4e-8), 1.0]);
    assert_eq!(cumulative(&[0.5, 0.5 + 1.5e-8]), Err(ProbabilityError::Sum(1.000_000_015)));
    assert_eq!(cumulative(&[-0.5, 1.5]), Err(ProbabilityError::Negative { place: 0, value: -0.5 }));
    assert_eq!(cumulative(&[1.0, f64::NAN]), Err(ProbabilityError::NotANumber(1)));
    assert_eq!(cumulative(&[]), Err(ProbabilityError::None));
    let error = cumulative(&[0.5, 0.75]).unwrap_err();
    assert_eq!(error.to_string(), "the probabilities sum to 1.25, not to 1");
    assert_eq!(error.hints(), "divide each of them by 1.25".into());
}
