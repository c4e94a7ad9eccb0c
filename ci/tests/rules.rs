//! The rules between crates, held against cargo's own metadata and the sources: who uses whom, who knows libtorch, which features
//! crates from outside have, that each dependency is used, where `unsafe` code is, and which folders hold code.
//!
//! Each rule is a function of what it looks at, and a test beside it shows a breach that it finds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What each crate may use, of the workspace and of libtorch: the table of ARCHITECTURE.md. Dependencies of tests are free.
const USES: [(&str, &[&str]); 23] = [
    ("dinov3-ground", &[]),
    ("dinov3-names", &["ground"]),
    ("dinov3-config", &["ground"]),
    ("dinov3-data", &["ground", "config"]),
    ("dinov3-torch", &["ground", "tch"]),
    ("dinov3-ranks", &["ground", "torch", "tch"]),
    ("dinov3-vit", &["ground", "names", "config", "data", "ranks", "torch", "tch"]),
    ("dinov3-weights", &["ground"]),
    ("dinov3-train", &["ground", "names", "config", "data", "ranks", "torch", "vit", "weights", "tch"]),
    ("dinov3-program", &["ground", "config", "data", "ranks", "torch", "vit", "train", "tch"]),
    ("dinov3-plugins", &["ground", "torch", "tch"]),
    ("dinov3-golden", &["ground", "names"]),
    ("dinov3-trajectory", &["ground"]),
    ("dinov3-msprobe", &["ground", "golden", "weights"]),
    ("dinov3-reports", &["ground"]),
    ("dinov3-compare", &["ground", "trajectory", "reports"]),
    (
        "dinov3-suites",
        &[
            "ground",
            "compare",
            "names",
            "config",
            "data",
            "torch",
            "ranks",
            "vit",
            "train",
            "program",
            "golden",
            "trajectory",
            "msprobe",
            "reports",
            "tch",
        ],
    ),
    ("dinov3-perf", &["ground", "config", "data", "torch", "ranks", "vit", "train", "program", "golden", "tch"]),
    (
        "dinov3-fixtures",
        &["ground", "config", "torch", "ranks", "vit", "train", "golden", "reports", "suites", "plugins", "tch"],
    ),
    ("dinov3-doctor", &["ground", "data", "reports"]),
    (
        "dinov3-harness",
        &[
            "ground", "compare", "config", "data", "doctor", "torch", "ranks", "weights", "program", "golden",
            "msprobe", "reports", "suites",
        ],
    ),
    ("dinov3-ci", &["ground"]),
    ("dinov3-fuzz", &["config", "data", "golden", "trajectory", "weights"]),
];

/// The folders of the repository's root that hold code.
const ROOMS: [&str; 6] = ["ci", "golden", "harness", "model", "reports", "suites"];

