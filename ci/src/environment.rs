//! What a build or a run with libtorch finds in its environment.
//!
//! The values depend on nothing but libtorch's folder: cargo builds `torch-sys` again, which takes minutes, whenever one
//! of the variables that its build script watches changes.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the dynamic linker looks first.
pub const LIBRARY_PATH: &str = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };

/// `torch-sys` would let these outvote `LIBTORCH`.
pub const OUTVOTING: [&str; 5] =
    ["LIBTORCH_USE_PYTORCH", "LIBTORCH_STATIC", "LIBTORCH_INCLUDE", "LIBTORCH_LIB", "LIBTORCH_CXX11_ABI"];

/// What `cargo run` tells this program about this crate, and no other process should believe about itself.
const OF_THIS_CRATE: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

/// The environment for everything that is built or run with one libtorch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Variables and values to set.
    pub set: Vec<(&'static str, OsString)>,
    /// Variables to take away.
    pub remove: Vec<OsString>,
}

impl Environment {
    /// For the libtorch at `root` (which has `include/` and `lib/`), on top of this process's environment.
    pub fn of(root: &Path) -> Self {
        Self::on_top(root, env::var_os(LIBRARY_PATH), env::vars_os().map(|(name, _)| name))
    }

    fn on_top(root: &Path, library_path: Option<OsString>, present: impl Iterator<Item = OsString>) -> Self {
        let ours = root.join("lib");
        // An empty element would mean the current folder.
        let inherited = library_path.iter().flat_map(env::split_paths);
        let others = inherited.filter(|folder| !folder.as_os_str().is_empty() && *folder != ours);
        let all: Vec<PathBuf> = std::iter::once(ours.clone()).chain(others).collect();
        let library_path = env::join_paths(all).unwrap_or_else(|_| ours.clone().into_os_string());
        let remove = present.filter(|name| OUTVOTING.iter().any(|other| name == other) || is_of_this_crate(name));
        Self {
            set: vec![
                ("LIBTORCH", root.as_os_str().to_owned()),
                // tch 0.20 was made for 2.7; it compiles against 2.8 and runs.
                ("LIBTORCH_BYPASS_VERSION_CHECK", OsString::from("1")),
                (LIBRARY_PATH, library_path),
            ],
            remove: remove.collect(),
        }
    }

    /// Gives `command` this environment.
    pub fn apply(&self, command: &mut Command) {
        for name in &self.remove {
            command.env_remove(name);
        }
        command.envs(self.set.iter().map(|(name, value)| (name, value)));
    }
}

fn is_of_this_crate(name: &OsStr) -> bool {
    OF_THIS_CRATE.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
}

/// Shell lines that give plain cargo the environment of the libtorch at `root`.
///
/// The library path is left to the shell, so that it stays right wherever the lines are evaluated.
pub fn shell_lines(root: &Path) -> String {
    let folder = quote(&root.to_string_lossy());
    let library = quote(&root.join("lib").to_string_lossy());
    format!(
        "unset {}\nexport LIBTORCH={folder}\nexport LIBTORCH_BYPASS_VERSION_CHECK=1\n\
         export {LIBRARY_PATH}={library}\"${{{LIBRARY_PATH}:+:${LIBRARY_PATH}}}\"\n",
        OUTVOTING.join(" ")
    )
}

/// For a POSIX shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_top(library_path: Option<&str>, present: &[&str]) -> Environment {
        let present = present.iter().map(OsString::from);
        Environment::on_top(Path::new("/cache/libtorch"), library_path.map(OsString::from), present)
    }

    fn library_path(environment: &Environment) -> &OsStr {
        &environment.set.iter().find(|(name, _)| *name == LIBRARY_PATH).unwrap().1
    }

    #[test]
    fn our_libraries_come_first_and_once() {
        assert_eq!(library_path(&on_top(None, &[])), "/cache/libtorch/lib");
        assert_eq!(library_path(&on_top(Some(""), &[])), "/cache/libtorch/lib");
        assert_eq!(library_path(&on_top(Some("/a::/b"), &[])), "/cache/libtorch/lib:/a:/b");
        assert_eq!(library_path(&on_top(Some("/a:/cache/libtorch/lib"), &[])), "/cache/libtorch/lib:/a");
    }

    #[test]
    fn what_torch_sys_watches_is_the_same_whatever_was_set_before() {
        let watched = |environment: Environment| {
            environment.set.into_iter().filter(|(name, _)| *name != LIBRARY_PATH).collect::<Vec<_>>()
        };
        let clean = on_top(None, &[]);
        let dirty = on_top(Some("/a"), &["LIBTORCH_STATIC", "LIBTORCH_USE_PYTORCH", "CARGO_PKG_NAME", "HOME"]);
        assert_eq!(dirty.remove, ["LIBTORCH_STATIC", "LIBTORCH_USE_PYTORCH", "CARGO_PKG_NAME"]);
        assert_eq!(watched(clean), watched(dirty));
    }

    #[test]
    fn a_command_gets_it() {
        let mut command = Command::new("true");
        on_top(None, &["LIBTORCH_LIB"]).apply(&mut command);
        let envs: Vec<_> = command.get_envs().collect();
        assert!(envs.contains(&(OsStr::new("LIBTORCH"), Some(OsStr::new("/cache/libtorch")))));
        assert!(envs.contains(&(OsStr::new("LIBTORCH_LIB"), None)));
    }

    #[test]
    fn shell_lines_survive_any_path() {
        insta::assert_snapshot!(shell_lines(Path::new("/home/o'brien/my cache/libtorch")));
    }

    #[test]
    fn a_shell_reads_the_lines_back() {
        let root = Path::new("/home/o'brien/my cache/libtorch");
        let script = format!("{}printf '%s|%s' \"$LIBTORCH\" \"${LIBRARY_PATH}\"", shell_lines(root));
        let output = Command::new("sh").arg("-c").arg(script).env(LIBRARY_PATH, "/a b").output().unwrap();
        let expected = "/home/o'brien/my cache/libtorch|/home/o'brien/my cache/libtorch/lib:/a b";
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }
}
