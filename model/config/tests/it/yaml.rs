//! YAML and merges as OmegaConf does them: `omegaconf.json` holds texts and overrides of our own with OmegaConf's
//! answers.
//!
//! Recorded with OmegaConf 2.4.0 (PyYAML 6.0.3, libyaml), and 2.3.0 gave the same; to record a case anew:
//! ```text
//! config = OmegaConf.merge(OmegaConf.load(io.StringIO(yaml)), OmegaConf.from_cli(overrides))
//! result = OmegaConf.to_container(config, resolve=True)        # or error = type(exception).__name__
//! ```
//! `refused` stands for an answer that we do not give on purpose, each with a message: keys that are no strings,
//! numbers beyond JSON, other tags and a lone `!`, resolvers, files that are no mapping, tabs after a colon, keys on which OmegaConf's
//! versions disagree, characters that end a line in YAML 1.1 alone, names of anchors that YAML 1.1 ends earlier, a lone
//! `-` in brackets, lines within brackets and quotes that are not indented.

use dinov3_config::defaults::defaults;
use dinov3_config::merge::{combined, merged};
use dinov3_config::yaml;
use dinov3_ground::Hint;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Case {
    yaml: String,
    overrides: Vec<String>,
    #[serde(flatten)]
    answer: Answer,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Result(Value),
    Error(String),
    Refused(bool),
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("omegaconf.json")).unwrap()
}

#[test]
fn omegaconf_gives_the_same() {
    let cases = cases();
    let mut wrong = Vec::new();
    for Case { yaml, overrides, answer } in &cases {
        let ours = combined(yaml, overrides);
        let agrees = match (&ours, answer) {
            (Ok(ours), Answer::Result(theirs)) => is_same(ours, theirs),
            (Err(error), Answer::Error(theirs)) => !theirs.is_empty() && !error.hints().is_empty(),
            (Err(error), Answer::Refused(refused)) => *refused && !error.hints().is_empty(),
            _ => false,
        };
        if !agrees {
            wrong.push(format!("{yaml:?} {overrides:?}: {ours:?}"));
        }
    }
    assert!(cases.len() > 500 && wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Equal with types: 1 is not 1.0, and 0.0 not -0.0.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_same(a, b)))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b)),
        (a, b) => a == b && text(a) == text(b),
    }
}

fn text(value: &Value) -> String {
    value.to_string()
}

/// A check of the check: it must see a type.
#[test]
fn types_are_told_apart() {
    assert!(!is_same(&Value::from(1), &Value::from(1.0)));
    assert!(!is_same(&Value::from(0.0), &Value::from(-0.0)));
    assert!(!is_same(&Value::from("1"), &Value::from(1)));
}

/// OmegaConf's answers, written as YAML, read back unchanged.
#[test]
fn what_is_written_reads_back() {
    for Case { answer, .. } in cases() {
        if let Answer::Result(value) = answer {
            let text = yaml::to_yaml(&value);
            let read = yaml::parse("the text", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert!(is_same(&read, &value), "{text}");
        }
    }
    let defaults = defaults();
    assert!(is_same(&yaml::parse("the text", &yaml::to_yaml(&defaults)).unwrap(), &defaults));
}

/// The sets were recorded with the reference's own merge of defaults, `vitl_im1k_lin834.yaml` and overrides.
#[test]
fn the_golden_sets_recipes_are_merged_configs() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/sets");
    let mut sets = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let manifest = entry.unwrap().path().join("manifest.json");
        let Ok(text) = std::fs::read_to_string(&manifest) else { continue };
        let manifest: Value = serde_json::from_str(&text).unwrap();
        let (recipe, name) = (&manifest["recipe"], &manifest["name"]);
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("recipe.yaml");
        std::fs::write(&file, yaml::to_yaml(&recipe["config"])).unwrap();
        let overrides: Vec<String> = serde_json::from_value(recipe["overrides"].clone()).unwrap();
        // What was recorded can be honoured.
        dinov3_config::SslConfig::from_merged(&recipe["config"]).unwrap_or_else(|error| panic!("{name}: {error}"));
        // Defaults and overrides beneath and above change nothing, and no key is unknown.
        for overrides in [&[][..], &overrides] {
            let merged = merged(Some(&file), overrides).unwrap();
            assert!(is_same(&merged.config, &recipe["config"]), "{name}");
            assert_eq!((merged.unknown, merged.missing), (vec![], vec![]), "{name}");
        }
        sets += 1;
    }
    assert!(sets >= 7);
}
