//! What the suite reports.

use dinov3_golden::manifest::Profile;
use dinov3_reports::message::Sections;
use dinov3_reports::table::Row;
use dinov3_reports::{Cell, Collector, SuiteResult, Verdict};
use dinov3_suites::defects::Plant;
use dinov3_suites::training::Training;
use dinov3_suites::{Request, Source, run_alone};
use dinov3_torch::device::Device;

use crate::fixture;

fn run(golden: &str, plant: Option<Plant>) -> SuiteResult {
    let source = Source::Trainer { device: Device::Cpu, plant };
    let request = Request::of_sets(vec![fixture::sets().join(golden)], Profile::Quick, source);
    let mut collector = Collector::default();
    run_alone(&Training, &request, &mut collector).unwrap();
    collector.suites()[0].clone()
}

#[test]
fn a_table_a_stage_and_one_of_the_steps_in_a_row() {
    let _stream = fixture::libtorch();
    let result = run("train_gram_ema", None);
    assert!(result.checks.iter().all(|check| check.verdict == Verdict::Pass), "{:?}", result.checks);
    let titles: Vec<_> = result.sections.iter().map(|section| section.title.to_string()).collect();
    let stages = ["loss", "backward", "optimizer", "ema", "schedule", "trajectory"].map(|it| format!("Stage {it}"));
    assert_eq!(titles[0], "What was expected");
    assert_eq!(titles[1..7], stages);
    assert_eq!(titles[7], "Steps in a row");
    let rows = &result.sections[7].table.as_ref().unwrap().rows;
    let shows = |value: &str| rows.iter().any(|row| row.cells[2] == Cell::Name(value.to_owned()));
    assert!(shows("total_loss") && shows("koleo_loss"));
    let says = |words: Sections| Cell::Says(words.into());
    let alike = [Cell::Count(2), says(Sections::NoDifference), Cell::Number(0.0.into())];
    let agree = |row: &Row| row.cells[3..] == alike || row.cells[4] == says(Sections::NotCompared);
    assert!(rows.iter().all(agree), "{rows:?}");
}

/// A defect of which a set has nothing is not proved to be caught by it.
#[test]
fn a_defect_that_could_not_show_is_vacuous() {
    let _stream = fixture::libtorch();
    let result = run("losses", Some("clip-all-together".parse().unwrap()));
    assert!(result.checks.iter().all(|check| matches!(check.verdict, Verdict::Vacuous { .. })), "{:?}", result.checks);
}
