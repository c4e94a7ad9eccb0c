//! `cargo harness` from outside: what reaches dinov3-harness and comes back, and how set-up fails.
//!
//! cargo, dinov3-harness and python3 are shell scripts here, so nothing is built or downloaded.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const CARGO: &str = r#"
echo "a line that must not get into the harness's stdout"
printf '%s\n' "$@" "LIBTORCH=$LIBTORCH" "STATIC=${LIBTORCH_STATIC-unset}" "MANIFEST=${CARGO_MANIFEST_DIR-unset}" > "$NOTES/cargo"
exit "${CARGO_CODE:-0}"
"#;

const HARNESS: &str = r#"
printf '<%s>' "$@"
echo
echo "pid $$, libraries $LD_LIBRARY_PATH, input $(cat)"
echo "to stderr" >&2
test -z "${HARNESS_SIGNAL:-}" || kill -s "$HARNESS_SIGNAL" $$
exit "${HARNESS_CODE:-0}"
"#;

const PYTHON: &str = r#"
case "$PIP" in
  absent) echo "/usr/bin/python3: No module named pip" >&2; exit 1 ;;
  offline) echo "ERROR: No matching distribution found for torch===2.8.0" >&2; exit 1 ;;
  other) while test "$1" != --dest; do shift; done; echo "no wheel" > "$2/torch.whl" ;;
  hangs) while test "$1" != --dest; do shift; done; echo half > "$2/torch.whl"; echo $$ > "$NOTES/pip"; exec sleep 60 ;;
esac
"#;

