//! What all the checks together amount to.

use crate::message::{Count, Label, Pen, Say};
use crate::{Check, Lang, RunReport, SuiteResult, Verdict, exit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whether a run counts as passed. It does if it came to its end, no check failed, no check was vacuous without being allowed by
/// name, and at least one passed: a run in which nothing passed has proved nothing, and must not turn a CI job green.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// The run counts as passed.
    Pass,
    /// It does not.
    Fail,
}

impl Gate {
    /// The process exit code: [`exit::PASS`] or [`exit::CHECK_FAILED`].
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Pass => exit::PASS,
            Self::Fail => exit::CHECK_FAILED,
        }
    }
}

/// The exit code of a run with these checks. A check that fails says that this is not the reference; one that could not be made says that the
/// input is at fault.
pub(crate) fn exit_code<'a>(checks: impl Iterator<Item = &'a Check>, gate: Gate, allow_vacuous: &[String]) -> i32 {
    let (mut errors, mut failures) = (false, false);
    for check in checks {
        match check.verdict {
            Verdict::Error { .. } => errors = true,
            _ => failures |= check.fails(allow_vacuous),
        }
    }
    if errors && !failures { exit::USAGE } else { gate.exit_code() }
}

impl Gate {
    /// What a run amounts to that ended with these checks.
    pub(crate) fn of<'a>(checks: impl Iterator<Item = &'a Check>, allow_vacuous: &[String]) -> Self {
        let (mut passed, mut failed) = (0, 0);
        for check in checks {
            passed += usize::from(check.verdict == Verdict::Pass);
            failed += usize::from(check.fails(allow_vacuous));
        }
        if passed > 0 && failed == 0 { Self::Pass } else { Self::Fail }
    }

    /// In words.
    pub(crate) fn label(self) -> Label {
        match self {
            Self::Pass => Label::RunPass,
            Self::Fail => Label::RunFail,
        }
    }
}

/// How many checks reached each verdict. Shown as `12 passed, 1 failed, 1 skipped, 1 vacuous`, zeros left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Checks that hold.
    pub passed: usize,
    /// Checks that do not hold.
    pub failed: usize,
    /// Checks that were not made.
    pub skipped: usize,
    /// Checks that could not have failed, allowed or not.
    pub vacuous: usize,
    /// Checks that could not be made, since what they were given is damaged or foreign.
    pub errors: usize,
}

impl Counts {
    /// Counts one more verdict.
    pub fn add(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Pass => self.passed += 1,
            Verdict::Fail { .. } => self.failed += 1,
            Verdict::Skipped { .. } => self.skipped += 1,
            Verdict::Vacuous { .. } => self.vacuous += 1,
            Verdict::Error { .. } => self.errors += 1,
        }
    }

    /// Checks of any verdict.
    pub fn total(&self) -> usize {
        self.passed + self.failed + self.skipped + self.vacuous + self.errors
    }

    /// Why a run that came to its end and has these verdicts counts as failed, where no failed check says so itself.
    pub(crate) fn why_shut(&self) -> Option<Label> {
        match (self.failed + self.errors, self.passed) {
            (0, 0) => Some(Label::NothingPassed),
            (0, _) => Some(Label::VacuousCounts),
            _ => None,
        }
    }

    /// `12 passed, 1 failed in 23.4 s`.
    pub(crate) fn in_time(&self, seconds: f64, lang: Lang) -> String {
        Count::InTime(*self, seconds).say(lang, Pen::Plain)
    }
}

/// In English, zeros left out.
impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.en(Pen::Plain))
    }
}

impl<'a> FromIterator<&'a Check> for Counts {
    fn from_iter<I: IntoIterator<Item = &'a Check>>(checks: I) -> Self {
        let mut counts = Self::default();
        checks.into_iter().for_each(|check| counts.add(&check.verdict));
        counts
    }
}

impl SuiteResult {
    /// The verdicts of this suite.
    pub fn counts(&self) -> Counts {
        self.checks.iter().collect()
    }
}

impl RunReport {
    /// All checks of all suites, in the order in which they ran.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.suites.iter().flat_map(|suite| &suite.checks)
    }

    /// The verdicts of all suites.
    pub fn counts(&self) -> Counts {
        self.checks().collect()
    }

    /// Whether the run counts as passed: see [`Gate`].
    pub fn gate(&self) -> Gate {
        if self.complete { Gate::of(self.checks(), &self.allow_vacuous) } else { Gate::Fail }
    }

    /// Why the gate is shut, where no failed check says so itself.
    pub(crate) fn why_shut(&self) -> Option<Label> {
        let counts = self.counts();
        match self.gate() {
            Gate::Pass => None,
            Gate::Fail if !self.complete => Some(Label::CutShort),
            Gate::Fail => counts.why_shut(),
        }
    }

    /// The exit code of the run: [`exit::USAGE`] if its input was at fault and nothing else, else that of the gate.
    pub fn exit_code(&self) -> i32 {
        exit_code(self.checks(), self.gate(), &self.allow_vacuous)
    }

    /// Whether this check alone makes the run fail: it failed, or it is vacuous and [`RunReport::allow_vacuous`] does not
    /// name its id.
    pub fn gates_as_failure(&self, check: &Check) -> bool {
        check.fails(&self.allow_vacuous)
    }
}

