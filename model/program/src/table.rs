//! The lines of figures: `MetricLogger` of `dinov3/logging/helpers.py`, its text and its JSON.

use dinov3_torch::device::Memory;
use dinov3_train::meters::Meters;
use dinov3_train::meters::SmoothedValue;

use crate::python::{fixed, json_float, timedelta};

/// So many iterations lie between two lines.
const EVERY: usize = 10;

/// The times of a run's iterations, and what its lines look like.
#[derive(Debug)]
pub struct Table {
    /// Iterations of the whole training.
    iterations: usize,
    iter_time: SmoothedValue,
    data_time: SmoothedValue,
}

impl Table {
    /// Of a training of so many iterations, without a time yet.
    pub fn new(iterations: usize) -> Self {
        Self { iterations, iter_time: SmoothedValue::new(), data_time: SmoothedValue::new() }
    }

    /// One more iteration: the seconds that it took, and those of them in which it waited for its batch.
    pub fn time(&mut self, took: f64, waited: f64) {
        self.data_time.update(waited);
        self.iter_time.update(took);
    }

    /// Whether iteration `it` has a line: every tenth, counted from the first of the whole training, and the last.
    pub fn has_line(&self, it: usize) -> bool {
        it.is_multiple_of(EVERY) || it + 1 == self.iterations
    }

    /// Seconds from iteration `it` on, which counts as one that is still to come.
    pub fn left(&self, it: usize) -> f64 {
        self.iter_time.figures().global_avg * (self.iterations - it) as f64
    }

    /// The mean seconds of the last iterations: all of it, and the wait for the batch.
    pub fn means(&self) -> (f64, f64) {
        (self.iter_time.figures().avg, self.data_time.figures().avg)
    }

    /// `Training  [  40/1250]  eta: 0:20:10  lr: 0.0000 (0.0000)  …  time: 1.000000  data: 0.000100`.
    pub fn text(&self, it: usize, meters: &Meters, memory: Option<Memory>) -> String {
        let width = self.iterations.to_string().len();
        let (time, data) = self.means();
        let mut fields = vec![
            "Training".to_owned(),
            format!("[{it:width$}/{}]", self.iterations),
            format!("eta: {}", timedelta(self.left(it))),
        ];
        fields.extend(
            meters.figures().map(|(name, figures)| {
                format!("{name}: {} ({})", fixed(figures.median, 4), fixed(figures.global_avg, 4))
            }),
        );
        fields.extend([format!("time: {}", fixed(time, 6)), format!("data: {}", fixed(data, 6))]);
        if let Some(Memory { allocated, most }) = memory {
            let mib = |bytes: u64| fixed(bytes as f64 / (1024.0 * 1024.0), 0);
            fields.extend([format!("mem: {}", mib(allocated)), format!("(max mem: {})", mib(most))]);
        }
        fields.join("  ")
    }

    /// The mean times of the last iterations, and the median of each meter, under their names.
    pub fn scalars<'a>(&self, meters: &'a Meters) -> impl Iterator<Item = (&'a str, f64)> {
        let (time, data) = self.means();
        let medians = meters.figures().map(|(name, figures)| (name, figures.median));
        [("iter_time", time), ("data_time", data)].into_iter().chain(medians)
    }

    /// A line of `training_metrics.json`: iteration, and the scalars.
    pub fn json(&self, it: usize, meters: &Meters) -> String {
        // The names of meters hold nothing that JSON escapes.
        let scalars = self.scalars(meters).map(|(name, value)| format!("\"{name}\": {}", json_float(value)));
        let fields: Vec<String> = std::iter::once(format!("\"iteration\": {it}")).chain(scalars).collect();
        format!("{{{}}}\n", fields.join(", "))
    }

    /// The last line, of a run that took so many seconds: they are divided by all iterations, also where only some of them were taken.
    pub fn total(&self, seconds: f64) -> String {
        let each = if self.iterations == 0 { 0.0 } else { seconds / self.iterations as f64 };
        format!("Training Total time: {} ({} s / it)", timedelta(seconds), fixed(each, 6))
    }
}

#[cfg(test)]
mod tests {
    use dinov3_train::meters::Of;

    use super::*;

    /// The reference's `MetricLogger`, fed with the same numbers, wrote these two lines.
    #[test]
    fn lines_are_the_reference_s() {
        let (mut table, mut meters) = (Table::new(125), Meters::new());
        for i in 0..25 {
            table.time(0.5 + f64::from(i) / 64.0, 0.125);
            meters.update_of(Of::NumPy, "lr", 4e-5);
            meters.update("total_loss", if i == 24 { f64::NAN } else { 10.25 });
            meters.update("koleo_loss", f64::from(-0.1_f32));
        }
        assert_eq!(
            table.text(24, &meters, None),
            "Training  [ 24/125]  eta: 0:01:09  lr: 0.0000 (0.0000)  total_loss: nan (nan)  koleo_loss: -0.1000 (-0.1000)  \
             time: 0.726562  data: 0.125000"
        );
        assert_eq!(
            table.json(24, &meters),
            "{\"iteration\": 24, \"iter_time\": 0.7265625, \"data_time\": 0.125, \"lr\": 4e-05, \"total_loss\": NaN, \
             \"koleo_loss\": -0.10000000149011612}\n"
        );
        let memory = Memory { allocated: 117_738 << 20, most: (213_105 << 20) + (1 << 19) };
        assert!(table.text(24, &meters, Some(memory)).ends_with("data: 0.125000  mem: 117738  (max mem: 213106)"));
    }

    #[test]
    fn every_tenth_iteration_and_the_last_have_a_line() {
        let table = Table::new(25);
        let lines: Vec<usize> = (0..25).filter(|it| table.has_line(*it)).collect();
        assert_eq!(lines, [0, 10, 20, 24]);
        assert_eq!(table.total(26.4), "Training Total time: 0:00:26 (1.056000 s / it)");
        assert_eq!(Table::new(0).total(0.2), "Training Total time: 0:00:00 (0.000000 s / it)");
    }
}
