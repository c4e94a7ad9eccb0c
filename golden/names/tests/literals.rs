//! Only this crate composes and parses names by text. Other Rust sources write `Kind::Loss.name(term)`, not
//! `format!("loss:{term}")`, and `Kind::Grad.path_in(name)`, not `name.strip_prefix("grad:")`. A whole name may appear
//! in a source, as in a table of cases, and must be valid.

use std::fs;
use std::path::{Path, PathBuf};

use dinov3_names::{EntryName, Kind};

/// The sources that may name entries, without tests, benches and examples.
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

/// The lines before the unit tests, with their numbers, without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The text literals of a line that begin with a kind and a colon. `"data: "` begins a sentence.
fn literals(line: &str) -> impl Iterator<Item = &str> {
    let begins = |text: &&str| {
        text.split_once(':').is_some_and(|(word, rest)| Kind::of_prefix(word).is_some() && !rest.starts_with(' '))
    };
    line.split('"').skip(1).step_by(2).filter(begins)
}

/// Seen to fail: with `&format!("trajectory:{name}")` in the suite `training`.
#[test]
fn nobody_else_puts_names_together_or_takes_them_apart() {
    let sources = sources();
    assert!(sources.len() > 100, "the sources are elsewhere");
    let mut found = Vec::new();
    for path in sources {
        let text = fs::read_to_string(&path).expect("a source");
        for (number, line) in code(&text) {
            if literals(line).any(|text| text.parse::<EntryName>().is_err()) {
                found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "use `Kind::name`, `Kind::of` or `Kind::path_in` here:\n{}", found.join("\n"));
}
