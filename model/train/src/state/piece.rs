//! Rows of a tensor, in memory or in a file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use tch::{Kind, Tensor};

use super::StateError;

/// Some rows of a tensor.
#[derive(Debug)]
pub(crate) struct Piece {
    /// The first of them.
    pub(crate) first: i64,
    /// How many.
    pub(crate) rows: i64,
    pub(crate) data: Data,
}

/// Where the rows are.
#[derive(Debug)]
pub(crate) enum Data {
    /// `[rows, …]`, on the host, contiguous.
    Here(Tensor),
    /// Row-major in a file.
    InFile(InFile),
}

/// Rows in a file.
#[derive(Debug)]
pub(crate) struct InFile {
    pub(crate) path: Arc<PathBuf>,
    /// Where the first row begins.
    pub(crate) offset: u64,
    pub(crate) kind: Kind,
    /// The shape of a row.
    pub(crate) row: Vec<i64>,
}

impl Piece {
    /// `rows` of the piece's rows, `first` counted from its own first.
    pub(super) fn read(&self, name: &str, first: i64, rows: i64) -> Result<Tensor, StateError> {
        match &self.data {
            Data::Here(tensor) if rows == self.rows => Ok(tensor.shallow_clone()),
            Data::Here(tensor) => Ok(tensor.narrow(0, first, rows)),
            Data::InFile(file) => file.read(first, rows).map_err(|error| {
                let reason = format!("{}: {error}", file.path.display());
                StateError::Read { name: name.to_owned(), reason }
            }),
        }
    }
}

impl InFile {
    fn read(&self, first: i64, rows: i64) -> io::Result<Tensor> {
        let row = self.row.iter().product::<i64>() as usize * self.kind.elt_size_in_bytes();
        let mut file = File::open(self.path.as_path())?;
        file.seek(SeekFrom::Start(self.offset + (first as usize * row) as u64))?;
        let mut bytes = vec![0; rows as usize * row];
        file.read_exact(&mut bytes)?;
        let shape: Vec<i64> = std::iter::once(rows).chain(self.row.iter().copied()).collect();
        Ok(Tensor::from_data_size(&bytes, &shape, self.kind))
    }
}
