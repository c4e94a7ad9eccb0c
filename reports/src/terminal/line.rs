//! The lines that the terminal shows, with ANSI colours.

use crate::message::{Count, Label, Pen, Say};
use crate::width::{left, right};
use crate::{Check, Counts, Environment, Gate, Judged, Lang, Message, Subject, Tool, Verdict, doctor, number};
use owo_colors::{OwoColorize, Style};
use std::fmt::Write;

/// Findings and reasons stand below their check, so far in.
const INDENT: &str = "        ";
/// Columns that a mark takes.
const MARK: usize = 7;

/// How lines are to be written.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    pub lang: Lang,
    /// Whether a report will have what is not shown here.
    pub reported: bool,
}

impl Manner {
    fn say(self, words: &dyn Say) -> String {
        words.say(self.lang, Pen::Plain)
    }
}

/// What runs, and on what.
pub(super) fn run(tool: &Tool, environment: &Environment, manner: Manner) -> String {
    let Environment { libtorch, judged, cpu, cpu_capability: capability, threads, .. } = environment;
    let (elsewhere, judged, threads) = (matches!(judged, Judged::Candidate { .. }), manner.say(judged), *threads);
    let on = match elsewhere {
        true => Count::JudgedBy { libtorch, judged, cpu, capability, threads },
        false => Count::LibtorchOn { libtorch, judged, cpu, capability, threads },
    };
    // A run that lacks nothing needs no line; advice is for the report.
    let bad = environment.doctor.iter().filter(|line| line.state().is_bad());
    format!("{}\n{}\n{}", tool.bold(), manner.say(&on), doctor::text(bad, manner.lang))
}

/// How many checks a suite has. What they prove is in the report, and the command `suites` says it.
pub(super) fn suite(name: &str, planned: usize, manner: Manner) -> String {
    let between = manner.lang.of(", ", "，");
    let checks = match planned {
        0 => String::new(),
        count => format!("{between}{}", manner.say(&Count::Checks(count))),
    };
    format!("\n{}{checks}\n", name.bold())
}

/// A remark.
pub(super) fn note(text: &Message, manner: Manner) -> String {
    let mark = right(&manner.say(&Label::Note), MARK);
    format!("{} {}\n", mark.cyan(), manner.say(text).replace('\n', "\n        "))
}

/// Whose tensors the next checks judge.
pub(super) fn who(subject: &Subject, manner: Manner) -> String {
    let mut text = String::new();
    block(&mut text, &manner.say(&Count::Who(manner.say(subject))));
    text
}

/// Checks that were not made, or proved nothing, all for the same reason.
pub(super) fn alike(checks: &[Check], manner: Manner) -> String {
    let (mark, style) = match checks[0].verdict {
        Verdict::Vacuous { .. } => (Label::Vacuous, Style::new().magenta().bold()),
        _ => (Label::Skip, Style::new().yellow()),
    };
    let mark = right(&manner.say(&mark), MARK);
    let reason = checks[0].line().map_or_else(String::new, |line| one_line(&manner.say(line)));
    let names = checks.iter().map(|check| check.id.as_str()).collect::<Vec<_>>().join(manner.lang.of(", ", "、"));
    let text = format!(
        "{}{}{reason}",
        manner.say(&Count::SkippedAlike { checks: checks.len(), names }),
        manner.lang.of("; ", "；")
    );
    format!("{} {text}\n", mark.style(style))
}

/// Mark, time, id, and how it went: one line. The columns before the id have a fixed width, so ids line up.
pub(super) fn check(check: &Check, id_width: usize, manner: Manner) -> String {
    let (mark, style) = match check.verdict {
        Verdict::Pass => (Label::Pass, Style::new().green().bold()),
        Verdict::Fail { .. } => (Label::Fail, Style::new().red().bold()),
        Verdict::Skipped { .. } => (Label::Skip, Style::new().yellow()),
        Verdict::Vacuous { .. } => (Label::Vacuous, Style::new().magenta().bold()),
        Verdict::Error { .. } => (Label::Error, Style::new().red().bold()),
    };
    let mark = right(&manner.say(&mark), MARK);
    let time = right(&number::duration(check.seconds), 10);
    let line = check.line().map_or_else(String::new, |line| manner.say(line));
    let line = match check.verdict {
        // What else there is to say of an error, and what to do, stands below it.
        Verdict::Error { .. } => line.lines().next().unwrap_or_default().to_owned(),
        _ => one_line(&line),
    };
    format!("{} [{time}] {}  {line}\n", mark.style(style), left(&check.id, id_width))
}

/// Below a failed check: why it failed, the first divergence, and what to do. Below an error, the rest of it. Nothing below any other.
pub(super) fn details(check: &Check, manner: Manner) -> String {
    let mut text = String::new();
    if let Verdict::Error { reason } = &check.verdict {
        let whole = manner.say(reason);
        block(&mut text, whole.split_once('\n').map_or("", |(_, rest)| rest));
        return text;
    }
    let Verdict::Fail { reason } = &check.verdict else { return text };
    if Some(reason) != check.line() {
        block(&mut text, &manner.say(reason));
    }
    if let Some(first) = check.findings.first() {
        let (subject, what) = (manner.say(&first.subject), manner.say(&first.text));
        block(&mut text, &format!("{}{}{what}", subject.bold(), manner.lang.colon()));
        if let Some(hint) = &first.hint {
            let (label, space) = (manner.say(&Label::Hint), manner.lang.of(" ", ""));
            block(&mut text, &format!("{}{space}{}", label.cyan(), manner.say(hint)));
        }
    }
    match check.findings.len() {
        0 | 1 => {}
        many if manner.reported => block(&mut text, &manner.say(&Count::MoreFindings(many - 1))),
        many => block(&mut text, &manner.say(&Count::MoreInAReport(many - 1))),
    }
    text
}

/// The last line, and below it why the gate is shut where no failed check says so.
pub(super) fn count(counts: &Counts, gate: Gate, seconds: f64, manner: Manner) -> String {
    let style = match gate {
        Gate::Pass => Style::new().green().bold(),
        Gate::Fail => Style::new().red().bold(),
    };
    let mark = right(&manner.say(&gate.label()), MARK);
    let mut text = format!("{} {}\n", mark.style(style), counts.in_time(seconds, manner.lang));
    if let (Gate::Fail, Some(reason)) = (gate, counts.why_shut()) {
        block(&mut text, &manner.say(&reason));
    }
    text
}

/// Appends `text` indented, every line of it.
fn block(target: &mut String, text: &str) {
    for line in text.lines() {
        // Writing to a string cannot fail.
        let _ = writeln!(target, "{INDENT}{line}");
    }
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}
