//! One meter: a series of values, smoothed over a window (`SmoothedValue` of `dinov3/logging/helpers.py`).

use std::collections::VecDeque;

use tch::{Kind, Tensor};

use dinov3_ranks::{Group, GroupError};

const WINDOW: usize = 20;

/// The last twenty values, and the sum of all.
#[derive(Clone, Debug, Default)]
pub struct SmoothedValue {
    window: VecDeque<f64>,
    total: f64,
    count: u64,
}

/// The figures of a series. NaN where there is no value yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Of the window, in float32; the lower one of two in the middle. This is what a log shows.
    pub median: f64,
    /// Of the window, in float32.
    pub avg: f64,
    /// Over all values, in float64.
    pub global_avg: f64,
    /// Of the window.
    pub max: f64,
    /// The last one.
    pub value: f64,
    /// The sum of all values.
    pub total: f64,
}

impl Figures {
    /// In the order in which golden sets have them.
    pub fn to_array(self) -> [f64; 6] {
        let Self { median, avg, global_avg, max, value, total } = self;
        [median, avg, global_avg, max, value, total]
    }
}

impl SmoothedValue {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more value.
    pub fn update(&mut self, value: f64) {
        if self.window.len() == WINDOW {
            self.window.pop_front();
        }
        self.window.push_back(value);
        self.total += value;
        self.count += 1;
    }

    /// Total, count, and the window from its oldest value on: all that the meter remembers.
    pub(crate) fn to_values(&self) -> Vec<f64> {
        [self.total, self.count as f64].into_iter().chain(self.window.iter().copied()).collect()
    }

    /// The meter that remembers these; `None` if they are not what a meter gives.
    pub(crate) fn from_values(values: &[f64]) -> Option<Self> {
        let [total, count, window @ ..] = values else { return None };
        let whole = *count >= window.len() as f64 && count.fract() == 0.0;
        let window = window.iter().copied().collect();
        let meter = Self { window, total: *total, count: *count as u64 };
        (meter.window.len() <= WINDOW && whole).then_some(meter)
    }

    /// `synchronize_between_processes`: count and total become those of all ranks; the window stays.
    ///
    /// # Errors
    /// When a rank is gone.
    pub fn synchronize(&mut self, group: &dyn Group) -> Result<(), GroupError> {
        let mut sums = Tensor::from_slice(&[self.count as f64, self.total]);
        group.all_reduce_(&mut sums)?;
        self.count = sums.double_value(&[0]) as u64;
        self.total = sums.double_value(&[1]);
        Ok(())
    }

    /// The figures now.
    pub fn figures(&self) -> Figures {
        if self.window.is_empty() {
            let nan = f64::NAN;
            return Figures { median: nan, avg: nan, global_avg: nan, max: nan, value: nan, total: self.total };
        }
        let window: Vec<f32> = self.window.iter().map(|value| *value as f32).collect();
        let window = Tensor::from_slice(&window);
        Figures {
            median: window.median().double_value(&[]),
            avg: window.mean(None::<Kind>).double_value(&[]),
            global_avg: self.total / self.count as f64,
            max: self.window.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            value: self.window.back().copied().unwrap_or(f64::NAN),
            total: self.total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dinov3_ranks::Alone;

    #[test]
    fn the_window_forgets_and_the_total_does_not() {
        let mut series = SmoothedValue::new();
        (0..30).for_each(|i| series.update(f64::from(i)));
        series.synchronize(&Alone).unwrap();
        let figures = series.figures();
        assert_eq!(figures.to_array(), [19.0, 19.5, 14.5, 29.0, 29.0, 435.0]);
    }
}
