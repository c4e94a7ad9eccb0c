//! `labels.txt`: one line `id,name` per class, read as Python's `csv` reads it.
//!
//! Python's `csv` differs from Rust crates for unusual files: an empty line is a row without columns, a quote within a
//! field is a character, text after a closing quote is kept, and an open quote extends to the end of the file.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use dinov3_ground::{Hint, Hints};

/// The file's name, below the root of ImageNet.
pub const LABELS: &str = "labels.txt";

/// The longest field that Python's `csv` accepts, in characters.
const LONGEST: usize = 131_072;

/// The reason why the labels cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// The system's error.
    #[error("the labels {} cannot be read: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// A line is not UTF-8.
    #[error("line {line} of the labels {} is not UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// A row does not have two columns, id and name.
    #[error("line {line} of the labels {} has {}", path.display(), columns_of(*.columns))]
    Columns {
        /// The file.
        path: PathBuf,
        /// The line that it begins in, from 1.
        line: usize,
        /// The number of columns.
        columns: usize,
    },
    /// The file is Kaggle's list of the classes.
    #[error("the labels {} are Kaggle's LOC_synset_mapping.txt: id, blank, names", path.display())]
    Kaggle {
        /// The file.
        path: PathBuf,
    },
    /// A name is too long.
    #[error("line {line} of the labels {} has a name of more than {LONGEST} characters", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The line that it begins in, from 1.
        line: usize,
    },
}

fn columns_of(columns: usize) -> String {
    match columns {
        0 => "nothing in it".to_owned(),
        1 => "one column, not two".to_owned(),
        columns => format!("{columns} columns, not two"),
    }
}

impl Hint for LabelError {
    fn hints(&self) -> Hints {
        let hint: String = match self {
            Self::Read { .. } => format!("the root of ImageNet must hold {LABELS} with one line `id,name` per class"),
            Self::NotUtf8 { .. } => "save it as UTF-8".to_owned(),
            Self::Kaggle { .. } => format!(
                "write `id,\"names\"` lines: sed 's/\\([^ ]*\\) \\(.*\\)/\\1,\"\\2\"/' LOC_synset_mapping.txt > {LABELS}"
            ),
            Self::Columns { columns: 0, .. } => "remove the empty line".to_owned(),
            Self::Columns { .. } => "write `id,name`, and quotes around a name that has commas".to_owned(),
            Self::TooLong { .. } => "look for an open quote before the line".to_owned(),
        };
        hint.into()
    }
}

/// Whether each line has the id of a WordNet synset, a blank, and names. Read as `id,name`, some of these lines have two
/// columns, and the first would be no folder of a class.
fn is_kaggles(text: &str) -> bool {
    let is_id = |id: &str| id.len() == 9 && id.starts_with('n') && id[1..].bytes().all(|byte| byte.is_ascii_digit());
    let mut lines = text.lines().filter(|line| !line.is_empty()).peekable();
    lines.peek().is_some() && lines.all(|line| line.split_once(' ').is_some_and(|(id, _)| is_id(id)))
}

/// The rows of `labels.txt`, in the order of the file.
#[derive(Debug)]
pub struct Labels {
    rows: Vec<(String, String)>,
    /// The last row of each id.
    by_id: HashMap<String, usize>,
}

impl Labels {
    /// Reads `labels.txt` of the ImageNet at `root`.
    pub fn read(root: &Path) -> Result<Self, LabelError> {
        let path = root.join(LABELS);
        let bytes = std::fs::read(&path).map_err(|error| LabelError::Read { path: path.clone(), error })?;
        Self::parse(&path, &bytes)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, LabelError> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            LabelError::NotUtf8 { path: path.to_owned(), line }
        })?;
        // Python's text files accept three line ends and convert them to one.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        if is_kaggles(&text) {
            return Err(LabelError::Kaggle { path: path.to_owned() });
        }
        let mut rows = Vec::new();
        for Row { line, fields } in rows_of(&text) {
            if fields.iter().any(|field| field.len() > LONGEST && field.chars().count() > LONGEST) {
                return Err(LabelError::TooLong { path: path.to_owned(), line });
            }
            match <[String; 2]>::try_from(fields) {
                Ok([id, name]) => rows.push((id, name)),
                Err(fields) => return Err(LabelError::Columns { path: path.to_owned(), line, columns: fields.len() }),
            }
        }
        let by_id = rows.iter().enumerate().map(|(row, (id, _))| (id.clone(), row)).collect();
        Ok(Self { rows, by_id })
    }

    /// The number of rows. Several rows may have the same id.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Id and name of row `row`.
    pub fn row(&self, row: usize) -> (&str, &str) {
        let (id, name) = &self.rows[row];
        (id, name)
    }

    /// Whether a byte-order mark is part of the first id, as in Python.
    pub fn begin_with_mark(&self) -> bool {
        self.rows.first().is_some_and(|(id, _)| id.starts_with('\u{feff}'))
    }

    /// The row of a class; the last of several.
    pub fn row_of(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }
}

