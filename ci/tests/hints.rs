//! No error's text holds its hint: what to do about an error is data (`dinov3_ground::Hint`), which one function shows.

use std::fs;
use std::path::{Path, PathBuf};

/// Who may write the word: the function that shows errors, the renderers of findings, and scripts that print for cargo.
const MAY: [&str; 3] = ["model/ground/src/hint/show.rs", "reports/src/", "build.rs"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            if name != "target" && !name.to_string_lossy().starts_with('.') {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The lines, from 1, of a text that holds a hint within a text.
fn lines_with_hints(source: &str, may_begin: bool) -> Vec<usize> {
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut goes_on = false;
    let mut found = Vec::new();
    for (i, line) in code.lines().enumerate() {
        let text = line.trim_start();
        let begins = !may_begin && text.contains("\"hint:");
        if !text.starts_with("//") && (text.contains(r"\nhint:") || begins || goes_on && text.starts_with("hint:")) {
            found.push(i + 1);
        }
        goes_on = line.ends_with(r"\n\");
    }
    found
}

/// Seen to fail: on the two lines with which the conformance program once showed hints by itself.
#[test]
fn no_error_holds_its_hint() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    sources(root, &mut files);
    assert!(files.len() > 300, "{} files", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let name = file.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        let is_a_test = name.split('/').any(|part| part == "tests") || name.ends_with("tests.rs");
        if !is_a_test {
            let may = MAY.iter().any(|place| name.starts_with(place) || name.ends_with(place));
            let lines = lines_with_hints(&fs::read_to_string(&file).unwrap(), may);
            wrong.extend(lines.into_iter().map(|line| format!("{name}:{line}")));
        }
    }
    assert!(wrong.is_empty(), "give the hint by `dinov3_ground::Hint`:\n{}", wrong.join("\n"));
}

/// A check of the check.
#[test]
fn hints_are_found_wherever_they_stand_in_a_text() {
    let source = r##"
        #[error("wrong\nhint: mend it")]
        bail!("wrong\n\
               hint: mend it");
        let text = "hint: mend it";
        /// ends in a line `\nhint: `
        struct A { hint: &'static str }
    "##;
    assert_eq!(lines_with_hints(source, false), [2, 4, 5]);
    assert_eq!(lines_with_hints(source, true), [2, 4]);
}
