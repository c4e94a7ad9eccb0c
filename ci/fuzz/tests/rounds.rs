//! Each target reads its corpus and some mutated inputs; the nightly profile gives each a minute.

use std::path::Path;
use std::time::Duration;

use dinov3_fuzz::memory::Counted;
use dinov3_fuzz::round::{Report, round};
use dinov3_fuzz::targets::{TARGETS, Target};

#[global_allocator]
static ALLOCATOR: Counted = Counted;

fn sound(time: Duration) {
    for target in &TARGETS {
        let found = tempfile::tempdir().unwrap();
        let report = round(target, time, 17, found.path()).unwrap();
        eprintln!("{}: {report:?}", target.name);
        assert!(report.fault.is_none(), "{}: {:?}", target.name, report.fault);
        assert!(report.runs > 10 && report.outcomes > 3, "{}: {report:?}", target.name);
    }
}

#[test]
fn every_reader_takes_its_corpus_and_changes_of_it() {
    sound(Duration::from_secs(1));
}

/// A minute of each: the profile `nightly` of nextest.
#[test]
fn a_minute_of_each_reader() {
    sound(Duration::from_secs(60));
}

fn planted(read: fn(&[u8], &Path) -> String) -> Report {
    let corpus = || vec![b"some input".to_vec()];
    let target = Target { name: "planted", corpus, longest: 64, read, most_held: |bytes| 1000 + bytes };
    let found = tempfile::tempdir().unwrap();
    round(&target, Duration::from_secs(10), 1, found.path()).unwrap()
}

/// A check of the check: a panic and memory out of proportion are found.
#[test]
fn faults_are_found() {
    let panics = planted(|bytes, _| match bytes.len() % 7 {
        3 if bytes != b"some input" => panic!("planted"),
        rest => rest.to_string(),
    });
    assert_eq!(panics.fault.unwrap().0, "a panic");
    let grows = planted(|bytes, _| {
        let rows = vec![0_u8; if bytes.first() == Some(&b's') { 10 } else { 100_000 }];
        (rows.len() + bytes.len()).to_string()
    });
    assert!(grows.fault.unwrap().0.contains("bytes held for"));
}
