//! The logs of the reference's own program.

use std::fs;
use std::path::Path;

use dinov3_trajectory::{Run, read_bytes};

/// A file of `golden/program`, with times in the places where a word stands for them.
pub fn program(file: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../program").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.replace("TIME", "0.125000").into_bytes()
}

/// The run of a file of `golden/program`.
pub fn run(file: &str) -> Run {
    read_bytes(file, &program(file)).unwrap_or_else(|error| panic!("{error}"))
}

/// A run in a few lines: what its log says, and its values at the first and last iteration.
pub fn summary(run: &Run) -> String {
    let facts = &run.facts;
    let config = facts.config.as_deref().map(|text| text.lines().count());
    let mut lines = vec![format!(
        "{}: {}, {} lines, horizon {:?}, commit {:?}, {config:?} lines of config, starts {:?}",
        run.name,
        run.format,
        run.logged.len(),
        facts.horizon,
        facts.commit,
        run.starts.iter().map(|start| (start.row, start.iteration)).collect::<Vec<_>>()
    )];
    for series in &run.series {
        let at = |index: usize| format!("{} at {}", series.values[index], series.iterations[index]);
        let last = series.values.len() - 1;
        lines.push(format!("{} {:?}: {}, {}", series.meter, series.resolution, at(0), at(last)));
    }
    lines.extend(run.notes.iter().map(|note| format!("{note:?}")));
    lines.join("\n")
}
