//! Which process wrote a line: the rank that a launcher puts in front, and the process id of the program's own prefix.

use memchr::memmem;

use crate::run::Note;

/// The processes that wrote the lines with figures.
///
/// A program that is started again is another process too: its lines follow those of the first. A process whose lines
/// stand before and behind those of another one runs beside it, and so do different ranks.
#[derive(Default)]
pub(super) struct Processes {
    known: Vec<Vec<u8>>,
    /// The process of each line with figures.
    owners: Vec<u16>,
    mixed: bool,
    /// The first line of the second process.
    second: u64,
}

impl Processes {
    /// Notes whose line comes next; its figures have `prefix` in front.
    pub(super) fn line(&mut self, prefix: &[u8], number: u64) {
        let who = process(prefix);
        let last = self.owners.last().copied();
        if last.is_some_and(|last| self.known[usize::from(last)] == who) {
            self.owners.extend(last);
            return;
        }
        let index = self.known.iter().position(|known| known == who);
        self.mixed |= index.is_some();
        let index = index.unwrap_or_else(|| {
            self.mixed |= self.known.first().is_some_and(|first| rank_of(first) != rank_of(who));
            if self.known.len() == 1 {
                self.second = number;
            }
            // More processes than fit are counted as one.
            if self.known.len() < usize::from(u16::MAX) {
                self.known.push(who.to_vec());
            }
            self.known.len() - 1
        });
        self.owners.push(index as u16);
    }

    /// Takes back the last line.
    pub(super) fn undo(&mut self) {
        self.owners.pop();
    }

    /// If processes are mixed: what is left out, and whether each line is kept. The first process is kept.
    pub(super) fn mixture(self) -> Option<(Note, Vec<bool>)> {
        if !self.mixed {
            return None;
        }
        let kept: Vec<bool> = self.owners.iter().map(|owner| *owner == 0).collect();
        let dropped = kept.iter().filter(|kept| !**kept).count() as u64;
        let name = String::from_utf8_lossy(&self.known[0]).into_owned();
        Some((Note::MixedProcesses { kept: name, line: self.second, dropped }, kept))
    }
}

/// What tells processes apart in the text in front of the figures: the rank's prefix, or else the process id.
fn process(prefix: &[u8]) -> &[u8] {
    let rank = rank_of(prefix);
    if !rank.is_empty() {
        return rank;
    }
    // `I20251111 10:12:13 4242 dinov3 helpers.py:118] `
    let Some(name) = memmem::find(prefix, b" dinov3 ") else { return b"" };
    let words = prefix[..name].rsplit(|byte| *byte == b' ');
    words.take(1).find(|word| !word.is_empty() && word.iter().all(u8::is_ascii_digit)).unwrap_or_default()
}

/// The prefix of a rank: `[rank0]: `, `[default0]:` (torchrun), `0: ` (srun); empty if there is none.
fn rank_of(line: &[u8]) -> &[u8] {
    let end = if line.starts_with(b"[") {
        let close = line.iter().take(32).position(|byte| *byte == b']');
        close.filter(|close| line[*close - 1].is_ascii_digit() && line.get(close + 1) == Some(&b':')).map(|at| at + 2)
    } else {
        let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
        Some(digits + 1).filter(|_| digits > 0 && digits < 6 && line[digits..].starts_with(b": "))
    };
    end.map_or(&[], |end| &line[..end])
}

/// A line without the prefix of its rank, and the blank behind it.
pub(super) fn without_rank(line: &[u8]) -> &[u8] {
    let rank = rank_of(line);
    let rest = &line[rank.len()..];
    if rank.is_empty() { rest } else { rest.strip_prefix(b" ").unwrap_or(rest) }
}

/// Whether a line begins with the program's own prefix: a letter for the level, and `] ` behind file and line.
pub(super) fn has_prefix(line: &[u8]) -> bool {
    let own = without_rank(line);
    let front = &own[..own.len().min(160)];
    matches!(front.first(), Some(b'I' | b'W' | b'E' | b'D' | b'C' | 0x1b)) && memmem::find(front, b"] ").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_launchers_name_ranks() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"[rank0]: I20251111 ", b"[rank0]:"),
            (b"[default3]:I20251111 ", b"[default3]:"),
            (b"12: I20251111 ", b"12:"),
            (b"I20251111 10:12:13 4242 dinov3 helpers.py:118] ", b"4242"),
            (b"I dinov3 helpers.py:118] ", b""),
            (b"", b""),
        ];
        for (prefix, expected) in cases {
            assert_eq!(process(prefix), expected, "{}", String::from_utf8_lossy(prefix));
        }
    }

    fn mixture(whose: &[u8]) -> Option<(Note, Vec<bool>)> {
        let mut processes = Processes::default();
        for (at, pid) in whose.iter().enumerate() {
            processes.line(format!("I20251111 10:12:13 {pid} dinov3 helpers.py:118] ").as_bytes(), at as u64 + 1);
        }
        processes.mixture()
    }

    #[test]
    fn a_program_started_again_is_no_mixture() {
        assert_eq!(mixture(&[1, 1, 2, 2, 3]), None);
    }

    #[test]
    fn a_process_that_comes_back_was_never_gone() {
        let note = Note::MixedProcesses { kept: "1".to_owned(), line: 2, dropped: 2 };
        assert_eq!(mixture(&[1, 2, 1, 2]), Some((note, vec![true, false, true, false])));
    }
}
