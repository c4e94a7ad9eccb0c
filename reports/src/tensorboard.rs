//! The figures of a run as an event file of TensorBoard: a scalar for each figure of a check, and the curves of plots whose horizontal axis
//! counts steps.

use crate::{Lang, Place, Plot, RenderError, Rendered, Renderer, RunReport};
use dinov3_ground::scalars;
use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

/// The format `tensorboard`.
#[derive(Clone, Copy, Debug)]
pub struct TensorBoard;

impl Renderer for TensorBoard {
    fn name(&self) -> &'static str {
        "tensorboard"
    }

    // TensorBoard opens the files of a folder that have this word in their names.
    fn ending(&self) -> &'static str {
        ".tfevents"
    }

    fn about(&self) -> &'static str {
        "For TensorBoard: a scalar a figure of each check, and curves over steps"
    }

    fn has_findings(&self) -> bool {
        false
    }

    fn render(&self, report: &RunReport, _: Lang, _: &Place) -> Result<Rendered, RenderError> {
        Ok(events(report).into())
    }
}

/// The event file. Its wall time is the beginning of the run, so that the same report gives the same bytes.
pub fn events(report: &RunReport) -> Vec<u8> {
    let started = report.environment.started.as_deref().and_then(|when| humantime::parse_rfc3339_weak(when).ok());
    let time = started.and_then(|when| when.duration_since(UNIX_EPOCH).ok()).map_or(0.0, |since| since.as_secs_f64());
    let mut steps: BTreeMap<u64, Vec<(String, f64)>> = BTreeMap::new();
    for check in report.checks() {
        let tag = |key: &str| format!("{}/{key}", check.id);
        steps.entry(0).or_default().extend(check.figures.iter().map(|it| (tag(&it.key), it.value)));
    }
    for plot in report.suites.iter().flat_map(|suite| &suite.sections).filter_map(|section| section.plot.as_ref()) {
        for (step, tag, value) in curves(plot) {
            steps.entry(step).or_default().push((tag, value));
        }
    }
    let mut file = scalars::version(time);
    for (step, values) in &steps {
        file.extend(scalars::scalars(time, *step, values.iter().map(|(tag, value)| (tag.as_str(), *value))));
    }
    file
}

/// The points of a plot over steps; none of one over names.
fn curves(plot: &Plot) -> Vec<(u64, String, f64)> {
    // Larger numbers are not all whole.
    let whole = |x: f64| (x >= 0.0 && x.fract() == 0.0 && x < 2.0_f64.powi(53)).then_some(x as u64);
    let lines = plot.series.iter().filter(|_| plot.x_ticks.is_empty());
    let points = lines.flat_map(|line| line.points.iter().map(move |(x, y)| (line, x.0, y.0)));
    points
        .filter_map(|(line, x, y)| Some((whole(x)?, format!("{}/{}", plot.file_stem, line.name.plain(Lang::En)), y)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, Series, fixture};

    fn holds(file: &[u8], word: &str) -> usize {
        file.windows(word.len()).filter(|bytes| *bytes == word.as_bytes()).count()
    }

    #[test]
    fn figures_and_curves_over_steps_are_scalars() {
        let mut report = fixture::report();
        let figures: usize = report.checks().map(|check| check.figures.len()).sum();
        let ids: Vec<String> = report.checks().map(|check| check.id.clone()).collect();
        let file = events(&report);
        assert!(figures > 0 && ids.iter().any(|id| holds(&file, id) > 0));
        // A plot over the names of tensors has no steps.
        assert_eq!(holds(&file, "error-growth"), 0);
        let section = report.suites.iter_mut().flat_map(|it| &mut it.sections).find(|it| it.plot.is_some()).unwrap();
        let plot = section.plot.as_mut().unwrap();
        plot.x_ticks.clear();
        plot.series = vec![Series::new(Message::name("loss"), [(0.0, 9.0), (10.0, 8.0), (10.5, 7.0)])];
        let with = events(&report);
        assert_eq!(holds(&with, "/loss"), 2, "a point between two steps is left out");
        assert_eq!(with, events(&report));
    }

    #[test]
    fn the_wall_time_is_the_beginning_of_the_run() {
        let report = fixture::report();
        let seconds = 1_795_444_680.0_f64;
        assert!(events(&report).starts_with(&scalars::version(seconds)), "2026-11-23T14:38:00Z");
    }
}
