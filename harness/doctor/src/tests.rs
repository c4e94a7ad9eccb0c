//! Machines that are not here: a healthy Atlas 800T A2, and what becomes of the findings when one thing of it is broken.

mod broken;
mod place;

use dinov3_reports::{DoctorLine, Lang, State, doctor};

use crate::{Family, Machine, examine};
use place::Place;

/// The lines as a terminal without colours shows them, with the fixture's folder as `ROOT`.
fn shown(place: &Place, lines: &[DoctorLine], lang: Lang) -> String {
    let text = doctor::text(lines, lang) + &doctor::count(lines, lang);
    let mut plain = String::new();
    for (index, part) in text.split('\u{1b}').enumerate() {
        plain += if index == 0 { part } else { part.split_once('m').map_or("", |(_, rest)| rest) };
    }
    plain.replace(&place.root(), "ROOT")
}

#[test]
fn a_healthy_machine_needs_nothing() {
    let place = Place::healthy();
    let lines = place.look();
    let bad: Vec<_> = lines.iter().filter(|line| line.state() > State::NotApplicable).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    insta::assert_snapshot!(shown(&place, &lines, Lang::En));
}

/// Every variant says what is wrong in both languages, with a fix in both.
#[test]
fn what_is_broken_is_said_in_both_languages() {
    let (mut en, mut zh) = (String::new(), String::new());
    for case in broken::CASES {
        let (place, line) = case.line();
        en += &format!("{}\n{}\n", case.name, shown(&place, std::slice::from_ref(&line), Lang::En));
        zh += &format!("{}\n{}\n", case.name, shown(&place, &[line], Lang::Zh));
    }
    let without_counts = |text: String| {
        text.lines().filter(|line| !line.starts_with("1 ")).map(|it| format!("{it}\n")).collect::<String>()
    };
    insta::assert_snapshot!("broken-en", without_counts(en));
    insta::assert_snapshot!("broken-zh", without_counts(zh));
}

/// A line in JSON is its finding, and what follows from it for whoever reads no Rust.
#[test]
fn a_line_in_json_comes_back() {
    let (_place, line) = broken::CASES[0].line();
    let text = serde_json::to_string_pretty(&line).unwrap();
    assert_eq!(serde_json::from_str::<DoctorLine>(&text).unwrap(), line);
    insta::assert_snapshot!(text);
}

/// On the processor nothing of Ascend or CUDA is missed, and no program is started for the head of a report.
#[test]
fn the_processor_needs_little() {
    let place = Place::healthy();
    let request = crate::Request { device: Family::Cpu, python: false, ..place.request() };
    let lines = examine(&place.machine, &request);
    assert!(lines.iter().all(|line| line.state() <= State::NotApplicable), "{lines:#?}");
}

#[test]
fn the_kind_of_machine_is_seen() {
    let place = Place::healthy();
    assert_eq!(Family::of(&place.machine), Family::Npu);
    let nothing = tempfile::tempdir().unwrap();
    let machine = Machine { root: nothing.path().into(), ..place.machine.clone() };
    assert_eq!(Family::of(&machine), Family::Cpu);
    std::fs::create_dir_all(nothing.path().join("proc/driver/nvidia")).unwrap();
    assert_eq!(Family::of(&machine), Family::Cuda);
}

/// This machine can be looked at, whatever it is.
#[test]
fn this_machine_has_lines() {
    let machine = Machine::this();
    let lines = examine(&machine, &crate::Request { python: false, ..crate::Request::on(Family::Cpu) });
    assert!(lines.len() > 10);
}
