//! The keys that the reference's training program reads, found in its sources.
//!
//! `DINOV3_REFERENCE=DIR` names a checkout of the reference at the recorded commit; the recorded reads and the recorded
//! keys of its published configs are then compared with it, by the tests that are ignored otherwise. The records are
//! compared with each other always.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use dinov3_config::defaults::defaults;
use dinov3_config::{never_read, reads};
use serde_json::Value;

use crate::published::published;

/// The checkout.
pub fn checkout() -> PathBuf {
    std::env::var_os("DINOV3_REFERENCE").expect("DINOV3_REFERENCE names a checkout of the reference").into()
}

/// The files and folders of the training program, below `dinov3/`. The rest evaluates, or starts jobs.
const PROGRAM: [&str; 11] = [
    "checkpointer",
    "configs/config.py",
    "data",
    "distributed",
    "fsdp",
    "layers",
    "logging",
    "loss",
    "models/__init__.py",
    "train",
    "utils",
];

/// The names of a config in the sources, and the sections that they stand for.
const NAMES: [(&str, &str, &[&str]); 6] = [
    ("cfg", "", &[""]),
    ("distillation_cfg", "", &[""]),
    ("base_cfg", "", &[""]),
    ("args", "models/__init__.py", &["student"]),
    ("schedule_cfg", "train/ssl_meta_arch.py", &["dino.local_loss_weight_schedule", "gram.loss_weight_schedule"]),
    ("student", "configs/config.py", &["multidistillation.students.*"]),
];

/// What the sources read, and what they only log.
#[derive(Debug, Default)]
struct Found {
    read: BTreeSet<String>,
    logged: BTreeSet<String>,
}

fn scan(checkout: &Path) -> Found {
    let mut files = Vec::new();
    for part in PROGRAM {
        python_files(&checkout.join("dinov3").join(part), &mut files);
    }
    assert!(files.len() > 30, "{} holds {} files of the training program", checkout.display(), files.len());
    let mut found = Found::default();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (name, only_in, sections) in NAMES {
            if file.to_string_lossy().ends_with(only_in) {
                uses(&text, name, sections, &mut found);
            }
        }
    }
    found.logged = found.logged.difference(&found.read).cloned().collect();
    found
}

fn python_files(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            python_files(&entry.unwrap().path(), files);
        }
    } else if path.extension().is_some_and(|extension| extension == "py") {
        files.push(path.to_owned());
    }
}

/// Every `name.a.b`, `name.a["b"]`, `name.a.get("b")` and `"b" in name.a` of a text.
fn uses(text: &str, name: &str, sections: &[&str], found: &mut Found) {
    let defaults = defaults();
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    for (at, _) in text.match_indices(name) {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        let before = before.strip_suffix("self.").unwrap_or(before);
        if before.ends_with(|char| is_part(char) || char == '.' || char == '"') {
            continue;
        }
        let mut parts = Vec::new();
        let mut rest = after;
        loop {
            if let Some(tail) = rest.strip_prefix(".get(\"").or_else(|| rest.strip_prefix("[\"")) {
                let (key, tail) = tail.split_once('"').unwrap();
                parts.push(key);
                rest = tail.trim_start_matches([')', ']']);
            } else if let Some(tail) = rest.strip_prefix('.').filter(|tail| tail.starts_with(is_part)) {
                let (key, tail) = tail.split_at(tail.find(|char| !is_part(char)).unwrap_or(tail.len()));
                parts.push(key);
                rest = tail;
            } else {
                break;
            }
        }
        let asked = before.strip_suffix(" in ").and_then(|before| before.strip_suffix('"'));
        if let Some((_, key)) = asked.and_then(|before| before.rsplit_once('"')) {
            // A text is asked for a part of it, a section for a key.
            let mut section = sections[0].split('.').chain(parts.iter().copied()).filter(|part| !part.is_empty());
            let is_text = section.try_fold(&defaults, |value, part| value.get(part)).is_some_and(Value::is_string);
            parts.extend((!is_text).then_some(key));
        }
        for section in sections.iter().filter(|_| !parts.is_empty()) {
            let key =
                [section, parts.join(".").as_str()].map(str::to_owned).into_iter().filter(|part| !part.is_empty());
            let key = key.collect::<Vec<_>>().join(".");
            if before.ends_with('{') {
                found.logged.insert(key)
            } else {
                found.read.insert(key)
            };
        }
    }
}

/// The leaves of a config, with `*` for items of lists of mappings.
fn leaves(value: &Value, key: &str, found: &mut BTreeSet<String>) {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(name, value)| leaves(value, &below(name), found));
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().for_each(|item| leaves(item, &below("*"), found));
        }
        _ => {
            found.insert(key.to_owned());
        }
    }
}

/// Seen red with a key taken out of the record, and with one added.
#[test]
#[ignore = "needs a checkout of the reference in DINOV3_REFERENCE"]
fn the_recorded_reads_are_those_of_the_sources() {
    let checkout = checkout();
    let found = scan(&checkout);
    // A section is read through its keys.
    let is_section = |key: &String| found.read.iter().any(|other| other.starts_with(&format!("{key}.")));
    let unreachable: BTreeSet<String> = reads().unreachable.iter().cloned().collect();
    let read: Vec<&String> = found.read.iter().filter(|key| !is_section(key) && !unreachable.contains(*key)).collect();
    let logged: Vec<&String> = found.logged.iter().collect();
    let json = serde_json::to_string_pretty(&(&read, &logged)).unwrap();
    assert!(unreachable.is_subset(&found.read), "{unreachable:?}");
    assert_eq!(reads().read.iter().collect::<Vec<_>>(), read, "the sources read, and log:\n{json}");
    assert_eq!(reads().logged.iter().collect::<Vec<_>>(), logged, "the sources read, and log:\n{json}");
}

/// Every key of the defaults and of the published configs is read, or known not to be.
#[test]
fn every_key_is_read_or_said_to_have_no_effect() {
    let mut keys = BTreeSet::new();
    leaves(&defaults(), "", &mut keys);
    for config in published() {
        leaves(&config.merged(), "", &mut keys);
    }
    let read: BTreeSet<&String> = reads().read.iter().collect();
    let without: Vec<String> = never_read().into_iter().map(|(key, _)| key).collect();
    assert!(without.iter().all(|key| !read.contains(key)));
    let mut silent = Vec::new();
    // A section is read through its keys.
    let through = |key: &str| read.iter().any(|read| read.starts_with(&format!("{key}.")));
    for key in keys.iter().filter(|key| !read.contains(key) && !through(key) && !without.contains(key)) {
        // A key beyond the defaults is reported by the merge.
        let mut config = defaults();
        set(&mut config, key);
        let merged = dinov3_config::merge::reviewed(config);
        if merged.unread.is_empty() && merged.unknown.is_empty() {
            silent.push(key);
        }
    }
    assert!(silent.is_empty(), "nothing reads {silent:?}, and nothing says so");
    insta::assert_snapshot!(without.join("\n"));
}

fn set(config: &mut Value, key: &str) {
    let mut at = config;
    for part in key.split('.') {
        if !at.is_object() {
            *at = serde_json::json!({});
        }
        at = &mut at[part];
    }
    *at = Value::from(1);
}
