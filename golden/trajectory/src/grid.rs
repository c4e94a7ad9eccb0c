//! Which part of a run is which: windows, the tail, where rounding has settled.

use crate::finding::Window;
use crate::limits::Limit;

/// The windows of a run whose logged iterations are `iterations`: from a line to the next at the beginning, and of equal
/// length on a logarithmic scale behind it. The last one ends behind the last iteration.
pub(crate) fn windows(iterations: &[u64]) -> Vec<Window> {
    let (Some(&first), Some(&last)) = (iterations.first(), iterations.last()) else { return Vec::new() };
    let mut windows = vec![Window { from: first, to: first + 1 }];
    let unit = cadence(iterations);
    let mut edge = (unit.max(1)) as f64;
    while windows.last().is_some_and(|window| window.to <= last) {
        let from = windows.last().map_or(0, |window| window.to);
        edge *= Limit::WindowRatio.value();
        let to = first.saturating_add(edge as u64).max(from + 1);
        // What would be left behind the last whole window belongs to it.
        let to = if to as f64 * Limit::WindowRatio.value() > last as f64 * 1.2 { last + 1 } else { to.min(last + 1) };
        if iterations.iter().any(|iteration| (from..to).contains(iteration)) {
            windows.push(Window { from, to });
        }
    }
    windows
}

/// The steps from a line to the next: the most frequent distance.
pub(crate) fn cadence(iterations: &[u64]) -> u64 {
    let mut steps: Vec<u64> = iterations.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied().unwrap_or(1)
}

/// The tail of a run of so many steps.
pub(crate) fn tail(steps: u64) -> Window {
    Window { from: (steps as f64 * (1.0 - Limit::Tail.value())) as u64, to: steps }
}

/// The part of a run of so many steps behind the first steps, in which rounding grows.
pub(crate) fn settled(steps: u64) -> Window {
    let early = Limit::Settled.value().min(steps as f64 * Limit::SettledShare.value());
    Window { from: early as u64, to: steps }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(steps: u64) -> Vec<u64> {
        (0..steps).filter(|step| step % 10 == 0 || step + 1 == steps).collect()
    }

    #[test]
    fn windows_cover_the_run_without_a_gap_two_an_octave() {
        for steps in [1, 11, 160, 2000, 125_000] {
            let windows = windows(&lines(steps));
            assert_eq!((windows[0].from, windows.last().unwrap().to), (0, steps), "{steps}");
            assert!(windows.windows(2).all(|pair| pair[0].to == pair[1].from), "{windows:?}");
        }
        let windows = windows(&lines(125_000));
        assert_eq!(windows.len(), 27);
        let ratios = windows[5..windows.len() - 1].iter().map(|window| window.to as f64 / window.from as f64);
        assert!(ratios.into_iter().all(|ratio| (1.3..1.6).contains(&ratio)), "{windows:?}");
        assert!(super::windows(&[]).is_empty());
    }

    #[test]
    fn a_short_run_settles_in_a_fifth_of_it() {
        assert_eq!(settled(125_000).from, 1000);
        assert_eq!(settled(160).from, 32);
        assert_eq!(tail(125_000), Window { from: 112_500, to: 125_000 });
        assert_eq!(cadence(&lines(125_000)), 10);
    }
}
