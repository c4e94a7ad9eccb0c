//! No Rust source but this crate's writes a kind of entry: `Kind::Loss.name("total_loss")` stands in place of its text.

use std::fs;
use std::path::{Path, PathBuf};

use dinov3_names::Kind;

/// The sources that may name entries, but for tests, benches and examples.
fn sources() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pending: Vec<PathBuf> =
        ["golden/src", "harness", "model", "reports", "suites"].map(|it| root.join(it)).into();
    let mut found = Vec::new();
    while let Some(folder) = pending.pop() {
        for item in fs::read_dir(&folder).expect("the workspace's own folder") {
            let path = item.expect("the workspace's own folder").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            if path.is_dir() && !["tests", "benches", "examples", "snapshots", "target"].contains(&name.as_str()) {
                pending.push(path);
            } else if name.ends_with(".rs") && name != "tests.rs" {
                found.push(path);
            }
        }
    }
    found
}

/// The lines before the unit tests, with their numbers, but for comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Seen to fail: with `"loss:total_loss"` in the trainer's observer.
#[test]
fn nobody_else_writes_a_kind() {
    let prefixes: Vec<String> =
        Kind::ALL.iter().filter_map(|kind| kind.prefix()).map(|prefix| format!("\"{prefix}:")).collect();
    let sources = sources();
    assert!(sources.len() > 100, "the sources are elsewhere");
    let mut found = Vec::new();
    for path in sources {
        let text = fs::read_to_string(&path).expect("a source");
        for (number, line) in code(&text) {
            // `"data: "` begins a sentence.
            let literal =
                |prefix: &String| line.split(prefix.as_str()).skip(1).any(|rest| !rest.starts_with([' ', '"']));
            if prefixes.iter().any(literal) {
                found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "write these with `Kind::name`:\n{}", found.join("\n"));
}
