//! The machine that is looked at: this one, or the one of a test.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use rustix::process::{Resource, getrlimit};

/// For how long a program may think. `npu-smi` waits for ever on a card that hangs.
pub const LIMIT: Duration = Duration::from_secs(10);

/// A machine: its files, variables and measures.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The folder that stands for `/`.
    pub root: PathBuf,
    /// Environment variables, `PATH` among them.
    pub variables: BTreeMap<String, String>,
    /// For how long a program may run.
    pub limit: Duration,
    /// What no file tells.
    pub measures: Measures,
}

/// What the system says through calls.
#[derive(Clone, Debug)]
pub struct Measures {
    /// Bytes of `/dev/shm`.
    pub shm: Option<u64>,
    /// Open files that a process may have; `None` for no limit.
    pub open_files: Option<u64>,
    /// Bytes that a process may lock; `None` for no limit.
    pub locked: Option<u64>,
    /// Processors that this process may use.
    pub processors: usize,
    /// Free bytes of the disk of a folder, in place of what the system says.
    pub free: Option<u64>,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            root: "/".into(),
            variables: std::env::vars_os().filter_map(text).collect(),
            limit: LIMIT,
            measures: Measures::now(),
        }
    }

    /// Where the absolute `path` lies.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let inside =
            path.as_ref().components().filter(|part| !matches!(part, Component::RootDir | Component::Prefix(_)));
        self.root.join(inside.collect::<PathBuf>())
    }

    /// The text of a file, if it is there and can be read.
    pub fn read(&self, path: impl AsRef<Path>) -> Option<String> {
        // Not all of these files are UTF-8 to the last byte.
        fs::read(self.path(path)).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A variable that is set to something.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The folders of a variable such as `PATH`.
    pub fn folders(&self, variable: &str) -> Vec<&str> {
        self.variable(variable).unwrap_or_default().split(':').filter(|folder| !folder.is_empty()).collect()
    }

    /// The file of a program: on `PATH`, or in one of the other folders.
    pub fn program(&self, name: &str, elsewhere: &[&str]) -> Option<PathBuf> {
        let folders = self.folders("PATH").into_iter().chain(elsewhere.iter().copied());
        folders.map(|folder| self.path(folder).join(name)).find(|file| file.is_file())
    }

    /// Bytes that are free on the disk of `folder`, or of the nearest folder above it that exists.
    pub fn free(&self, folder: &Path) -> Option<u64> {
        let there = std::path::absolute(folder).ok()?;
        let there = there.ancestors().find(|folder| folder.is_dir())?;
        self.measures.free.or_else(|| rustix::fs::statvfs(there).ok().map(|disk| disk.f_bavail * disk.f_frsize))
    }
}

impl Measures {
    fn now() -> Self {
        let soft = |resource| getrlimit(resource).current;
        Self {
            shm: rustix::fs::statvfs("/dev/shm").ok().map(|disk| disk.f_blocks * disk.f_frsize),
            open_files: soft(Resource::Nofile),
            locked: soft(Resource::Memlock),
            processors: rustix::thread::sched_getaffinity(None).map_or(1, |set| set.count() as usize),
            free: None,
        }
    }
}
