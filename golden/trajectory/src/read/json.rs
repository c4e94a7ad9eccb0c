//! `training_metrics.json`: one flat JSON object a line, with Python's bare `NaN`, `Infinity` and `-Infinity`.

use memchr::memchr;

use super::columns::{Columns, MOST};
use super::error::Problem;
use crate::run::{Format, Note, Resolution, Run};

/// The keys that give the iteration of a line.
const ITERATION: [&[u8]; 3] = [b"iteration", b"step", b"it"];

/// Reads a log.
pub(super) fn read(bytes: &[u8]) -> Result<Run, Problem> {
    let mut run = Run { format: Format::JsonLines, ..Run::default() };
    let (mut columns, mut texts) = (Columns::default(), Vec::new());
    let (mut rest, mut number) = (bytes, 0);
    while !rest.is_empty() {
        number += 1;
        let end = memchr(b'\n', rest);
        let line = &rest[..end.unwrap_or(rest.len())];
        rest = end.map_or(&[], |end| &rest[end + 1..]);
        if line.trim_ascii().is_empty() {
            continue;
        }
        let before = columns.len();
        match self::line(line, &mut columns, &mut texts) {
            Ok(()) => {}
            // A program that was killed leaves half a line behind.
            Err(_) if end.is_none() => {
                if columns.len() > before {
                    columns.undo();
                }
                run.notes.push(Note::CutLine { line: number });
            }
            Err(Bad { at, reason }) => {
                return Err(Problem::Line { line: number, column: at as u64 + 1, reason: reason.to_owned() });
            }
        }
    }
    if !texts.is_empty() {
        run.notes.push(Note::NotNumbers { columns: texts });
    }
    columns.into_run(&mut run);
    Ok(run)
}

/// Why a line is not a flat object of numbers, and where.
struct Bad {
    at: usize,
    reason: &'static str,
}

/// A value of a line.
enum Value {
    Number(f64),
    Other,
}

fn line(line: &[u8], columns: &mut Columns, texts: &mut Vec<String>) -> Result<(), Bad> {
    let iteration = iteration(line)?;
    columns.row(iteration);
    let mut cursor = Cursor { line, at: 0 };
    cursor.each(|name, value, at| match value {
        _ if ITERATION.contains(&name) => Ok(()),
        Value::Number(value) if columns.value(name, value, Resolution::Exact) => Ok(()),
        Value::Number(_) => Err(Bad { at, reason: "a second value of this name" }),
        Value::Other => {
            let name = String::from_utf8_lossy(name).into_owned();
            if !texts.contains(&name) {
                texts.push(name);
            }
            Ok(())
        }
    })
}

/// The iteration of a line, wherever it stands in it.
fn iteration(line: &[u8]) -> Result<u64, Bad> {
    let mut found = None;
    let mut cursor = Cursor { line, at: 0 };
    // In the reference's log it stands first.
    cursor.each_until(|name, value, at| match value {
        Value::Number(value) if ITERATION.contains(&name) => {
            if value < 0.0 || value.fract() != 0.0 || value > MOST as f64 || value.is_nan() {
                return Err(Bad { at, reason: "the iteration is no whole number" });
            }
            found = Some(value as u64);
            Ok(false)
        }
        _ => Ok(true),
    })?;
    found.ok_or(Bad { at: 0, reason: "no `iteration`" })
}

/// A place in a line.
struct Cursor<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn each(&mut self, mut take: impl FnMut(&'a [u8], Value, usize) -> Result<(), Bad>) -> Result<(), Bad> {
        self.each_until(|name, value, at| take(name, value, at).map(|()| true))?;
        self.blanks();
        if self.at == self.line.len() { Ok(()) } else { Err(self.bad("more behind the object")) }
    }

    /// Each name and value, as long as `take` wants more.
    fn each_until(&mut self, mut take: impl FnMut(&'a [u8], Value, usize) -> Result<bool, Bad>) -> Result<(), Bad> {
        self.expect(b'{', "`{` expected")?;
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.blanks();
            let at = self.at;
            let name = self.text()?;
            self.expect(b':', "`:` expected")?;
            let value = self.value()?;
            if !take(name, value, at)? {
                return Ok(());
            }
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.bad("`,` or `}` expected")),
            }
        }
    }

    fn bad(&self, reason: &'static str) -> Bad {
        Bad { at: self.at, reason }
    }

    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, reason: &'static str) -> Result<(), Bad> {
        self.blanks();
        if self.peek() != Some(byte) {
            return Err(self.bad(reason));
        }
        self.at += 1;
        Ok(())
    }

    /// A text in quotes. Escapes stay as they are: no meter has one.
    fn text(&mut self) -> Result<&'a [u8], Bad> {
        self.expect(b'"', "`\"` expected")?;
        let begin = self.at;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
                None => return Err(Bad { at: self.line.len(), reason: "a text without an end" }),
            }
        }
        self.at += 1;
        Ok(&self.line[begin..self.at - 1])
    }

    fn value(&mut self) -> Result<Value, Bad> {
        self.blanks();
        let rest = &self.line[self.at..];
        match self.peek() {
            Some(b'"') => self.text().map(|_| Value::Other),
            Some(b'{' | b'[') => Err(self.bad("a value within a value")),
            _ => {
                let end = rest.iter().position(|byte| matches!(byte, b',' | b'}' | b' ' | b'\t' | b'\r'));
                let word = &rest[..end.unwrap_or(rest.len())];
                let value = match word {
                    b"NaN" => Value::Number(f64::NAN),
                    b"Infinity" => Value::Number(f64::INFINITY),
                    b"-Infinity" => Value::Number(f64::NEG_INFINITY),
                    b"null" | b"true" | b"false" => Value::Other,
                    _ => Value::Number(number(word).ok_or_else(|| self.bad("no number"))?),
                };
                self.at += word.len();
                Ok(value)
            }
        }
    }
}

/// A number as JSON has it: unlike Rust's, it begins with a digit or a sign.
fn number(word: &[u8]) -> Option<f64> {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    let first = digits.first().is_some_and(u8::is_ascii_digit);
    std::str::from_utf8(word).ok().filter(|_| first).and_then(|word| word.parse().ok())
}
