//! Fetches wheels with pip: the registry client that the user has set up (index, proxy, certificates) is the one that works.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Error;
use super::recipe::Wheel;

/// How many of pip's last lines an error shows.
const LAST_LINES: usize = 6;

/// How a wheel comes to this machine.
pub trait Fetch {
    /// Puts `wheel`, whatever the source takes for it, into the empty folder `into`, and gives its path.
    fn fetch(&self, wheel: &Wheel, into: &Path) -> Result<PathBuf, Error>;
}

/// pip, as a module of the Python called `python`.
pub struct Pip {
    python: String,
}

impl Pip {
    /// With a Python that is in `PATH` or given by its path. Its version does not matter.
    pub fn new(python: &str) -> Self {
        Self { python: python.to_owned() }
    }

    /// Asks for the wheel of CPython 3.11, whichever Python runs pip.
    fn command(&self, wheel: &Wheel, into: &Path) -> Command {
        let mut command = Command::new(&self.python);
        command.args(["-m", "pip", "download", "--no-input", "--disable-pip-version-check"]);
        // The wheel is needed once; pip's own cache would keep it for good.
        command.args(["--no-cache-dir", "--no-deps", "--only-binary=:all:"]);
        command.args(["--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"]);
        for platform in wheel.platforms {
            command.args(["--platform", platform]);
        }
        command.arg("--dest").arg(into).arg(wheel.requirement);
        // pip's temporary files belong to the disk whose free space was looked at, and are swept with our own.
        command.env("TMPDIR", into.parent().unwrap_or(into));
        command
    }
}

impl Fetch for Pip {
    fn fetch(&self, wheel: &Wheel, into: &Path) -> Result<PathBuf, Error> {
        let python_missing = |source| Error::PythonMissing { python: self.python.clone(), source };
        let mut command = self.command(wheel, into);
        // pip draws its progress bar on its stdout; ours is for data.
        let stdout = if io::stderr().is_terminal() { Stdio::from(io::stderr()) } else { Stdio::null() };
        let mut child =
            command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped()).spawn().map_err(python_missing)?;
        let last_lines = child.stderr.take().map(relay_warnings).unwrap_or_default();
        let status = child.wait().map_err(python_missing)?;
        if status.success() {
            return only_file(into).ok_or_else(|| download(wheel, &["pip saved no file".to_owned()]));
        }
        if last_lines.iter().any(|line| line.contains("No module named pip")) {
            return Err(Error::PipMissing { python: self.python.clone() });
        }
        Err(download(wheel, &last_lines))
    }
}

fn download(wheel: &Wheel, lines: &[String]) -> Error {
    let words: Vec<String> = lines.iter().map(|line| format!("  {line}")).collect();
    Error::Download { requirement: wheel.requirement, words: words.join("\n") }
}

/// Passes on at once that pip tries again, which can take a minute, and keeps for an error message the last such line
/// and the last lines of what else it wrote.
fn relay_warnings(stderr: impl Read) -> Vec<String> {
    let mut warning = None;
    let mut last = VecDeque::new();
    for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if line.starts_with("WARNING") {
            eprintln!("pip: {line}");
            warning = Some(line);
        } else if !line.is_empty() {
            last.push_back(line);
            if last.len() > LAST_LINES {
                last.pop_front();
            }
        }
    }
    warning.into_iter().chain(last).collect()
}

fn only_file(folder: &Path) -> Option<PathBuf> {
    let mut entries = fs::read_dir(folder).ok()?.flatten();
    let first = entries.next()?.path();
    entries.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::super::recipe::{Host, Recipe};
    use super::*;

    fn wheel() -> &'static Wheel {
        let host = Host { system: "linux", architecture: "x86_64", glibc: true };
        &Recipe::for_host(host).unwrap().wheels[1]
    }

    #[test]
    fn the_command_names_no_address() {
        let command = Pip::new("python3").command(wheel(), Path::new("cache/partial/wheel"));
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
        assert!(!words.iter().any(|word| word.contains("://") || word.contains("index")));
        insta::assert_snapshot!(words.join("\n"));
        let temporary = command.get_envs().find(|(name, _)| *name == "TMPDIR").and_then(|(_, value)| value);
        assert_eq!(temporary, Some(Path::new("cache/partial").as_os_str()));
    }

    #[test]
    fn a_python_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Pip::new("python3-that-is-not-there").fetch(wheel(), folder.path()).unwrap_err();
        assert!(
            matches!(&error, Error::PythonMissing { python, .. } if python == "python3-that-is-not-there"),
            "{error}"
        );
    }

    #[test]
    fn the_last_warning_and_the_last_lines_are_kept() {
        let text: String = (0..20).map(|line| format!("line {line}\r\n\nWARNING: try {line}\n")).collect();
        let kept = relay_warnings(text.as_bytes());
        assert_eq!(kept.len(), 1 + LAST_LINES);
        assert_eq!((kept[0].as_str(), kept[LAST_LINES].as_str()), ("WARNING: try 19", "line 19"));
    }

    #[test]
    fn one_file_is_what_pip_must_leave() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(only_file(folder.path()), None);
        fs::write(folder.path().join("a.whl"), "").unwrap();
        assert_eq!(only_file(folder.path()), Some(folder.path().join("a.whl")));
        fs::write(folder.path().join("b.whl"), "").unwrap();
        assert_eq!(only_file(folder.path()), None);
    }
}
