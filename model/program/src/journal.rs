//! The text log of a run: what the reference's `dinov3/logging` writes, line for line.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use chrono::Local;

use crate::append::{append, open};

/// The file and the line of the reference that say something; both stand in front of it.
pub type At = (&'static str, u32);

/// What the reference never says.
pub const OURS: At = ("dinov3-harness", 0);

/// How urgent a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For a person who looks for a mistake.
    Debug,
    /// What happens.
    Info,
    /// What had better not happen.
    Warning,
    /// What ends the run.
    Error,
}

impl Level {
    fn letter(self) -> char {
        match self {
            Self::Debug => 'D',
            Self::Info => 'I',
            Self::Warning => 'W',
            Self::Error => 'E',
        }
    }

    /// The terminal's codes for the reference's colour of the level.
    fn colour(self) -> &'static str {
        match self {
            Self::Debug => "\x1b[1m\x1b[32m",
            Self::Info => "\x1b[32m",
            Self::Warning => "\x1b[33m",
            Self::Error => "\x1b[31m",
        }
    }
}

/// Who is in the way of standard output, and steps aside for a line.
pub trait Aside: Send {
    /// Runs `print` while nothing is in its way.
    fn aside(&self, print: &mut dyn FnMut());
}

/// A log: each line goes to a file, and on rank 0 to standard output as well.
pub struct Journal {
    name: &'static str,
    path: PathBuf,
    on_stdout: bool,
    coloured: bool,
    sinks: Mutex<Sinks>,
}

struct Sinks {
    file: File,
    aside: Option<Box<dyn Aside>>,
    /// The first error of the file, which the loop asks for.
    failed: Option<io::Error>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Journal {
    /// Appends to `logs/log.txt` below `folder`, on ranks other than 0 to `logs/log.txt.rankN`.
    ///
    /// # Errors
    /// When the folder cannot be made, or the file not be opened.
    pub fn open(folder: &Path, name: &'static str, rank: usize) -> io::Result<Self> {
        let folder = folder.join("logs");
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(if rank == 0 { "log.txt".to_owned() } else { format!("log.txt.rank{rank}") });
        let file = open(&path)?;
        let sinks = Mutex::new(Sinks { file, aside: None, failed: None });
        Ok(Self { name, path, on_stdout: rank == 0, coloured: io::stdout().is_terminal(), sinks })
    }

    /// The same, which says nothing on standard output.
    pub fn hushed(self) -> Self {
        Self { on_stdout: false, ..self }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Has `aside` step aside for each line from now on.
    pub fn beside(&self, aside: Option<Box<dyn Aside>>) {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner).aside = aside;
    }

    /// Says what happens.
    pub fn info(&self, at: At, message: &str) {
        self.say(Level::Info, at, message);
    }

    /// Says what had better not happen.
    pub fn warning(&self, at: At, message: &str) {
        self.say(Level::Warning, at, message);
    }

    /// Says something. A file that takes no more is an error that [`Journal::check`] gives; a closed pipe is none.
    pub fn say(&self, level: Level, (file, line): At, message: &str) {
        let prefix = format!(
            "{}{} {} {} {file}:{line}] ",
            level.letter(),
            Local::now().format("%Y%m%d %H:%M:%S"),
            std::process::id(),
            self.name
        );
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        let Sinks { file, aside, failed } = &mut *sinks;
        if let Err(error) = append(file, format!("{prefix}{message}\n").as_bytes()) {
            failed.get_or_insert(error);
        }
        if !self.on_stdout {
            return;
        }
        let shown = match self.coloured {
            true => format!("{}{prefix}\x1b[0m{message}\n", level.colour()),
            false => format!("{prefix}{message}\n"),
        };
        let mut print = || {
            let mut stdout = io::stdout().lock();
            // Whoever has closed the pipe has seen enough; the file has everything.
            let _ = stdout.write_all(shown.as_bytes()).and_then(|()| stdout.flush());
        };
        match aside {
            Some(aside) => aside.aside(&mut print),
            None => print(),
        }
    }

    /// Whether the file has taken every line so far.
    ///
    /// # Errors
    /// The first error of writing it, once.
    pub fn check(&self) -> io::Result<()> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner).failed.take().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_appended_with_the_reference_s_prefix() {
        let folder = tempfile::tempdir().unwrap();
        for rank in [0, 3, 0] {
            let journal = Journal::open(folder.path(), "dinov3", rank).unwrap();
            journal.info(("helpers.py", 118), "Training  [ 0/25]");
            journal.warning(("train.py", 519), "two\nlines");
            journal.check().unwrap();
        }
        let text = std::fs::read_to_string(folder.path().join("logs/log.txt")).unwrap();
        assert_eq!(text.lines().count(), 6);
        let first: Vec<&str> = text.lines().next().unwrap().split(' ').collect();
        let [date, time, pid, name, at, rest @ ..] = first.as_slice() else { panic!("{first:?}") };
        assert!(date.len() == 9 && date.starts_with("I20") && time.len() == 8, "{date} {time}");
        assert_eq!(*pid, std::process::id().to_string());
        assert_eq!((*name, *at, rest.join(" ").as_str()), ("dinov3", "helpers.py:118]", "Training  [ 0/25]"));
        assert!(folder.path().join("logs/log.txt.rank3").is_file());
    }
}
