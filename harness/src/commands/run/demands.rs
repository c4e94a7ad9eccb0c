//! `--require`: a check that was not made fails.

use std::io;

use dinov3_reports::message::Coverage;
use dinov3_reports::{Check, Event, RUN, Reporter, SuiteResult, Verdict};
use dinov3_suites::Pattern;

/// The pattern that stands for every check.
const ALL: &str = "all";

/// Fails what was demanded and skipped, before the others hear of it; and keeps to the checks that were chosen.
pub struct Demanding<'a, R> {
    /// Who hears of it.
    pub inner: R,
    /// What must be made.
    pub required: &'a [Pattern],
    /// What is made at all; everything if there is none.
    pub chosen: &'a [Pattern],
}

/// Whether a demand is about the check.
fn is_about(pattern: &Pattern, id: &str) -> bool {
    pattern.as_str() == ALL || pattern.matches(id)
}

impl<R: Reporter> Demanding<'_, R> {
    fn takes(&self, id: &str) -> bool {
        self.chosen.is_empty() || self.chosen.iter().any(|pattern| pattern.matches(id))
    }
}

impl<R: Reporter> Reporter for Demanding<'_, R> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::SuiteStarted { suite, group, proves, planned } => {
                let planned = planned.iter().filter(|id| self.takes(id)).cloned().collect();
                let (suite, group, proves) = (suite.clone(), group.clone(), proves.clone());
                self.inner.event(&Event::SuiteStarted { suite, group, proves, planned })
            }
            Event::CheckStarted { id, .. } if !self.takes(id) => Ok(()),
            Event::CheckFinished { check }
                if !self.takes(&check.id) && !matches!(check.verdict, Verdict::Error { .. }) =>
            {
                Ok(())
            }
            Event::CheckFinished { check } => match &check.verdict {
                Verdict::Skipped { reason } if self.required.iter().any(|pattern| is_about(pattern, &check.id)) => {
                    let reason = Coverage::Required { why: Box::new(reason.clone()) }.into();
                    let check = Check { verdict: Verdict::Fail { reason }, ..check.clone() };
                    self.inner.event(&Event::CheckFinished { check })
                }
                _ => self.inner.event(event),
            },
            _ => self.inner.event(event),
        }
    }
}

/// A failing check for each demand that is about none of the checks that were made.
pub fn unmet(required: &[Pattern], suites: &[SuiteResult]) -> Vec<Check> {
    let about_one =
        |pattern: &Pattern| suites.iter().flat_map(|suite| &suite.checks).any(|check| is_about(pattern, &check.id));
    let check = |pattern: &Pattern| {
        let title = Coverage::Demand { pattern: pattern.to_string() };
        let verdict = Verdict::Fail { reason: Coverage::NothingOfThatName.into() };
        Check::new(format!("{RUN}/require/{pattern}"), title, verdict)
    };
    required.iter().filter(|pattern| !about_one(pattern)).map(check).collect()
}

#[cfg(test)]
mod tests {
    use dinov3_reports::{Collector, Gate, Message};

    use super::*;

    fn heard(required: &[&str], chosen: &[&str]) -> Vec<(String, &'static str)> {
        let patterns = |texts: &[&str]| texts.iter().copied().map(Pattern::new).collect::<Vec<_>>();
        let (required, chosen) = (patterns(required), patterns(chosen));
        let skipped = Verdict::Skipped { reason: Coverage::NoRecording.into() };
        let checks = [("layers/a/fp32", Verdict::Pass), ("layers/a/bf16", skipped)];
        let checks = checks.map(|(id, verdict)| Check::new(id, Message::name(id), verdict));
        let mut collector = Collector::default();
        let mut demanding = Demanding { inner: &mut collector, required: &required, chosen: &chosen };
        for event in super::super::heard::suite_of_the_run(checks.into()) {
            demanding.event(&event).unwrap();
        }
        let unmet = unmet(&required, collector.suites());
        for event in super::super::heard::suite_of_the_run(unmet) {
            collector.event(&event).unwrap();
        }
        let checks = collector.suites().iter().flat_map(|suite| suite.checks.clone());
        checks.map(|check| (check.id, check.verdict.name())).collect()
    }

    #[test]
    fn what_was_demanded_and_not_made_fails() {
        let said = |pairs: &[(&str, &'static str)]| -> Vec<(String, &'static str)> {
            pairs.iter().map(|(id, verdict)| ((*id).to_owned(), *verdict)).collect()
        };
        let [fp32, bf16] = ["layers/a/fp32", "layers/a/bf16"];
        assert_eq!(heard(&[], &[]), said(&[(fp32, "pass"), (bf16, "skipped")]));
        assert_eq!(heard(&["all"], &[]), said(&[(fp32, "pass"), (bf16, "fail")]));
        assert_eq!(heard(&["*/fp32"], &[]), said(&[(fp32, "pass"), (bf16, "skipped")]));
        assert_eq!(heard(&[], &["*/fp32"]), said(&[(fp32, "pass")]));
        let nowhere = ("run/require/layers/b/*", "fail");
        assert_eq!(heard(&["layers/b/*"], &[]), said(&[(fp32, "pass"), (bf16, "skipped"), nowhere]));
        assert_eq!(Gate::Fail.exit_code(), 1);
    }
}