/// Where `unsafe` code may be (a path, or the beginning of one), and what it is about.
const UNSAFE: [(&str, &str); 14] = [
    ("model/torch/", "libtorch, and the environment before its first call"),
    ("model/ranks/src/launch/child.rs", "the kernel ends a rank whose launcher is gone"),
    ("model/data/src/decode/jpeg/", "libjpeg, a C library; vector instructions"),
    ("model/data/src/pixels/", "vector instructions"),
    ("model/data/src/memory.rs", "freed memory goes back to the system"),
    ("model/data/src/tables/mapped.rs", "a memory map"),
    ("golden/src/", "memory maps, and numbers seen as bytes"),
    ("golden/tests/streaming.rs", "an allocator that counts"),
    ("ci/fuzz/src/memory.rs", "an allocator that counts"),
    ("harness/src/lib.rs", "the environment before libtorch's first call"),
    ("harness/src/main.rs", "the same"),
    ("harness/src/bin/native.rs", "the same"),
    ("suites/tests/it/fixture.rs", "the same, in tests"),
    ("ci/tests/rules.rs", "the word itself"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn output(command: &mut Command) -> String {
    let output = command.current_dir(root()).output().expect("the program can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("its output is text")
}

/// Every tracked or new file of the repository.
fn files() -> Vec<String> {
    let listed = output(Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]));
    listed.lines().filter(|file| root().join(file).is_file()).map(str::to_owned).collect()
}

/// `CRATE uses CRATE` for each dependency that [`USES`] does not allow, and each crate that it does not know.
fn forbidden(metadata: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = USES.iter().find(|(known, _)| *known == name) else {
            found.push(format!("{name} is not in the table"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let used = dependency["name"].as_str().unwrap_or_default();
            let ours = used.strip_prefix("dinov3-").or((used == "tch" || used == "torch-sys").then_some(used));
            // What tests alone use is free; what a build script uses is not.
            let counts = dependency["kind"].as_str() != Some("dev");
            if let Some(ours) = ours.filter(|ours| counts && !allowed.contains(ours)) {
                found.push(format!("{name} uses {ours}"));
            }
        }
    }
    found
}

/// What cargo knows of the crates of the workspace.
fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let metadata = output(Command::new(cargo).args(["metadata", "--no-deps", "--format-version", "1", "--offline"]));
    serde_json::from_str(&metadata).unwrap()
}

#[test]
fn a_crate_uses_what_the_table_allows() {
    let metadata = metadata();
    assert_eq!(metadata["packages"].as_array().map(Vec::len), Some(USES.len()), "a crate came or went");
    assert_eq!(forbidden(&metadata), [""; 0]);
}

#[test]
fn an_arrow_that_runs_back_is_found() {
    let uses = |name: &str, used: &str, kind: Value| serde_json::json!({"packages": [{"name": name, "dependencies": [{"name": used, "kind": kind}]}]});
    assert_eq!(forbidden(&uses("dinov3-harness", "tch", Value::Null)), ["dinov3-harness uses tch"]);
    assert_eq!(forbidden(&uses("dinov3-vit", "dinov3-golden", Value::Null)), ["dinov3-vit uses golden"]);
    assert_eq!(forbidden(&uses("dinov3-data", "torch-sys", "build".into())), ["dinov3-data uses torch-sys"]);
    assert_eq!(forbidden(&uses("dinov3-golden", "dinov3-suites", "dev".into())), [""; 0]);
    assert_eq!(forbidden(&uses("dinov3-new", "serde", Value::Null)), ["dinov3-new is not in the table"]);
}

/// `CRATE: FEATURES and FEATURES` for each crate from outside that two of ours use with different features, tests apart. Cargo joins the
/// features of all crates that are built together: code that needs one which another crate names works with `--workspace` and fails alone.
fn features_apart(metadata: &Value) -> Vec<String> {
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let name = dependency["name"].as_str().unwrap_or_default();
            if dependency["kind"].as_str() != Some("dev") && dependency["path"].is_null() {
                let named = dependency["features"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let default = dependency["uses_default_features"].as_bool().unwrap_or_default().then_some("default");
                let named: BTreeSet<&str> = named.chain(default).collect();
                uses.entry(name.to_owned()).or_default().insert(format!("{named:?}"));
            }
        }
    }
    let apart = uses.into_iter().filter(|(_, features)| features.len() > 1);
    apart.map(|(name, features)| format!("{name}: {}", Vec::from_iter(features).join(" and "))).collect()
}

#[test]
fn a_crate_from_outside_has_the_same_features_wherever_it_is_used() {
    assert_eq!(features_apart(&metadata()), [""; 0]);
}

