//! `run --suite performance`: the report of a few steps, on one rank and on two, and what is refused.

use std::fs;

use crate::support::{Place, check};

/// Everything but the numbers of a table's row.
fn words(markdown: &str, heading: &str) -> Vec<String> {
    let section =
        markdown.split("\n#").find(|section| section.contains(heading)).unwrap_or_else(|| panic!("{markdown}"));
    // Whether anybody may read the processors' energy differs from machine to machine.
    let known = |line: &&str| {
        line.starts_with("| ") && !line.contains("---") && !["energy", "能耗"].iter().any(|word| line.contains(word))
    };
    let rows = section.lines().filter(known);
    let row = |row: &str| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        format!("{} | {}", cells[0], cells[cells.len() - 1])
    };
    rows.map(row).collect()
}

const ALLOWED: &str = "--allow few --allow drift --allow jump --allow bimodal --allow outliers --allow starved --allow throttled --allow busy";

/// A reader of the page alone can tell what was measured, and by which definition.
#[test]
fn the_page_has_the_definitions_beside_the_numbers() {
    let place = Place::empty();
    let outcome = place.run(&format!("run --suite performance --steps 40 {ALLOWED} --report r.md --report r.json"));
    assert_eq!(outcome.code, 0, "{}", outcome.transcript());
    let page = fs::read_to_string(place.path("r.md")).unwrap();
    let tables = ["Speed", "Where a step goes"].map(|heading| words(&page, heading).join("\n"));
    insta::assert_snapshot!(tables.join("\n\n"));
    let around = words(&page, "What must be known beside it").join("\n");
    for fact in
        ["TF32", "HF32", "compiled", "deterministic", "libtorch", "photographs on board", "cores that others used"]
    {
        assert!(around.contains(fact), "no {fact}: {around}");
    }
    let zh = place.run("report r.json --report zh.md --lang zh");
    assert_eq!(zh.code, 0, "{}", zh.transcript());
    let page = fs::read_to_string(place.path("zh.md")).unwrap();
    insta::assert_snapshot!(["：速度", "单步耗时构成"].map(|heading| words(&page, heading).join("\n")).join("\n\n"));
}

/// Two ranks on this machine, and one of them alone before.
#[test]
fn ranks_are_compared_with_one() {
    let place = Place::empty();
    let outcome =
        place.run(&format!("run --suite performance --steps 30 --nproc 2 {ALLOWED} --report r.json --report r.md"));
    assert_eq!(outcome.code, 0, "{}", outcome.transcript());
    let rows = words(&fs::read_to_string(place.path("r.md")).unwrap(), "Scaling over ranks");
    assert_eq!(rows[1], "one rank alone, before, in the same run | 100.0 %");
    assert!(rows[2].starts_with("all ranks | "), "{rows:?}");
    let report = fs::read_to_string(place.path("r.json")).unwrap();
    for key in ["scaling_efficiency", "fps_one_rank", "bytes_sent"] {
        assert!(report.contains(&format!("\"{key}\"")), "no {key}");
    }
}

#[test]
fn what_is_wrong_is_refused_by_name() {
    let place = Place::empty();
    let refused = [
        "run --suite layers --recipe vits16",
        "run --suite performance --recipe vits",
        "run --suite performance --allow slow",
        "run --suite performance --steps 30 --epochs 1",
        "run --suite performance --extra tables",
        "run --suite performance --recipe vitl16-performance --epochs 2",
    ];
    check("performance-refused", &refused.map(|line| place.run(line)));
}