impl Check {
    /// Whether it alone makes a run fail in which the checks of these ids may be vacuous.
    fn fails(&self, allow_vacuous: &[String]) -> bool {
        match self.verdict {
            Verdict::Pass | Verdict::Skipped { .. } => false,
            Verdict::Fail { .. } | Verdict::Error { .. } => true,
            Verdict::Vacuous { .. } => !allow_vacuous.contains(&self.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, fixture};

    fn verdict(name: &str) -> Verdict {
        let reason = Message::name("");
        match name {
            "pass" => Verdict::Pass,
            "fail" => Verdict::Fail { reason },
            "skipped" => Verdict::Skipped { reason },
            "error" => Verdict::Error { reason },
            _ => Verdict::Vacuous { reason },
        }
    }

    /// A run of checks `0`, `1`, … with these verdicts.
    fn run(verdicts: &[&str], allow: &[&str]) -> RunReport {
        let mut report = fixture::report();
        report.allow_vacuous = allow.iter().map(|&id| id.to_owned()).collect();
        report.suites.truncate(1);
        report.suites[0].checks = verdicts
            .iter()
            .enumerate()
            .map(|(id, name)| Check::new(id.to_string(), Message::name(""), verdict(name)))
            .collect();
        report
    }

    #[test]
    fn what_passes_and_what_does_not() {
        let cases: [(&[&str], &[&str], Gate); 13] = [
            (&["pass"], &[], Gate::Pass),
            (&["pass", "skipped"], &[], Gate::Pass),
            (&["pass", "fail"], &[], Gate::Fail),
            (&["fail", "pass"], &["0"], Gate::Fail),
            (&["pass", "error"], &["1"], Gate::Fail),
            (&["error"], &[], Gate::Fail),
            (&["pass", "vacuous"], &[], Gate::Fail),
            (&["pass", "vacuous"], &["1"], Gate::Pass),
            (&["pass", "vacuous", "vacuous"], &["1"], Gate::Fail),
            (&["pass", "vacuous"], &["vacuous", "", "11"], Gate::Fail),
            (&["vacuous"], &["0"], Gate::Fail),
            (&["skipped"], &[], Gate::Fail),
            (&[], &[], Gate::Fail),
        ];
        for (verdicts, allow, gate) in cases {
            assert_eq!(run(verdicts, allow).gate(), gate, "{verdicts:?} allowing {allow:?}");
        }
    }

    #[test]
    fn every_suite_counts() {
        let mut report = run(&["pass"], &[]);
        let mut second = report.suites[0].clone();
        second.checks[0].verdict = verdict("fail");
        report.suites.push(second);
        assert_eq!(report.counts(), Counts { passed: 1, failed: 1, ..Counts::default() });
        assert_eq!(report.gate(), Gate::Fail);
    }

    #[test]
    fn a_run_that_was_cut_short_does_not_pass() {
        let mut report = run(&["pass"], &[]);
        report.complete = false;
        assert_eq!((report.gate(), report.why_shut()), (Gate::Fail, Some(Label::CutShort)));
    }

    #[test]
    fn exit_codes_follow_the_gate() {
        assert_eq!(Gate::Pass.exit_code(), exit::PASS);
        assert_eq!(Gate::Fail.exit_code(), exit::CHECK_FAILED);
        let code = |verdicts: &[&str]| run(verdicts, &[]).exit_code();
        let codes = [code(&["pass"]), code(&["pass", "error"]), code(&["fail", "error"]), code(&["error", "vacuous"])];
        assert_eq!(codes, [exit::PASS, exit::USAGE, exit::CHECK_FAILED, exit::CHECK_FAILED]);
    }

    #[test]
    fn counts_read_as_a_sentence() {
        let counts: Counts = Counts { passed: 12, failed: 1, skipped: 1, vacuous: 1, errors: 0 };
        assert_eq!(counts.in_time(23.4, Lang::En), "12 passed, 1 failed, 1 skipped, 1 vacuous in 23.4 s");
        assert_eq!(Counts { passed: 12, ..Counts::default() }.to_string(), "12 passed");
        assert_eq!(Counts { errors: 2, ..Counts::default() }.to_string(), "0 passed, 2 errors");
        assert_eq!(Counts::default().to_string(), "0 passed");
        assert_eq!(counts.total(), 15);
    }
}
