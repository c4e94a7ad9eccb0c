//! Why there is no libtorch, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use dinov3_ground::{Hint, Hints};

use super::recipe::{Host, VERSION};

/// Why libtorch could not be provided.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no recipe for this kind of machine.
    #[error("libtorch {VERSION} cannot be fetched for {0}")]
    UnsupportedPlatform(Host),
    /// A path the user named holds no libtorch.
    #[error("{variable} names {path}, which is no libtorch: it has no {missing}")]
    NotLibtorch {
        /// The variable.
        variable: &'static str,
        /// Its value.
        path: PathBuf,
        /// The first file that is missing, relative to the path.
        missing: PathBuf,
    },
    /// A path the user named holds another version.
    #[error("{variable} names {path}, which is libtorch {found}; {VERSION} or another 2.8 is needed")]
    WrongVersion {
        /// The variable.
        variable: &'static str,
        /// Root of the libtorch.
        path: PathBuf,
        /// Its version.
        found: String,
    },
    /// Neither `DINOV3_CACHE` nor a home folder says where the cache is.
    #[error("there is no home folder to keep libtorch in")]
    NoCacheFolder,
    /// The cache folder cannot be made or written to.
    #[error("cannot write to the cache folder {folder}: {source}")]
    NotWritable {
        /// The cache folder.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The disk is too full.
    #[error("{folder} has {} free, and fetching libtorch takes {}", megabytes(*available), megabytes(*needed))]
    NoSpace {
        /// The cache folder.
        folder: PathBuf,
        /// Bytes needed for the time of the download.
        needed: u64,
        /// Bytes there are.
        available: u64,
    },
    /// Python cannot be started.
    #[error("cannot run {python}, whose pip is to fetch libtorch: {source}")]
    PythonMissing {
        /// The program.
        python: String,
        /// Why not.
        source: io::Error,
    },
    /// Python has no pip.
    #[error("{python} has no pip, which is to fetch libtorch")]
    PipMissing {
        /// The program.
        python: String,
    },
    /// pip did not bring the wheel.
    #[error("pip cannot fetch {requirement}; its last words:\n{words}")]
    Download {
        /// What it was asked for.
        requirement: &'static str,
        /// The end of what it wrote, indented.
        words: String,
    },
    /// The wheel is not the one that this program was written for.
    #[error("{file} is not the file that was expected\n  SHA-256 expected {expected}\n  SHA-256 found    {found}")]
    HashMismatch {
        /// The wheel's file name.
        file: String,
        /// What its hash should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The wheel has the right hash and yet cannot be unpacked.
    #[error("cannot unpack {file}: {reason}")]
    Unpack {
        /// The wheel's file name.
        file: String,
        /// Why not.
        reason: String,
    },
    /// Something that the recipe promises was in none of the wheels.
    #[error("the downloaded libtorch has no {missing}")]
    Incomplete {
        /// The file, relative to the folder.
        missing: PathBuf,
    },
    /// No C compiler could make the stub library.
    #[error("cannot make the library {library} with a C compiler: {reason}")]
    Compiler {
        /// The library's file name.
        library: &'static str,
        /// What came of trying.
        reason: String,
    },
    /// Any other trouble with a file.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl Hint for Error {
    fn hints(&self) -> Hints {
        let hint: &'static str = match self {
            Self::UnsupportedPlatform(_) => {
                "set DINOV3_LIBTORCH to a libtorch 2.8 or the `torch` folder of a PyTorch 2.8"
            }
            Self::NotLibtorch { .. } => {
                "name a folder with include/ and lib/, or the `torch` folder of a PyTorch 2.8; or unset the variable"
            }
            Self::WrongVersion { .. } => "name a 2.8, or unset the variable to have one fetched",
            Self::NoCacheFolder => "set HOME, or DINOV3_CACHE to a folder that can be written to",
            Self::NotWritable { .. } => "set DINOV3_CACHE to a folder that can be written to",
            Self::NoSpace { .. } => "free some space, or set DINOV3_CACHE to a folder on a larger disk",
            Self::PythonMissing { .. } => "install Python 3.11 with pip, or set DINOV3_LIBTORCH to a libtorch 2.8",
            Self::PipMissing { .. } => "python3 -m ensurepip, or install your system's python3-pip",
            Self::Download { .. } => {
                "look at the network and pip's index and proxy (pip config list), or set DINOV3_LIBTORCH to a libtorch 2.8"
            }
            Self::HashMismatch { .. } => {
                "the file was damaged on its way, or pip's index offers another: try again, then look at `pip config list`"
            }
            Self::Unpack { .. } | Self::Incomplete { .. } => {
                "try again; if it happens twice, set DINOV3_LIBTORCH to a libtorch 2.8"
            }
            Self::Compiler { .. } => "install a C and C++ compiler (gcc and g++, say)",
            Self::Io { .. } => "look at the path's permissions and disk, or set DINOV3_CACHE to another folder",
        };
        hint.into()
    }
}

impl Error {
    /// Trouble with the file at `path` while trying to `action` it.
    pub fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_path_buf(), source }
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    fn refused() -> io::Error {
        io::Error::from(io::ErrorKind::PermissionDenied)
    }

    /// One of each, with what a user might meet.
    fn all() -> Vec<Error> {
        let (folder, python) = (PathBuf::from("/home/user/.cache/dinov3-harness"), "python3".to_owned());
        let path = PathBuf::from("/opt/torch");
        let file = "torch-2.8.0-cp311-cp311-manylinux_2_28_x86_64.whl".to_owned();
        let words = "  ERROR: No matching distribution found for torch===2.8.0".to_owned();
        vec![
            Error::UnsupportedPlatform(Host { system: "macos", architecture: "aarch64", glibc: false }),
            Error::UnsupportedPlatform(Host { system: "linux", architecture: "x86_64", glibc: false }),
            Error::NotLibtorch {
                variable: "DINOV3_LIBTORCH",
                path: path.clone(),
                missing: PathBuf::from("lib/libtorch_cpu.so"),
            },
            Error::WrongVersion { variable: "LIBTORCH", path, found: "2.7.1".to_owned() },
            Error::NoCacheFolder,
            Error::NotWritable { folder: folder.clone(), source: refused() },
            Error::NoSpace { folder: folder.clone(), needed: 2_000_000_000, available: 1_234_567_890 },
            Error::PythonMissing { python: python.clone(), source: io::Error::from(io::ErrorKind::NotFound) },
            Error::PipMissing { python },
            Error::Download { requirement: "torch===2.8.0", words },
            Error::HashMismatch { file: file.clone(), expected: "c12f".repeat(16), found: "220a".repeat(16) },
            Error::Unpack { file, reason: "invalid Zip archive: Could not find EOCD".to_owned() },
            Error::Incomplete { missing: PathBuf::from("lib/libc10.so") },
            Error::Compiler { library: "libtorch.so", reason: "none of cc, gcc, clang is installed".to_owned() },
            Error::io("unpack into", &folder, refused()),
        ]
    }

    #[test]
    fn every_error_says_what_is_wrong_and_what_to_do() {
        let text = all().into_iter().fold(String::new(), |mut text, error| {
            writeln!(text, "error: {}\n", dinov3_ground::hint::text(&error)).unwrap();
            text
        });
        insta::assert_snapshot!(text);
    }
}