struct Row {
    line: usize,
    fields: Vec<String>,
}

/// The state of the reader in a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Plain,
    Quoted,
    /// After a quote within quotes. The quote ends the quoted part, or is the first of two.
    Quote,
}

/// The rows of a text with ` ` as its only line end.
fn rows_of(text: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let (mut place, mut line) = (Place::Start, 1);
    let mut row = Row { line, fields: Vec::new() };
    let mut field = String::new();
    for c in text.chars() {
        match (place, c) {
            (Place::Start, '"') => place = Place::Quoted,
            (Place::Quoted, '"') => place = Place::Quote,
            (Place::Quote, '"') => {
                field.push('"');
                place = Place::Quoted;
            }
            (Place::Quoted, c) => field.push(c),
            (_, ',') => {
                row.fields.push(std::mem::take(&mut field));
                place = Place::Start;
            }
            (_, '\n') => {
                // An empty line has no fields.
                if place != Place::Start || !row.fields.is_empty() {
                    row.fields.push(std::mem::take(&mut field));
                }
                rows.push(std::mem::replace(&mut row, Row { line: line + 1, fields: Vec::new() }));
                place = Place::Start;
            }
            (_, c) => {
                field.push(c);
                place = Place::Plain;
            }
        }
        line += usize::from(c == '\n');
    }
    if place != Place::Start || !row.fields.is_empty() {
        row.fields.push(field);
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &[u8]) -> Result<Vec<(String, String)>, String> {
        let labels = Labels::parse(Path::new(LABELS), text);
        labels.map(|labels| labels.rows).map_err(|error| format!("{error}; {}", error.hints()))
    }

    /// Python's answers to these are in `cases.json`, as tables.
    #[test]
    fn odd_rows_are_rows() {
        let row = |text: &str| {
            let [(id, name)] = <[_; 1]>::try_from(parsed(text.as_bytes()).unwrap()).unwrap();
            format!("{id}|{name}")
        };
        for (text, read) in [
            ("n01,tench", "n01|tench"),
            ("n01,\r\n", "n01|"),
            (",", "|"),
            ("\"n01\",\"a,\"\"b\"\"\"", "n01|a,\"b\""),
            ("n01,\"a\nb", "n01|a\nb"),
            ("n01,\"a\"b\"c", "n01|ab\"c"),
            ("n01,a\"b\"", "n01|a\"b\""),
            ("n01, \"a\"", "n01| \"a\""),
        ] {
            assert_eq!(row(text), read, "{text}");
        }
        assert_eq!(parsed(b"").unwrap(), []);
    }

    #[test]
    fn of_a_class_twice_in_it_the_last_counts() {
        let labels = Labels::parse(Path::new(LABELS), b"a,1\nb,2\na,3\n").unwrap();
        assert_eq!((labels.len(), labels.row_of("a"), labels.row_of("c")), (3, Some(2), None));
        assert_eq!(labels.row(2), ("a", "3"));
    }

    #[test]
    fn what_is_no_row_is_named_by_its_line() {
        let long = format!("a,b\nc,{}\n", "é".repeat(LONGEST + 1));
        let texts: [&[u8]; 7] =
            [b"a,b\n\n", b"a,b\n \n", b"a\n", b"a,\"b\nc\"\nd,e,f\n", b"\n", b"a,b\nc,caf\xe9\n", long.as_bytes()];
        let errors = texts.map(|text| parsed(text).unwrap_err());
        insta::assert_snapshot!(errors.join("\n"), @"
        line 2 of the labels labels.txt has nothing in it; remove the empty line
        line 2 of the labels labels.txt has one column, not two; write `id,name`, and quotes around a name that has commas
        line 1 of the labels labels.txt has one column, not two; write `id,name`, and quotes around a name that has commas
        line 3 of the labels labels.txt has 3 columns, not two; write `id,name`, and quotes around a name that has commas
        line 1 of the labels labels.txt has nothing in it; remove the empty line
        line 2 of the labels labels.txt is not UTF-8; save it as UTF-8
        line 2 of the labels labels.txt has a name of more than 131072 characters; look for an open quote before the line
        ");
        assert!(parsed(format!("c,{}\n", "é".repeat(LONGEST)).as_bytes()).is_ok());
    }
}
