//! One curve: a warm-up, a cosine, and a constant.

use std::f64::consts::PI;

use dinov3_config::Decay;

use super::{MOST, ScheduleError};

/// A value for every iteration, and one for all later iterations.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    values: Vec<f64>,
    beyond: f64,
}

impl Curve {
    /// The value at `iteration`.
    pub fn at(&self, iteration: usize) -> f64 {
        self.values.get(iteration).copied().unwrap_or(self.beyond)
    }

    /// The values at the iterations 0 to `total`.
    pub fn over(&self, total: usize) -> Vec<f64> {
        (0..total).map(|iteration| self.at(iteration)).collect()
    }

    /// Sets the first iterations to zero.
    pub(super) fn frozen(&self, iterations: usize) -> Self {
        let mut frozen = self.clone();
        frozen.values.iter_mut().take(iterations).for_each(|value| *value = 0.0);
        frozen
    }
}

/// `CosineScheduler`.
#[derive(Clone, Copy, Debug, Default)]
pub struct CosineSchedule {
    /// The first value of the cosine.
    pub base: f64,
    /// The last value of the cosine, and the value after it.
    pub last: f64,
    /// The number of all iterations.
    pub total: usize,
    /// The number of iterations of the linear warm-up.
    pub warmup: usize,
    /// The first value of the warm-up.
    pub start: f64,
    /// `optim.schedule_trunc_extra`: the cosine is computed for more iterations by this share, cut, and stretched to its ends.
    pub trunc_extra: f64,
}

impl CosineSchedule {
    /// Computes the curve; `curve` is its name.
    ///
    /// # Errors
    /// If the warm-up is longer than the curve.
    pub fn draw(&self, curve: &'static str) -> Result<Curve, ScheduleError> {
        let Self { base, last, total, warmup, start, trunc_extra } = *self;
        let refused = ScheduleError { curve, warmup, cosine: 0, total };
        let steps = total.checked_sub(warmup).filter(|_| total <= MOST).ok_or(refused)?;
        let mut values = linspace(start, base, warmup, true);
        if trunc_extra == 0.0 {
            let half = 0.5 * (base - last);
            values.extend((0..steps).map(|i| last + half * (1.0 + (PI * i as f64 / steps as f64).cos())));
        } else {
            let drawn = ((1.0 + trunc_extra) * steps as f64) as usize;
            if drawn > MOST {
                return Err(ScheduleError { curve, warmup, cosine: drawn, total });
            }
            let cosine: Vec<f64> =
                linspace(0.0, PI, drawn, true).into_iter().take(steps).map(|x| (x.cos() + 1.0) / 2.0).collect();
            let end = cosine.last().copied().unwrap_or(0.0);
            values.extend(cosine.into_iter().map(|x| (x - end) / (1.0 - end) * (base - last) + last));
        }
        Ok(Curve { values, beyond: last })
    }
}

/// The curve of a version 2 schedule; `curve` is its name, an epoch has `epoch_length` iterations.
///
/// # Errors
/// If warm-up and cosine are longer than the curve.
pub fn linear_warmup_cosine_decay(
    curve: &'static str,
    decay: &Decay,
    epoch_length: usize,
    total: usize,
) -> Result<Curve, ScheduleError> {
    let Decay { start, peak, end, warmup_epochs, cosine_epochs } = *decay;
    let warmup = epoch_length.saturating_mul(warmup_epochs);
    let cosine = cosine_epochs.map_or(total.saturating_sub(warmup), |epochs| epoch_length.saturating_mul(epochs));
    let rest = total.checked_sub(cosine.saturating_add(warmup)).filter(|_| total <= MOST);
    let rest = rest.ok_or(ScheduleError { curve, warmup, cosine, total })?;
    let mut values = linspace(start, peak, warmup, false);
    values.extend(linspace(0.0, PI, cosine, true).into_iter().map(|x| (peak - end) * ((x.cos() + 1.0) / 2.0) + end));
    values.extend(std::iter::repeat_n(end, rest));
    Ok(Curve { values, beyond: end })
}

/// `numpy.linspace`, with its rounding.
fn linspace(start: f64, stop: f64, count: usize, endpoint: bool) -> Vec<f64> {
    let intervals = if endpoint { count.saturating_sub(1) } else { count } as f64;
    let delta = stop - start;
    let step = delta / intervals;
    let value = |i: usize| match i as f64 {
        i if intervals == 0.0 => i * delta + start,
        i if step == 0.0 => i / intervals * delta + start,
        i => i * step + start,
    };
    let mut values: Vec<f64> = (0..count).map(value).collect();
    if let Some(last) = values.last_mut().filter(|_| endpoint && count > 1) {
        *last = stop;
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linspace_is_numpys() {
        assert_eq!(linspace(0.0, 1.0, 4, false), [0.0, 0.25, 0.5, 0.75]);
        assert_eq!(linspace(0.0, 0.3, 4, true), [0.0, 0.09999999999999999, 0.19999999999999998, 0.3]);
        assert_eq!(linspace(2.0, 5.0, 1, true), [2.0]);
        assert_eq!(linspace(2.0, 5.0, 0, true), [0.0; 0]);
    }

    #[test]
    fn a_cosine_goes_from_base_to_last() {
        let curve = CosineSchedule { base: 1.0, last: 0.5, total: 8, warmup: 4, ..CosineSchedule::default() };
        let curve = curve.draw("test").unwrap();
        assert_eq!(curve.over(10)[..5], [0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0, 1.0]);
        assert_eq!(curve.at(9), 0.5, "beyond the end it stays");
        let cut = CosineSchedule { base: 1.0, last: 0.5, total: 8, trunc_extra: 0.25, ..CosineSchedule::default() };
        assert_eq!(cut.draw("test").unwrap().at(7), 0.5, "a cut cosine still reaches its end");
    }

    #[test]
    fn a_warm_up_longer_than_training_is_refused() {
        let curve = CosineSchedule { total: 3, warmup: 4, ..CosineSchedule::default() };
        assert_eq!(
            curve.draw("weight decay").unwrap_err().to_string(),
            "the weight decay schedule has 4 iterations of warm-up and 0 of cosine in 3 in all, of at most 134217728"
        );
        let decay = Decay { start: 0.0, peak: 1.0, end: 0.0, warmup_epochs: 2, cosine_epochs: Some(2) };
        assert!(linear_warmup_cosine_decay("momentum", &decay, 10, 30).is_err());
        // The same in every profile: nothing wraps, and nothing is drawn that memory does not hold.
        assert!(linear_warmup_cosine_decay("momentum", &decay, usize::MAX, usize::MAX).is_err());
        let long = Decay { warmup_epochs: 0, cosine_epochs: None, ..decay };
        assert!(linear_warmup_cosine_decay("momentum", &long, 1, usize::MAX).is_err());
        let curve = CosineSchedule { total: usize::MAX, ..CosineSchedule::default() };
        assert!(curve.draw("weight decay").is_err());
        let curve = CosineSchedule { total: 1250, trunc_extra: 2_147_483_647.0, ..CosineSchedule::default() };
        assert!(curve.draw("weight decay").is_err());
        let curve = linear_warmup_cosine_decay("momentum", &decay, 10, 45).unwrap();
        assert_eq!([0, 10, 20, 44].map(|it| curve.at(it)), [0.0, 0.5, 1.0, 0.0]);
    }
}