#[test]
fn features_that_one_crate_alone_names_are_found() {
    let of = |features: &[&str], kind: Value| serde_json::json!({"dependencies": [{"name": "json", "kind": kind, "path": null, "features": features, "uses_default_features": true}]});
    let apart = |one, other| features_apart(&serde_json::json!({"packages": [one, other]}));
    assert_eq!(apart(of(&["exact"], Value::Null), of(&["exact"], Value::Null)), [""; 0]);
    assert_eq!(apart(of(&["exact"], "dev".into()), of(&[], Value::Null)), [""; 0]);
    let found = apart(of(&["exact"], Value::Null), of(&[], Value::Null));
    assert_eq!(found, [r#"json: {"default", "exact"} and {"default"}"#]);
}

/// `FILE: DEPENDENCY` for each dependency whose crate no source names.
fn idle_dependencies(manifest: &str, package: &Value, sources: &str) -> Vec<String> {
    let named = |name: &str| sources.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name);
    let names = package["dependencies"].as_array().into_iter().flatten().filter_map(|it| it["name"].as_str());
    let idle = names.filter(|name| !named(&name.replace('-', "_")));
    idle.map(|name| format!("{manifest}: {name}")).collect()
}

#[test]
fn every_dependency_is_used() {
    let (files, metadata) = (files(), metadata());
    let root = root().canonicalize().unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let manifests: Vec<PathBuf> =
        packages.iter().map(|it| PathBuf::from(it["manifest_path"].as_str().unwrap())).collect();
    let mut idle = Vec::new();
    for (package, manifest) in packages.iter().zip(&manifests) {
        let folder = manifest.parent().unwrap();
        // Crates lie within the folders of others.
        let owner = |file: &Path| {
            let folders = manifests.iter().filter_map(|it| it.parent());
            folders.filter(|it| file.starts_with(it)).max_by_key(|it| it.as_os_str().len()).map(Path::to_owned)
        };
        let own = files.iter().map(|file| root.join(file)).filter(|file| file.extension().is_some_and(|it| it == "rs"));
        let own = own.filter(|file| owner(file).as_deref() == Some(folder));
        let sources: String = own.map(|file| std::fs::read_to_string(file).unwrap()).collect();
        idle.extend(idle_dependencies(&manifest.strip_prefix(&root).unwrap().display().to_string(), package, &sources));
    }
    assert_eq!(idle, [""; 0]);
}

#[test]
fn a_dependency_that_no_source_names_is_found() {
    let package = serde_json::json!({"dependencies": [{"name": "signal-hook"}, {"name": "tempfile"}]});
    let found = idle_dependencies("a/Cargo.toml", &package, "use signal_hook::low_level; // tempfiles");
    assert_eq!(found, ["a/Cargo.toml: tempfile"]);
}

/// Whether a line of Rust has the word `unsafe` outside a comment and a text.
fn is_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let outside_texts = code.split('"').step_by(2);
    outside_texts.flat_map(|code| code.split(|c: char| !c.is_alphanumeric() && c != '_')).any(|word| word == "unsafe")
}

fn may_be_unsafe(file: &str) -> bool {
    UNSAFE.iter().any(|(allowed, _)| file.starts_with(allowed))
}

#[test]
fn unsafe_code_is_where_the_table_says_and_nowhere_else() {
    let with: BTreeSet<String> = files()
        .into_iter()
        .filter(|file| file.ends_with(".rs"))
        .filter(|file| std::fs::read_to_string(root().join(file)).is_ok_and(|text| text.lines().any(is_unsafe)))
        .collect();
    let strangers: Vec<&String> = with.iter().filter(|file| !may_be_unsafe(file)).collect();
    assert!(strangers.is_empty(), "unsafe code in {strangers:?}");
    let idle: Vec<_> = UNSAFE.iter().filter(|(path, _)| !with.iter().any(|file| file.starts_with(path))).collect();
    assert!(idle.is_empty(), "no unsafe code is left in {idle:?}");
}

#[test]
fn an_unsafe_block_is_seen_and_a_comment_or_a_text_about_one_is_not() {
    assert!(is_unsafe("    let x = unsafe { f() };"));
    assert!(is_unsafe("    let x = f(\"a\", unsafe { g() });"));
    assert!(!is_unsafe("    let policy = \"style-src 'unsafe-inline'\";"));
    assert!(!is_unsafe("    // unsafe code would be faster"));
    assert!(!is_unsafe("    let unsafely = 1;"));
    assert!(!may_be_unsafe("reports/src/exit.rs") && may_be_unsafe("model/torch/src/shim.rs"));
}

/// Files of the wrong kind in the wrong place.
fn misplaced(file: &str) -> bool {
    let ending = |endings: &[&str]| endings.iter().any(|ending| file.ends_with(ending));
    let folders = || file.split('/').rev().skip(1);
    let stranger =
        ending(&[".rs", ".cpp", ".h", ".c", ".py"]) && !ROOMS.iter().any(|room| file.starts_with(&format!("{room}/")));
    // The C file of the exporter answers MKL's question, as the shim does; the plugins are C++ by themselves.
    let native = ending(&[".cpp", ".h", ".c"])
        && !["model/torch/shim/", "model/plugins/", "golden/export/"].iter().any(|folder| file.starts_with(folder));
    // Many tools take a folder of that name for build output.
    stranger || native || folders().any(|folder| folder == "dist")
}

#[test]
fn code_is_in_the_six_rooms_and_native_code_where_it_belongs() {
    let found: Vec<String> = files().into_iter().filter(|file| misplaced(file)).collect();
    assert_eq!(found, [""; 0]);
    for breach in ["tools/x.rs", "model/vit/src/fast.cpp", "model/dist/src/lib.rs", "build.py"] {
        assert!(misplaced(breach), "{breach}");
    }
}
