//! The errors of a check's tensors in the order in which they are computed: where the first divergence is, and what follows from it.

use crate::message::{Outcome, Page, Pen, Say};
use crate::svg::{Line, Picture, Rule, Stroke};
use crate::{Check, Lang, Tensor};

/// The tensors of one check, by their place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth<'a> {
    check: &'a Check,
    /// The place of the first tensor that is wrong.
    pub(crate) first: usize,
}

/// The first tensor that is wrong: the one that the first finding is about, or else the first that fails.
pub(crate) fn first_wrong(check: &Check) -> Option<usize> {
    let told = check.findings.first().and_then(|finding| finding.subject.as_name());
    let place = |name: &str| check.tensors.iter().position(|tensor| tensor.name == name && tensor.outcome.fails());
    told.and_then(place).or_else(|| check.tensors.iter().position(|tensor| tensor.outcome.fails()))
}

/// Every failing check with tensors, in the order of the report: each has a plot of its own.
pub(crate) fn of_failing<'a>(checks: impl Iterator<Item = &'a Check>) -> Vec<Growth<'a>> {
    checks.filter_map(|check| Some(Growth { check, first: first_wrong(check)? })).collect()
}

/// The figure that a tensor is drawn at; none where its bits are the reference's.
fn height(tensor: &Tensor) -> Option<f64> {
    match (tensor.outcome, tensor.ratio_to_limit) {
        (Outcome::Identical | Outcome::NotJudged, _) => None,
        (_, Some(ratio)) if ratio.0.is_finite() => Some(ratio.0),
        (outcome, _) => outcome.fails().then_some(f64::INFINITY),
    }
}

/// As which line a tensor is drawn.
fn kind(outcome: Outcome) -> Page {
    match outcome {
        Outcome::NotIdentical => Page::OtherBits,
        outcome if outcome.fails() => Page::WrongTensors,
        _ => Page::Judged,
    }
}

impl<'a> Growth<'a> {
    /// The check.
    pub(crate) fn check(&self) -> &'a Check {
        self.check
    }

    /// The name of the file of its picture, without the ending.
    pub(crate) fn file_stem(&self) -> String {
        format!("errors-{}", self.check.id)
    }

    /// The title.
    pub(crate) fn title(&self, lang: Lang, pen: Pen) -> String {
        format!("{}{}{}", pen.name(&self.check.id), lang.colon(), Page::Growth.say(lang, pen))
    }

    /// The plot, in one language.
    pub(crate) fn picture(&self, lang: Lang) -> Picture {
        let say = |page: Page| page.say(lang, Pen::Plain);
        let tensors = || self.check.tensors.iter().enumerate();
        let place = |at: usize| at as f64;
        let identical = tensors().filter(|(_, it)| it.outcome == Outcome::Identical).map(|(at, _)| (place(at), 0.0));
        let drawn = |page: Page| {
            let of = move |(_, it): &(usize, &Tensor)| kind(it.outcome) == page;
            tensors().filter(of).filter_map(move |(at, it)| Some((place(at), height(it)?)))
        };
        let line = |name: Page, stroke: Stroke, points: Vec<(f64, f64)>| Line { name: say(name), points, stroke };
        let lines = vec![
            line(Page::Judged, Stroke::Dots, drawn(Page::Judged).collect()),
            line(Page::OtherBits, Stroke::Dots, drawn(Page::OtherBits).collect()),
            line(Page::WrongTensors, Stroke::Wrong, drawn(Page::WrongTensors).collect()),
            line(Page::Identical, Stroke::Ticks, identical.collect()),
        ];
        let name = self.check.tensors.get(self.first).map_or("", |tensor| tensor.name.as_str());
        Picture {
            lang,
            title: self.title(lang, Pen::Plain),
            x_label: say(Page::Order),
            y_label: say(Page::OverLimit),
            log_y: true,
            x_ticks: self.check.tensors.iter().map(|tensor| tensor.name.clone()).collect(),
            lines: lines.into_iter().filter(|line| !line.points.is_empty()).collect(),
            band: None,
            rules: vec![Rule::across(say(Page::Limit), 1.0), Rule::upright(name.to_owned(), place(self.first))],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_first_divergence_and_the_limit_are_marked() {
        let report = fixture::report();
        let growths = of_failing(report.checks());
        assert_eq!(growths.len(), 1);
        let picture = growths[0].picture(Lang::En);
        assert_eq!(picture.rules[0], Rule::across("limit".to_owned(), 1.0));
        assert_eq!(picture.rules[1], Rule::upright("student.backbone.blocks.3.attn.qkv".to_owned(), 2.0));
        let wrong = picture.lines.iter().find(|line| line.stroke == Stroke::Wrong).unwrap();
        assert_eq!(wrong.points.iter().map(|point| point.0).collect::<Vec<_>>(), [2.0, 3.0, 4.0]);
        assert!(wrong.points[2].1.is_infinite(), "a tensor with NaN is beyond every limit");
    }

    #[test]
    fn a_check_that_passes_has_no_divergence() {
        let report = fixture::report();
        assert_eq!(first_wrong(&report.suites[0].checks[0]), None);
    }
}
