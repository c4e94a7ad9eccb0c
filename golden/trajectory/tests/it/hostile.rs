//! Logs of runs that went wrong, and files that are no logs: each gives one clear error, or a note.

use dinov3_ground::hint;
use dinov3_trajectory::{Note, read_bytes};
use insta::assert_snapshot;

use crate::support::{program, run, summary};

fn error(name: &str, bytes: &[u8]) -> String {
    hint::text(&read_bytes(name, bytes).expect_err(name))
}

#[test]
fn what_is_no_log_is_named() {
    let gap =
        b"{\"iteration\": 0, \"lr\": 0.0}\n{\"iteration\": 10, \"lr\": 0.0, x}\n{\"iteration\": 20, \"lr\": 0.0}\n";
    let table = b"step,lr\n0,1.0\n10\n20,1.0\n";
    let errors = [
        error("empty.txt", b""),
        error("blank.json", b" \n\n"),
        error("weights.pth", b"PK\x03\x04\0\0binary"),
        error("notes.txt", b"what I did today\n"),
        error("metrics.json", gap),
        error("list.json", b"{\"iteration\": 0, \"lr\": [1]}\n{}\n"),
        error("negative.json", b"{\"iteration\": -1, \"lr\": 1}\n"),
        error("twice.json", b"{\"iteration\": 1, \"lr\": 1, \"lr\": 2}\n"),
        error("nothing.json", b"{\"iteration\": 1}\n"),
        error("table.csv", table),
        error("columns.csv", b"time,loss\n1,2\n"),
        error("crashed.log", b"I dinov3 x.py:1] manual job (rank=0, world size=1)\nTraceback\n"),
        error("cell.csv", b"step,loss\n1,2.0\n2,two\n"),
    ];
    assert_snapshot!(errors.join("\n"));
}

/// Each way to cut a log short: it is read as far as it goes, and never a part of a number.
#[test]
fn a_log_that_is_cut_in_the_middle_of_a_line() {
    for file in ["fp32/log.txt", "fp32/training_metrics.json"] {
        let (bytes, whole) = (program(file), run(file));
        let last = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
        let begin = bytes[..last].iter().rposition(|byte| *byte == b'\n').unwrap();
        for cut in begin + 2..last {
            let run = read_bytes(file, &bytes[..cut]).unwrap();
            let kept = run.logged.len();
            for series in &run.series {
                let of = whole.series(&series.meter).unwrap();
                assert_eq!(series.values, of.values[..kept], "{file} cut at {cut}: {}", series.meter);
            }
            let noted = run.notes.iter().any(|note| matches!(note, Note::CutLine { .. }));
            // The text log's line is whole once `data` is there, and is no line with figures before `Training  [`.
            assert!(noted || file.ends_with(".txt"), "{file} cut at {cut}");
        }
    }
}

#[test]
fn a_log_of_a_program_that_crashed() {
    let mut text = String::from_utf8(program("fp32/log.txt")).unwrap();
    let third = text.match_indices("Training  [ 30/160]").next().unwrap().0;
    text.truncate(third + 200);
    text += "\nTraceback (most recent call last):\n  File \"dinov3/train/train.py\", line 529, in do_train\n    raise RuntimeError\nRuntimeError: Too many consecutive nans detected in loss, aborting...\nroot: exited\n";
    assert_snapshot!(
        summary(&read_bytes("log.txt", text.as_bytes()).unwrap())
            .lines()
            .filter(|line| !line.contains(" at "))
            .collect::<Vec<_>>()
            .join("\n")
    );
}

#[test]
fn a_log_of_two_ranks_mixed() {
    let line = |rank: &str, iteration: u64, loss: f64| {
        format!(
            "{rank}I20251111 10:12:13 {} dinov3 helpers.py:118] Training  [{iteration:>3}/160]  eta: 0:01:00  total_loss: {loss:.4} ({loss:.4})  time: 0.1  data: 0.1\n",
            if rank.contains('1') { 11 } else { 10 }
        )
    };
    for ranks in [["[rank0]: ", "[rank1]: "], ["0: ", "1: "]] {
        let text: String =
            [0, 10, 20].iter().flat_map(|at| [line(ranks[0], *at, 9.0), line(ranks[1], *at, 8.0)]).collect();
        let read = read_bytes("slurm.out", text.as_bytes()).unwrap();
        assert_eq!(read.logged, [0, 10, 20]);
        assert_eq!(read.series[0].values, [9.0; 3]);
        assert!(matches!(read.notes[..], [Note::MixedProcesses { dropped: 3, line: 2, .. }]), "{:?}", read.notes);
    }
    // Without prefixes the process ids tell.
    let text: String = [0, 10, 20]
        .iter()
        .flat_map(|at| [line("", *at, 9.0), line("", *at, 8.0).replace(" 10 dinov3", " 11 dinov3")])
        .collect();
    let read = read_bytes("both.log", text.as_bytes()).unwrap();
    assert_eq!((read.logged.len(), read.series[0].values[0]), (3, 9.0));
    // Nor is a line that another one has run into a figure.
    let text =
        line("", 0, 9.0) + line("", 10, 9.0).trim_end().trim_end_matches("time: 0.1  data: 0.1") + &line("", 20, 9.0);
    let read = read_bytes("torn.log", text.as_bytes()).unwrap();
    assert_eq!(read.logged, [0]);
    assert!(matches!(read.notes[..], [Note::Malformed { line: 2, .. }]), "{:?}", read.notes);
}

/// The lines that a resumed run repeats stand in the log; the last one counts.
#[test]
fn figures_of_a_resumed_run() {
    let mut bytes = program("fp32/training_metrics.json");
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let first = lines[..12].concat();
    bytes = [first, program("resume/training_metrics.json")].concat();
    let read = read_bytes("training_metrics.json", &bytes).unwrap();
    assert_eq!(read.logged[10..14], [100, 110, 80, 90]);
    let resumed = run("resume/training_metrics.json");
    assert_eq!(read.series("total_loss").unwrap().at(80), resumed.series("total_loss").unwrap().at(80));
}

#[test]
fn bare_nan_and_infinity_are_numbers() {
    let read = read_bytes(
        "m",
        b"{\"iteration\": 0, \"total_loss\": NaN, \"a_grad_norm\": Infinity, \"b\": -Infinity, \"c\": null}\n",
    )
    .unwrap();
    let values: Vec<f64> = read.series.iter().map(|series| series.values[0]).collect();
    assert!(values[0].is_nan() && values[1] == f64::INFINITY && values[2] == f64::NEG_INFINITY);
    assert_eq!(read.notes, [Note::NotNumbers { columns: vec!["c".to_owned()] }]);
}
