//! Puts two spreads around one run together.

use super::{MeterSpread, Moments, Spread, SpreadError, WindowSpread};

impl Spread {
    /// What the two spreads know of the run that both are measured around: of each window, tail and slope what more runs tell, and `self` where as
    /// many do; of spikes the larger one. Runs of the first steps alone so tell of these, beside fewer of the whole length.
    ///
    /// # Errors
    /// When the two are around other runs, of another kind, or have other meters or windows.
    pub fn joined(mut self, other: Self) -> Result<Self, SpreadError> {
        let same = (self.kind, &self.around, self.steps) == (other.kind, &other.around, other.steps)
            && self.meters.len() == other.meters.len()
            && self.meters.iter().zip(&other.meters).all(|(ours, theirs)| ours.has_the_windows_of(theirs));
        if !same {
            return Err(SpreadError::Apart { one: self.around, other: other.around });
        }
        self.runs = self.runs.max(other.runs);
        for (ours, theirs) in self.meters.iter_mut().zip(other.meters) {
            ours.join(theirs);
        }
        Ok(self)
    }
}

impl MeterSpread {
    fn has_the_windows_of(&self, other: &Self) -> bool {
        let windows = |of: &Self| of.windows.iter().map(|spread| spread.window).collect::<Vec<_>>();
        (&self.meter, self.kind) == (&other.meter, other.kind) && windows(self) == windows(other)
    }

    fn join(&mut self, other: Self) {
        // A bin of the plot goes with the window around its middle.
        let better = |at: f64| {
            let within = |spread: &&WindowSpread| (spread.window.from as f64..spread.window.to as f64).contains(&at);
            let runs = |of: &Self| of.windows.iter().find(within).map(|spread| spread.moments.runs);
            runs(&other) > runs(self)
        };
        let (mut band, theirs): (Vec<_>, Vec<_>) = (
            self.band.iter().filter(|bin| !better(bin.iteration)).copied().collect(),
            other.band.iter().filter(|bin| better(bin.iteration)).copied().collect(),
        );
        band.extend(theirs);
        band.sort_by(|a, b| a.iteration.total_cmp(&b.iteration));
        self.band = band;
        for (ours, theirs) in self.windows.iter_mut().zip(other.windows) {
            if theirs.moments.runs > ours.moments.runs {
                *ours = theirs;
            }
        }
        for (ours, theirs) in
            [(&mut self.tail, other.tail), (&mut self.settled, other.settled), (&mut self.slope, other.slope)]
        {
            *ours = ours.of_more_runs(theirs);
        }
        self.spike = self.spike.max(other.spike);
    }
}

impl Moments {
    fn of_more_runs(self, other: Self) -> Self {
        if other.runs > self.runs { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Window;
    use crate::meters::MeterKind;
    use crate::spread::{Band, SpreadKind};

    /// So many runs over each of two windows, which all say `mean`.
    fn spread(runs: [usize; 2], mean: f64) -> Spread {
        let of = |runs| Moments { runs, mean, deviation: mean / 10.0 };
        let windows = [(0, runs[0]), (10, runs[1])].map(|(from, runs)| WindowSpread {
            window: Window { from, to: from + 10 },
            moments: of(runs),
            autocorrelation: Some(mean),
        });
        // Fewer than two runs make no bin.
        let bins = [(4.5, runs[0]), (14.5, runs[1])].into_iter().filter(|(_, runs)| *runs > 1);
        let band = bins.map(|(iteration, _)| Band { iteration, mean, deviation: 0.0 }).collect();
        let (meter, kind, spike, whole) = ("total_loss".to_owned(), MeterKind::Loss, mean, of(runs[1]));
        let meters = vec![MeterSpread {
            meter,
            kind,
            windows: windows.into(),
            tail: whole,
            settled: whole,
            slope: whole,
            spike,
            band,
        }];
        Spread {
            schema_version: 1,
            kind: SpreadKind::Rounding,
            around: "run".to_owned(),
            steps: 20,
            runs: runs[1],
            meters,
        }
    }

    fn means(spread: &Spread) -> Vec<f64> {
        let meter = &spread.meters[0];
        let band = meter.band.iter().map(|bin| bin.mean);
        let windows = meter.windows.iter().map(|spread| spread.moments.mean);
        windows.chain(band).chain([meter.tail.mean, meter.slope.mean, meter.spike]).collect()
    }

    /// 25 runs of the first window beside 13 of the whole length, in either order. Seen to fail: without the rule for the bins, the plot had each
    /// bin twice.
    #[test]
    fn a_window_has_what_more_runs_tell_of_it() {
        let (whole, short) = (spread([13, 13], 2.0), spread([25, 1], 3.0));
        for joined in [whole.clone().joined(short.clone()), short.joined(whole)] {
            let joined = joined.unwrap();
            assert_eq!(means(&joined), [3.0, 2.0, 3.0, 2.0, 2.0, 2.0, 3.0]);
            assert_eq!((joined.runs, joined.meters[0].windows[0].moments.runs), (13, 25));
        }
    }

    #[test]
    fn spreads_around_other_runs_are_kept_apart() {
        let (one, mut other) = (spread([13, 13], 2.0), spread([25, 1], 3.0));
        other.around = "another run".to_owned();
        let error = one.clone().joined(other.clone()).unwrap_err().to_string();
        insta::assert_snapshot!(error, @"the spread around `another run` has other steps, meters or windows than that around `run`, or another kind");
        (other.around, other.meters[0].windows[1].window.to) = ("run".to_owned(), 21);
        assert!(one.joined(other).is_err());
    }
}
