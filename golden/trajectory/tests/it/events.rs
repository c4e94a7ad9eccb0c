//! TensorBoard's event files, as TensorBoard's own writer makes them.

use std::fs;
use std::path::Path;

use dinov3_ground::hint;
use dinov3_trajectory::{Note, Resolution, read, read_bytes};
use insta::assert_snapshot;

use crate::support::summary;

/// Written by TensorBoard's `RecordWriter`: values as `simple_value`, and as tensors of float, double and int64.
fn recorded() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/events/scalars.tfevents");
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn scalars_of_every_kind_are_read() {
    assert_snapshot!(summary(&read_bytes("events", &recorded()).unwrap()));
}

#[test]
fn single_precision_is_a_resolution() {
    let run = read_bytes("events", &recorded()).unwrap();
    assert_eq!(run.series("total_loss").unwrap().resolution, Resolution::Float32);
    assert_eq!(run.series("wd").unwrap().resolution, Resolution::Exact);
}

#[test]
fn a_changed_byte_is_an_error_and_a_cut_a_note() {
    let bytes = recorded();
    let whole = read_bytes("events", &bytes).unwrap().logged.len();
    for cut in 40..bytes.len() {
        let Ok(run) = read_bytes("events", &bytes[..cut]) else { continue };
        assert!(run.logged.len() <= whole && run.notes.len() <= 2);
    }
    let cut = read_bytes("events", &bytes[..bytes.len() - 3]).unwrap();
    assert!(cut.notes.iter().any(|note| matches!(note, Note::CutLine { .. })));
    let mut changed = bytes;
    let place = changed.len() - 20;
    changed[place] ^= 1;
    assert_snapshot!(hint::text(&read_bytes("events", &changed).unwrap_err()));
}

#[test]
fn the_files_of_a_folder_are_one_log() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("events.out.tfevents.2.host"), recorded()).unwrap();
    fs::write(folder.path().join("events.out.tfevents.1.host"), recorded()).unwrap();
    let once = read_bytes("events", &recorded()).unwrap();
    let twice = read(folder.path()).unwrap();
    assert_eq!(twice.logged.len(), 2 * once.logged.len());
    assert_eq!(twice.series[0].values, once.series[0].values);
}
