//! Where the workspace is, and a `cargo` command in it.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use xshell::Shell;

use crate::failure::Failure;

/// The workspace's root folder.
///
/// `cargo run` says where this crate is now; the path of compile time serves when the program is started by hand.
pub fn root() -> PathBuf {
    let this_crate =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    this_crate.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The cargo that started this program, or else the one in `PATH`.
pub fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"))
}

/// The folder that cargo builds in: the one of this program.
pub fn target_folder() -> PathBuf {
    let this = env::current_exe().ok();
    let folder = this.as_deref().and_then(Path::parent).and_then(Path::parent);
    folder.map_or_else(|| root().join("target"), Path::to_owned)
}

/// A shell in the workspace's root.
pub fn shell() -> Result<Shell, Failure> {
    let shell = Shell::new().map_err(|error| {
        Failure::environment(format!("there is no current folder: {error}"), "change to a folder that exists")
    })?;
    shell.change_dir(root());
    Ok(shell)
}

/// Whether any library's documentation holds a code block, so that a separate run of the doc tests is worth its time.
pub fn has_doc_tests(root: &Path) -> bool {
    // A member is a folder of the root, or a folder of such a room.
    let rooms = folders(root);
    let members = rooms.iter().flat_map(|room| folders(room)).chain(rooms.iter().cloned());
    members.into_iter().any(|member| member.join("Cargo.toml").is_file() && folder_has_doc_tests(&member.join("src")))
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = of.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_dir()).collect()
}

fn folder_has_doc_tests(folder: &Path) -> bool {
    let Ok(entries) = folder.read_dir() else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return folder_has_doc_tests(&path);
        }
        path.extension().is_some_and(|extension| extension == "rs")
            && std::fs::read_to_string(&path).is_ok_and(|text| has_rust_block(&text))
    })
}

/// Whether a doc comment holds a code block that rustdoc compiles.
fn has_rust_block(text: &str) -> bool {
    let mut open = false;
    for line in text.lines().map(str::trim_start) {
        let comment = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        let Some(language) = comment.and_then(|comment| comment.trim_start().strip_prefix("```")) else { continue };
        open = !open;
        let first = language.split(',').next().unwrap_or_default().trim();
        if open && ["", "rust", "no_run", "should_panic", "compile_fail"].contains(&first) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_holds_the_workspace_s_manifest() {
        let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[workspace]"));
    }

    #[test]
    fn doc_tests_are_seen_and_plain_text_is_not_taken_for_one() {
        for member in ["golden", "model/config"] {
            let root = tempfile::tempdir().unwrap();
            let source = root.path().join(member).join("src/deep");
            std::fs::create_dir_all(&source).unwrap();
            std::fs::write(root.path().join(member).join("Cargo.toml"), "").unwrap();
            std::fs::write(source.join("a.rs"), "/// ```text\n/// words\n/// ```\nfn a() {}\n").unwrap();
            assert!(!has_doc_tests(root.path()));
            std::fs::write(source.join("b.rs"), "    /// ```\n    /// assert!(true);\n    /// ```\nfn b() {}\n")
                .unwrap();
            assert!(has_doc_tests(root.path()));
        }
    }
}
