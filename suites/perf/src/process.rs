//! A side in a process of its own, whose figures are the line of JSON that it prints.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::de::DeserializeOwned;

use crate::failure::{ENVIRONMENT, FAILED, Failure, USAGE};

/// A program that measures our side of a round when it is given that side's arguments.
#[derive(Clone, Debug)]
pub struct Program {
    /// The file.
    pub file: PathBuf,
    /// The arguments that come before those of the side.
    pub arguments: Vec<OsString>,
}

impl Program {
    /// The program of this process.
    ///
    /// # Errors
    /// The system does not tell where the program is.
    pub fn this() -> Result<Self, Failure> {
        let file = std::env::current_exe().map_err(|error| {
            let message = format!("this program does not know where it is: {error}");
            Failure::new(ENVIRONMENT, message, "start it by its path")
        })?;
        Ok(Self { file, arguments: Vec::new() })
    }

    /// The command without the side's arguments.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.file);
        command.args(&self.arguments);
        command
    }
}

/// What a side prints on standard output, once it has ended. Its standard error is this process's.
///
/// # Errors
/// When it cannot be run, and when it fails: with its own exit code, if that is 1, 2 or 3, and nothing more to say.
pub fn figures<T: DeserializeOwned>(command: &mut Command) -> Result<T, Failure> {
    let line = finish(command)?;
    serde_json::from_str(line.trim()).map_err(|error| {
        let message = format!("a side printed no figures ({error}): {line}");
        Failure::new(FAILED, message, "run the side alone to see what it prints")
    })
}

fn finish(command: &mut Command) -> Result<String, Failure> {
    let program = Path::new(command.get_program()).to_owned();
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(|error| {
        let message = format!("{} cannot be run: {error}", program.display());
        Failure::new(ENVIRONMENT, message, "name the Python of the reference's environment with --python")
    })?;
    match output.status.code() {
        Some(0) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        // These are the project's own, and a message has been printed.
        Some(code @ 1..=3) => Err(Failure::said([FAILED, USAGE, ENVIRONMENT][code as usize - 1])),
        _ => {
            let message = format!("{} ended with {}", program.display(), output.status);
            Err(Failure::new(FAILED, message, "signal 9 usually means that memory ran out"))
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Vec<u32>, Failure> {
        figures(Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn figures_are_read() {
        assert_eq!(shell("echo '[1, 2]'").unwrap(), [1, 2]);
    }

    #[test]
    fn exit_codes_of_the_project_are_handed_on() {
        for code in 1..=3 {
            assert_eq!(shell(&format!("exit {code}")).unwrap_err().parts(), (code, None, String::new()));
        }
    }

    #[test]
    fn other_ends_are_told() {
        for (script, wanted) in [
            ("exit 4", "sh ended with exit status: 4"),
            ("kill -9 $$", "sh ended with signal: 9 (SIGKILL)"),
            ("echo none", "a side printed no figures (expected ident at line 1 column 2): none\n"),
        ] {
            let failure = shell(script).unwrap_err();
            let (code, message, hint) = failure.parts();
            assert_eq!((code, message.as_deref()), (FAILED, Some(wanted)));
            assert!(!hint.is_empty());
        }
        let failure = figures::<Vec<u32>>(&mut Command::new("/nowhere/python3")).unwrap_err();
        let (code, message, hint) = failure.parts();
        assert_eq!(code, ENVIRONMENT);
        assert!(message.unwrap().starts_with("/nowhere/python3 cannot be run: "));
        assert!(hint.contains("--python"));
    }
}
