//! Every relative link in a page of this repository leads to a file that is there.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What follows `](` up to the closing parenthesis, in each link of `text` that names a file.
fn files(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(')')?.0))
        .map(|link| link.split_once('#').map_or(link, |(file, _)| file))
        .filter(|file| !file.is_empty() && !file.contains("://") && !file.contains(char::is_whitespace))
}

/// The links of `page` whose file is not there.
fn broken(page: &Path, text: &str) -> Vec<String> {
    let folder = page.parent().unwrap_or(Path::new("."));
    files(text).filter(|file| !folder.join(file).exists()).map(|file| format!("{}: {file}", page.display())).collect()
}

/// The pages that git tracks.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new("git").args(["ls-files", "*.md"]).current_dir(&root).output().expect("git runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("names are UTF-8").lines().map(|name| root.join(name)).collect()
}

#[test]
fn every_link_leads_to_a_file() {
    let pages = pages();
    assert!(pages.len() >= 10, "{} pages", pages.len());
    let broken: Vec<String> =
        pages.iter().flat_map(|page| broken(page, &std::fs::read_to_string(page).expect("a page is text"))).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_link_to_nothing_is_found() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("page.md");
    let text = "[here](Cargo.toml) [part](Cargo.toml#part) [web](https://example.org) [top](#top) ![gone](gone.svg)";
    assert_eq!(broken(&page, text), [format!("{}: gone.svg", page.display())]);
}
