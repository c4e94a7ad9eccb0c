//! Two logs of any recipe, and two numbers.

use super::*;

#[test]
fn two_logs_alone_follow_each_other_within_the_margin() {
    let verdict = judge_pair(&rounded(run(CANDIDATES, CLEAN)), &rounded(run(0, CLEAN)), &[], &Options::default());
    assert_eq!(verdict.outcome, Outcome::Follows, "{:#?}", open(&verdict));
    let Basis::OwnWindows { further: 0, power: Some(power) } = verdict.basis else { panic!("{:?}", verdict.basis) };
    assert!(power.weaker > 1.0 && power.smallest_shift > 0.001 && power.smallest_shift < 0.003, "{power:?}");
    // The same two logs with further runs show half of that and less.
    let further: Vec<Run> = (1..=12).map(|seed| rounded(run(seed, CLEAN))).collect();
    let verdict = judge_pair(&rounded(run(CANDIDATES, CLEAN)), &rounded(run(0, CLEAN)), &further, &Options::default());
    let Basis::Runs { runs: 13, power: Some(with), .. } = verdict.basis else { panic!("{:?}", verdict.basis) };
    assert!(verdict.outcome == Outcome::Follows && with.smallest_shift < power.smallest_shift / 2.0, "{with:?}");
}

#[test]
fn two_logs_alone_show_what_is_larger_than_the_margin() {
    let pair = |flaw| judge_pair(&run(CANDIDATES, flaw), &run(0, CLEAN), &[], &Options::default());
    assert!(failing(&pair(Flaw { drift: 0.002, ..CLEAN })).contains(&CheckKind::Drift));
    assert!(failing(&pair(Flaw { shift: 0.003, ..CLEAN })).contains(&CheckKind::Tail));
    assert!(failing(&pair(Flaw { norm: 0.125, ..CLEAN })).contains(&CheckKind::NormFactor));
    let stated = Options { margin: Some(0.005), ..Options::default() };
    let within = judge_pair(&run(CANDIDATES, Flaw { shift: 0.003, ..CLEAN }), &run(0, CLEAN), &[], &stated);
    assert_eq!(within.outcome, Outcome::Follows, "{:#?}", open(&within));
}

/// A margin that the logs cannot show leaves the question open: two logs of ten lines.
#[test]
fn too_short_logs_are_inconclusive() {
    let short = |seed| run(seed, Flaw { steps: 100, ..CLEAN });
    let verdict = judge_pair(&short(CANDIDATES), &short(0), &[], &Options::default());
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
}

#[test]
fn the_published_pair_allows_one_verdict() {
    let verdict = judge_two(("Atlas 800T A2", 9.9374), ("competitor A", 9.9345), 4, &Options::default());
    assert_eq!((verdict.outcome, verdict.basis), (Outcome::Inconclusive, Basis::Nothing));
    let finding = verdict.of(CheckKind::Tail).next().unwrap();
    let Detail::TwoNumbers { difference, rounding, margin, needs, .. } = &finding.detail else { panic!("{finding:?}") };
    approx::assert_relative_eq!(difference / 9.9345, 0.000_292, epsilon = 1e-6);
    approx::assert_relative_eq!(*rounding, 0.0001, epsilon = 1e-12);
    approx::assert_relative_eq!(*margin, 0.009_934_5, epsilon = 1e-9);
    let spreads: Vec<f64> = needs.iter().map(|need| need.largest_spread.unwrap()).collect();
    assert!(spreads.is_sorted() && (0.001..0.005).contains(&spreads[0]), "{spreads:?}");
    // Beyond the margin no spread makes them equivalent.
    let apart = judge_two(("a", 9.95), ("b", 9.9345), 4, &Options::default());
    let Detail::TwoNumbers { needs, .. } = &apart.of(CheckKind::Tail).next().unwrap().detail else { panic!() };
    assert!(needs.iter().all(|need| need.largest_spread.is_none()));
}
