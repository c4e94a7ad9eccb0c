//! The reference's published training configs: every file below `dinov3/configs/train/` at the commit.
//!
//! `published.json` holds, for each file, the keys whose value differs from the defaults, with that value. With a
//! checkout of the reference (`DINOV3_REFERENCE`) the files themselves are merged and compared with it.

use std::path::Path;

use dinov3_config::defaults::defaults;
use dinov3_config::merge::merged;
use dinov3_config::{DataOptions, SslConfig, notes};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::reads::checkout;

/// A published config.
#[derive(Debug, Deserialize)]
pub struct Published {
    /// Its path below `dinov3/configs/train/`.
    pub file: String,
    /// The keys whose value differs from the default.
    pub differs: Map<String, Value>,
}

pub fn published() -> Vec<Published> {
    serde_json::from_str(include_str!("published.json")).unwrap()
}

impl Published {
    /// Its merge with the defaults.
    pub fn merged(&self) -> Value {
        let mut config = defaults();
        for (key, value) in &self.differs {
            set(&mut config, key, value.clone());
        }
        config
    }
}

fn set(config: &mut Value, key: &str, value: Value) {
    let mut at = config;
    for part in key.split('.') {
        if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[part];
    }
    *at = value;
}

/// The leaves of a config.
fn leaves(value: &Value, key: &str, found: &mut Map<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, value) in map {
                leaves(value, &if key.is_empty() { name.clone() } else { format!("{key}.{name}") }, found);
            }
        }
        value => {
            found.insert(key.to_owned(), value.clone());
        }
    }
}

fn differences(config: &Value) -> Map<String, Value> {
    let (mut default, mut own) = (Map::new(), Map::new());
    leaves(&defaults(), "", &mut default);
    leaves(config, "", &mut own);
    own.retain(|key, value| default.get(key) != Some(value));
    own
}

/// Seen red with one value of the record changed.
#[test]
#[ignore = "needs a checkout of the reference in DINOV3_REFERENCE"]
fn the_recorded_keys_are_those_of_the_files() {
    let checkout = checkout();
    let folder = checkout.join("dinov3/configs/train");
    let found: Vec<Value> = files(&folder, "")
        .into_iter()
        .map(|file| json!({"differs": differences(&merged(Some(&folder.join(&file)), &[]).unwrap().config), "file": file}))
        .collect();
    let recorded: Value = serde_json::from_str(include_str!("published.json")).unwrap();
    let found = Value::from(found);
    assert!(found == recorded, "the files hold:\n{}", serde_json::to_string_pretty(&found).unwrap());
}

fn files(folder: &Path, below: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            found.extend(files(&entry.path(), &format!("{name}/")));
        } else if name.ends_with(".yaml") {
            found.push(name);
        }
    }
    found
}

/// What `config` says of each file as it is, and of the ViT-7B's without fp8.
#[test]
fn every_published_config_is_read() {
    let shown = |name: &str, config: &Value| {
        let verdict = match SslConfig::from_merged(config) {
            Ok(read) => {
                DataOptions::from_merged(config).unwrap();
                let said = read.without_effect.iter().map(ToString::to_string).chain(notes(config, None));
                ["accepted".to_owned()].into_iter().chain(said).collect::<Vec<_>>().join("\n  ")
            }
            Err(error) => format!("refused: {error}"),
        };
        format!("{name}\n  {verdict}")
    };
    let mut lines = Vec::new();
    for file in published() {
        let mut config = file.merged();
        lines.push(shown(&file.file, &config));
        if config["student"]["fp8_enabled"] == true {
            config["student"]["fp8_enabled"] = json!(false);
            lines.push(shown(&format!("{} student.fp8_enabled=false", file.file), &config));
            config["gram"]["ckpt"] = json!("gram.pth");
            assert!(SslConfig::from_merged(&config).is_ok(), "{} with a Gram checkpoint", file.file);
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

/// Without `schedules` the nulls are read, and named.
#[test]
fn nulls_are_refused_where_they_are_read() {
    let large = published().into_iter().find(|file| file.file.contains("7b16_pretrain")).unwrap();
    let mut config = large.merged();
    config["student"]["fp8_enabled"] = json!(false);
    config.as_object_mut().unwrap().remove("schedules");
    insta::assert_snapshot!(SslConfig::from_merged(&config).unwrap_err(), @"`optim.weight_decay: null` cannot be used: expected a number");
}
