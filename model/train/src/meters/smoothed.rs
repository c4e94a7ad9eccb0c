//! One meter: a series of values, smoothed over a window (`SmoothedValue` of `dinov3/logging/helpers.py`).

use std::collections::VecDeque;

use tch::{Kind, Tensor};

use dinov3_ranks::{Group, GroupError};

const WINDOW: usize = 20;

/// The dtype of the median of a window: torch makes float32 of Python's floats, and float64 of NumPy's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Of {
    /// Python's floats: all that a step computes.
    #[default]
    Python,
    /// NumPy's float64: the schedules.
    NumPy,
}

/// The last twenty values, and the sum of all.
#[derive(Clone, Debug, Default)]
pub struct SmoothedValue {
    of: Of,
    window: VecDeque<f64>,
    total: f64,
    count: u64,
}

/// The figures of a series. NaN where there is no value yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Of the window, in float32, or in float64 for NumPy's values; the lower one of two in the middle. This is what a log shows.
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

    /// Nothing yet, of such values.
    pub fn new_of(of: Of) -> Self {
        Self { of, ..Self::default() }
    }

    /// What its values are.
    pub fn of(&self) -> Of {
        self.of
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
    pub(crate) fn from_values(of: Of, values: &[f64]) -> Option<Self> {
        let [total, count, window @ ..] = values else { return None };
        let whole = *count >= window.len() as f64 && count.fract() == 0.0;
        let window = window.iter().copied().collect();
        let meter = Self { of, window, total: *total, count: *count as u64 };
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
        let doubles: Vec<f64> = self.window.iter().copied().collect();
        let doubles = Tensor::from_slice(&doubles);
        let window = doubles.to_kind(Kind::Float);
        let of_median = if self.of == Of::NumPy { &doubles } else { &window };
        Figures {
            median: of_median.median().double_value(&[]),
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

    /// `torch.tensor([numpy.float64(4e-05)]).median()` is 4e-05, and of a Python float it is 3.9999998989515007e-05.
    #[test]
    fn a_median_of_numpy_s_values_is_in_float64() {
        let median = |of| {
            let mut series = SmoothedValue::new_of(of);
            [3e-5, 5e-5, 4e-5].into_iter().for_each(|value| series.update(value));
            series.figures().median
        };
        assert_eq!([median(Of::Python), median(Of::NumPy)], [3.999_999_898_951_500_7e-5, 4e-5]);
    }

    #[test]
    fn the_window_forgets_and_the_total_does_not() {
        let mut series = SmoothedValue::new();
        (0..30).for_each(|i| series.update(f64::from(i)));
        series.synchronize(&Alone).unwrap();
        let figures = series.figures();
        assert_eq!(figures.to_array(), [19.0, 19.5, 14.5, 29.0, 29.0, 435.0]);
    }
}
