use super::*;
use crate::testing::report;
use dinov3_reports::Lang;
use dinov3_reports::message::Pen;

#[test]
fn the_runs_of_a_folder_in_the_order_in_which_they_began_with_the_change_marked() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("older")).unwrap();
    std::fs::write(folder.path().join("training_metrics.json"), "{\"iteration\": 0}\n").unwrap();
    for day in 1..=9 {
        let fps = if day < 6 { 400.0 } else { 380.0 } + f64::from(day % 3);
        let text = json::to_json(&report(&format!("2026-11-0{day}T00:00:00Z"), fps)).unwrap();
        let place = if day % 2 == 0 { "older" } else { "." };
        // The names of files say nothing of the order.
        std::fs::write(folder.path().join(place).join(format!("{}.json", 9 - day)), text).unwrap();
    }
    let result = history(&stored(folder.path()).unwrap(), &FIGURES.map(str::to_owned));
    let check = &result.checks[0];
    let said: Vec<String> = check.findings.iter().map(|it| it.text.plain(Lang::En)).collect();
    insta::assert_snapshot!(format!("{}\n{}\n{}", check.id, check.line().unwrap(), said.join("\n")), @"
    history/performance/micro/fp32/fps_median
    9 runs, changes at 2026-11-06T00:00:00Z
    2026-11-06T00:00:00Z: 401 to 380.5 (-5.11 %)
    ");
    let table = result.sections[0].table.as_ref().unwrap().text(Lang::En, Pen::Plain, false);
    assert_eq!(table.rows.len(), 9);
    assert_eq!(table.rows.iter().filter(|row| row[2] != "-").count(), 1);
}

#[test]
fn a_folder_without_reports_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(stored(folder.path()), Err(CompareError::NoReports(_))));
}
