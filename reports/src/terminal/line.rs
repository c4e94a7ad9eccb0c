//! The lines that the terminal shows, with ANSI colours.

use crate::{Check, Counts, Environment, Gate, Tool, Verdict, number};
use owo_colors::{OwoColorize, Style};
use std::fmt::Write;

/// Findings and reasons stand below their check, so far in.
const INDENT: &str = "        ";

/// What runs, and on what.
pub(super) fn run(tool: &Tool, environment: &Environment) -> String {
    let Environment { libtorch, device, cpu, cpu_capability, threads, .. } = environment;
    let plural = if *threads == 1 { "" } else { "s" };
    format!("{}\nlibtorch {libtorch} on {device}; {cpu}, {cpu_capability}, {threads} thread{plural}\n", tool.bold())
}

/// A remark.
pub(super) fn note(text: &str) -> String {
    format!("{:>7} {}\n", "note".cyan(), text.replace('\n', "\n        "))
}

/// Mark, time, id, and how it went: one line. The columns before the id have a fixed width, so ids line up.
pub(super) fn check(check: &Check, id_width: usize) -> String {
    let (mark, style) = match check.verdict {
        Verdict::Pass => ("PASS", Style::new().green().bold()),
        Verdict::Fail { .. } => ("FAIL", Style::new().red().bold()),
        Verdict::Skipped { .. } => ("SKIP", Style::new().yellow()),
        Verdict::Vacuous { .. } => ("VACUOUS", Style::new().magenta().bold()),
    };
    let time = number::duration(check.seconds);
    let mark = format!("{mark:>7}");
    format!("{} [{time:>10}] {:<id_width$}  {}\n", mark.style(style), check.id, one_line(check.line()))
}

/// Below a failed check: why it failed, the first divergence, and what to do. Nothing below any other.
pub(super) fn details(check: &Check) -> String {
    let mut text = String::new();
    let Verdict::Fail { reason } = &check.verdict else { return text };
    if reason != check.line() {
        block(&mut text, reason);
    }
    if let Some(first) = check.findings.first() {
        block(&mut text, &format!("{}: {}", first.subject.bold(), first.text));
        if let Some(hint) = &first.hint {
            block(&mut text, &format!("{} {hint}", "hint:".cyan()));
        }
    }
    match check.findings.len() {
        0 | 1 => {}
        2 => block(&mut text, "and 1 more finding in the report"),
        many => block(&mut text, &format!("and {} more findings in the report", many - 1)),
    }
    text
}

/// The last line, and below it why the gate is shut where no failed check says so.
pub(super) fn count(counts: &Counts, gate: Gate, seconds: f64) -> String {
    let style = match gate {
        Gate::Pass => Style::new().green().bold(),
        Gate::Fail => Style::new().red().bold(),
    };
    let mut text = format!("{} {}\n", format!("{gate:>7}").style(style), counts.in_time(seconds));
    if let Some(reason) = counts.why_shut(gate) {
        block(&mut text, reason);
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
