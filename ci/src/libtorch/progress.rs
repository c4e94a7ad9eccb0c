//! What a person sees while libtorch is fetched. Everything goes to stderr; bars only where that is a terminal.

use std::io::{self, Read};

use indicatif::{ProgressBar, ProgressStyle};

/// A line that is worth having in a log as well.
pub fn say(message: &str) {
    eprintln!("libtorch: {message}");
}

/// A bar over `bytes` bytes; indicatif hides it where stderr is no terminal.
pub fn bar(bytes: u64, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}");
    let bar = ProgressBar::new(bytes).with_message(what.to_owned());
    // The template is a constant, so the default stands in for nothing but a slip in it.
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Reads all of `source` in pieces, moving `bar` on; `sink` gets each piece.
pub fn pump(
    source: &mut impl Read,
    bar: &ProgressBar,
    mut sink: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 18];
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        sink(&buffer[..count])?;
        bar.inc(count as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_passes_through_and_is_counted() {
        let data: Vec<u8> = (0..600_000_u32).map(|value| value as u8).collect();
        let (bar, mut received) = (ProgressBar::hidden(), Vec::new());
        pump(&mut &data[..], &bar, |piece| {
            received.extend_from_slice(piece);
            Ok(())
        })
        .unwrap();
        assert_eq!(received, data);
        assert_eq!(bar.position(), 600_000);
    }
}
