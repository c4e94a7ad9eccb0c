//! How often correct runs fail, and how small a shift is found.

use super::*;

const CLEAN_RUNS: u32 = 200;

/// Of 200 runs, no more than 1 % fail, or are left open.
#[test]
fn clean_runs_follow() {
    let (golden, spread) = golden();
    let outcome = |seed| judge(&run(CANDIDATES + seed, CLEAN), golden, spread, &Options::default());
    let verdicts: Vec<Verdict> = (0..CLEAN_RUNS).map(outcome).collect();
    let others: Vec<_> = verdicts.iter().filter(|verdict| verdict.outcome != Outcome::Follows).collect();
    let failed: Vec<_> = others.iter().flat_map(|verdict| open(verdict)).collect();
    println!("against {} runs: {} of {CLEAN_RUNS} clean runs do not follow: {failed:?}", spread.runs, others.len());
    assert!(others.len() as u32 * 100 <= CLEAN_RUNS, "{failed:#?}");
}

/// The same for two logs alone. Their 200 lines of tail are short: now and then five blocks do not fit.
#[test]
fn clean_pairs_do_not_differ() {
    let candidate = |seed| run(CANDIDATES + seed, CLEAN);
    let pair = |seed| judge_pair(&candidate(2 * seed), &candidate(2 * seed + 1), &[], &Options::default());
    let verdicts: Vec<Verdict> = (0..CLEAN_RUNS).map(pair).collect();
    let count = |outcome| verdicts.iter().filter(|verdict| verdict.outcome == outcome).count() as u32;
    let failed: Vec<_> = verdicts.iter().flat_map(|verdict| verdict.failed()).collect();
    let (differ, left) = (count(Outcome::Differs), count(Outcome::Inconclusive));
    println!("two logs alone: {differ} of {CLEAN_RUNS} clean pairs differ, {left} are left open: {failed:?}");
    assert!(differ * 100 <= CLEAN_RUNS && left * 10 <= CLEAN_RUNS, "{differ} {left} {failed:#?}");
}

/// The smallest flaw that is found in 9 of 10 runs.
fn smallest(flaw: impl Fn(f64) -> Flaw, sizes: &[f64], runs: u32) -> f64 {
    let (golden, spread) = golden();
    let found = |size: f64| {
        let outcome =
            |seed| judge(&lacking(run(CANDIDATES + seed, flaw(size)), &["lr"]), golden, spread, &Options::default());
        (0..runs).filter(|seed| outcome(*seed).outcome == Outcome::Differs).count() as f64 / f64::from(runs)
    };
    // The larger, the more often it is found.
    let smallest = sizes.partition_point(|size| found(*size) < Limit::Power.value());
    *sizes.get(smallest).expect("the largest size is found")
}

#[test]
fn the_power_is_what_the_verdict_says() {
    let sizes: Vec<f64> = (0..12).map(|step| 0.000_04 * 1.25_f64.powi(step)).collect();
    let shift = smallest(|shift| Flaw { shift, ..CLEAN }, &sizes, 20);
    let drift = smallest(|drift| Flaw { drift, ..CLEAN }, &sizes, 20);
    let rates: Vec<f64> = (0..12).map(|step| 0.001 * 1.5_f64.powi(step)).collect();
    let rate = smallest(|rate| Flaw { lr: 1.0 + rate, ..CLEAN }, &rates, 20);
    let Basis::Runs { power: Some(power), .. } = judged(&run(CANDIDATES, CLEAN)).basis else { panic!() };
    println!(
        "found in 9 of 10: a shift of {:.4} % (the verdict says {:.4} %, {:.2} times that of a known spread), a drift of {:.4} %, a learning rate off by {:.2} % by the loss alone",
        100.0 * shift,
        100.0 * power.smallest_shift,
        power.weaker,
        100.0 * drift,
        100.0 * rate
    );
    assert!((0.4..2.5).contains(&(shift / power.smallest_shift)), "{shift} {power:?}");
    assert!(drift < 0.002 && rate < 0.1);
}
