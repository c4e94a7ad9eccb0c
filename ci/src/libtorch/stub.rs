//! An empty `libtorch.so`.
//!
//! `torch-sys` links with `-ltorch`. The library of that name in a CUDA wheel has no code of its own, but asks for all
//! of CUDA; one that asks for nothing serves as well.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Error;

/// The library's file name.
pub const LIBRARY: &str = "libtorch.so";

/// C compilers by the names they go by.
pub const COMPILERS: &[&str] = &["cc", "gcc", "clang"];

/// Makes the library in `folder` with the first of `compilers` that is installed.
pub fn make(folder: &Path, compilers: &[&str]) -> Result<(), Error> {
    let failed = |reason| Err(Error::Compiler { library: LIBRARY, reason });
    for compiler in compilers {
        let mut command = Command::new(compiler);
        command.args(["-shared", "-nostdlib", "-Wl,-soname,libtorch.so", "-x", "c", "/dev/null", "-o"]);
        match command.arg(folder.join(LIBRARY)).stdin(Stdio::null()).output() {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => {
                return failed(format!("{compiler} says: {}", String::from_utf8_lossy(&output.stderr).trim_end()));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return failed(format!("{compiler} does not start: {error}")),
        }
    }
    failed(format!("none of {} is installed", compilers.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stub_is_a_shared_library() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), COMPILERS).unwrap();
        let bytes = std::fs::read(folder.path().join(LIBRARY)).unwrap();
        assert_eq!(&bytes[..4], b"\x7fELF");
        // The kind of an ELF file: 3 is a shared object.
        assert_eq!(bytes[16], 3);
    }

    #[test]
    fn the_next_compiler_is_tried_and_none_at_all_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), &["no-such-compiler", "cc"]).unwrap();
        let error = make(folder.path(), &["no-such-compiler"]).unwrap_err();
        let expected = "cannot make the library libtorch.so with a C compiler: none of no-such-compiler is installed";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_compiler_that_fails_is_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let error = make(&folder.path().join("not/there"), COMPILERS).unwrap_err();
        assert!(error.to_string().contains("says: "), "{error}");
    }
}
