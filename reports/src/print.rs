//! Writing for a reader who may have stopped reading.

use std::io::{self, Write};

/// Turns a broken pipe into success: whoever read our output (`head`, a pager) has seen enough, which is no error.
///
/// # Errors
/// Every other error passes through.
pub fn ignore_broken_pipe(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes data to `output` and flushes; a closed pipe is no error.
///
/// # Errors
/// Any other failure of `output`, a full disk behind a redirection for one.
pub fn print(output: &mut impl Write, text: &str) -> io::Result<()> {
    print_bytes(output, text.as_bytes())
}

/// The same of data that need not be text.
///
/// # Errors
/// As [`print()`].
pub fn print_bytes(output: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    ignore_broken_pipe(output.write_all(bytes).and_then(|()| output.flush()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Refuses;

    #[test]
    fn only_a_closed_pipe_is_forgiven() {
        assert!(print(&mut Refuses(io::ErrorKind::BrokenPipe), "text").is_ok());
        let error = print(&mut Refuses(io::ErrorKind::StorageFull), "text").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn text_arrives_whole() {
        let mut output = Vec::new();
        print(&mut output, "one\ntwo\n").unwrap();
        assert_eq!(output, b"one\ntwo\n");
    }
}