/// A folder with the program under test beside a dinov3-harness, as cargo leaves them, and what they call.
///
/// It is complete before any test starts a process: a child started while a script is still open for writing would
/// keep it from being run ("text file busy").
static STAGE: LazyLock<TempDir> = LazyLock::new(|| {
    let stage = tempfile::tempdir().unwrap();
    let program = stage.path().join("dinov3-ci");
    fs::copy(env!("CARGO_BIN_EXE_dinov3-ci"), program).unwrap();
    for (name, text) in [("cargo", CARGO), ("dinov3-harness", HARNESS), ("python3", PYTHON)] {
        let path = stage.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for (folder, minor) in [("libtorch", 8), ("old", 7)] {
        let header = stage.path().join(folder).join("include/torch/csrc/api/include/torch");
        fs::create_dir_all(&header).unwrap();
        let version = [("MAJOR", 2), ("MINOR", minor), ("PATCH", 0)];
        let text: String =
            version.iter().map(|(part, value)| format!("#define TORCH_VERSION_{part} {value}\n")).collect();
        fs::write(header.join("version.h"), text).unwrap();
        fs::create_dir_all(stage.path().join(folder).join("include/ATen")).unwrap();
        fs::create_dir_all(stage.path().join(folder).join("lib")).unwrap();
        fs::write(stage.path().join(folder).join("lib/libtorch_cpu.so"), "").unwrap();
    }
    stage
});

/// One test's own folder, for notes of the scripts and for a cache.
struct Scene {
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        LazyLock::force(&STAGE);
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `dinov3-ci` with a libtorch that the user names, as `cargo run` starts it.
    fn ci(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(STAGE.path().join("dinov3-ci"));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("DINOV3_LIBTORCH", STAGE.path().join("libtorch")).env("NOTES", self.folder.path());
        command.env("CARGO", STAGE.path().join("cargo")).env("CARGO_MANIFEST_DIR", "/repository/ci");
        command
    }

    /// The same with an empty cache, to be filled by a pip of the given mood.
    fn ci_with_pip(&self, mood: &str) -> Command {
        let mut command = self.ci(&["libtorch"]);
        command.env_remove("DINOV3_LIBTORCH").env_remove("LIBTORCH").env("DINOV3_CACHE", self.path("cache"));
        let path = format!("{}:{}", STAGE.path().display(), std::env::var("PATH").unwrap());
        command.env("PIP", mood).env("PATH", path);
        command
    }

    /// Names in the cache folder, sorted.
    fn cached(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path("cache"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace(&STAGE.path().display().to_string(), "[stage]")
}

fn finish(child: Child) -> Output {
    child.wait_with_output().unwrap()
}

fn wait_for(path: &Path) {
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < Duration::from_secs(30), "{} does not appear", path.display());
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn arguments_streams_and_exit_code_pass_unchanged() {
    let scene = Scene::new();
    let mut command = scene.ci(&["harness", "layers", "--help", "--", "a b", "", "--device=cpu"]);
    command.env("HARNESS_CODE", "7").env("LIBTORCH_STATIC", "1").env("LD_LIBRARY_PATH", "/other");
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    child.stdin.take().unwrap().write_all(b"from outside").unwrap();
    let output = finish(child);
    // The same process number: dinov3-harness has taken this process over, so signals reach it directly.
    let expected = format!(
        "<layers><--help><--><a b><><--device=cpu>\npid {id}, libraries [stage]/libtorch/lib:/other, input from outside\n"
    );
    assert_eq!(text(&output.stdout), expected);
    assert!(text(&output.stderr).ends_with("to stderr\n"));
    assert_eq!(output.status.code(), Some(7));
}

#[test]
fn the_build_gets_libtorch_and_nothing_that_contradicts_it() {
    let scene = Scene::new();
    let mut command = scene.ci(&["harness"]);
    command.env("LIBTORCH_STATIC", "1").env("LIBTORCH", "/elsewhere");
    let output = finish(command.spawn().unwrap());
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(text(&fs::read(scene.path("cargo")).unwrap()));
}

#[test]
fn death_by_a_signal_is_passed_on() {
    let scene = Scene::new();
    let output = finish(scene.ci(&["harness"]).env("HARNESS_SIGNAL", "TERM").spawn().unwrap());
    assert_eq!(output.status.signal(), Some(15));
    // A shell makes 128 + 15 of it.
    let mut shell = Command::new("sh");
    shell.arg("-c").arg("\"$0\" harness >&2; echo $?").arg(STAGE.path().join("dinov3-ci"));
    shell.envs(scene.ci(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = shell.env("HARNESS_SIGNAL", "TERM").stdin(Stdio::null()).output().unwrap();
    assert_eq!(text(&output.stdout), "143\n");
}

#[test]
fn a_failed_build_is_the_environment_s_fault_and_runs_nothing() {
    let scene = Scene::new();
    let output = finish(scene.ci(&["harness"]).env("CARGO_CODE", "101").spawn().unwrap());
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(text(&output.stdout), "");
    insta::assert_snapshot!(text(&output.stderr));
}

#[test]
fn a_libtorch_of_another_version_is_refused_with_both_versions() {
    let scene = Scene::new();
    let output = finish(scene.ci(&["libtorch"]).env("DINOV3_LIBTORCH", STAGE.path().join("old")).spawn().unwrap());
    assert_eq!(output.status.code(), Some(3));
    insta::assert_snapshot!(text(&output.stderr));
}

#[test]
fn the_folder_is_all_that_stdout_gets() {
    let scene = Scene::new();
    let output = finish(scene.ci(&["libtorch"]).spawn().unwrap());
    assert_eq!(text(&output.stdout), "[stage]/libtorch\n");
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    let scene = Scene::new();
    assert_eq!(finish(scene.ci(&["tset"]).spawn().unwrap()).status.code(), Some(2));
}

#[test]
fn each_way_pip_can_fail_has_its_message_and_leaves_nothing() {
    for (mood, message) in [
        ("absent", "error: python3 has no pip"),
        ("offline", "its last words:\n  ERROR: No matching distribution found for torch===2.8.0\nhint: "),
        ("other", "is not the file that was expected"),
        ("lazy", "its last words:\n  pip saved no file\nhint: "),
    ] {
        let scene = Scene::new();
        let output = finish(scene.ci_with_pip(mood).spawn().unwrap());
        let stderr = text(&output.stderr);
        assert!(stderr.contains(message), "{mood}: {stderr}");
        assert_eq!(output.status.code(), Some(3), "{mood}");
        assert_eq!(text(&output.stdout), "", "{mood}");
        assert_eq!(scene.cached(), ["libtorch.lock"], "{mood}");
    }
}

#[test]
fn without_python_there_is_a_hint() {
    let scene = Scene::new();
    let output = finish(scene.ci_with_pip("").env("PATH", scene.folder.path()).spawn().unwrap());
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("error: cannot run python3"), "{}", text(&output.stderr));
}

#[test]
fn a_killed_set_up_leaves_nothing_complete_and_the_process_that_waited_clears_up() {
    let scene = Scene::new();
    let mut first = scene.ci_with_pip("hangs").spawn().unwrap();
    wait_for(&scene.path("pip"));
    let second = scene.ci_with_pip("offline").spawn().unwrap();
    // Long enough to meet the lock; were it not to wait, it would fail with the first one's folder still there.
    thread::sleep(Duration::from_millis(300));
    assert!(scene.cached().iter().any(|name| name.starts_with(".partial-")), "{:?}", scene.cached());
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(!scene.cached().iter().any(|name| name.starts_with("libtorch-")), "{:?}", scene.cached());

    let output = finish(second);
    assert!(text(&output.stderr).contains("waiting for another process"), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(scene.cached(), ["libtorch.lock"]);

    let pip = fs::read_to_string(scene.path("pip")).unwrap();
    Command::new("kill").arg(pip.trim()).status().unwrap();
}

/// Every step runs whatever the others say, and the first that is red gives the exit code: what keeps a change from being merged.
#[test]
fn a_gate_runs_every_step_and_is_red_where_a_check_is() {
    for (code, steps) in [(0, 4), (1, 4), (3, 4)] {
        let scene = Scene::new();
        let mut command = scene.ci(&["gate", "--device", "npu", "--out"]);
        command
            .arg(scene.path("gate"))
            .env("HARNESS_CODE", code.to_string())
            .env("GITHUB_STEP_SUMMARY", scene.path("summary.md"));
        let output = finish(command.spawn().unwrap());
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        let stdout = text(&output.stdout);
        assert!(
            stdout.contains("<doctor><--device><npu>") && stdout.contains("<run><--suite><performance>"),
            "{stdout}"
        );
        assert_eq!(stdout.matches("to stderr").count() + text(&output.stderr).matches("to stderr").count(), steps);
        // What doctor printed is kept, and part of the summary.
        let kept = fs::read_to_string(scene.path("gate/doctor.txt")).unwrap();
        assert!(kept.starts_with("<doctor>"), "{kept}");
        assert!(fs::read_to_string(scene.path("summary.md")).unwrap().contains("<doctor><--device><npu>"));
    }
}

/// A workflow's step is one step of the gate.
#[test]
fn one_step_runs_alone() {
    let scene = Scene::new();
    let mut command = scene.ci(&["gate", "--step", "precision", "--out"]);
    command.arg(scene.path("gate")).env("HARNESS_CODE", "1");
    let output = finish(command.spawn().unwrap());
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout).matches("input ").count(), 1, "{}", text(&output.stdout));
}
