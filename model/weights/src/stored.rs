//! A tensor that lies in files, whole or in pieces.

use std::path::Path;
use std::sync::Arc;

use crate::dtype::Dtype;
use crate::error::FileError;
use crate::file::{Place, Source, Window};
use crate::pth;

/// A tensor in files.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its dtype.
    pub dtype: Dtype,
    /// Its shape.
    pub shape: Vec<u64>,
    pub(crate) pieces: Vec<Piece>,
}

/// A block of a tensor.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// Its first element, an index an axis.
    pub(crate) offsets: Vec<u64>,
    pub(crate) sizes: Vec<u64>,
    pub(crate) at: At,
}

/// Where a block is.
#[derive(Clone, Debug)]
pub(crate) enum At {
    /// In a storage.
    View(View),
    /// In a part of a file that `torch.save` has written: the tensor that its pickle is.
    Saved(Window),
}

/// Elements of a storage.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) source: Arc<Source>,
    /// The storage.
    pub(crate) place: Place,
    /// The first element, in elements.
    pub(crate) offset: u64,
    pub(crate) strides: Vec<u64>,
}

/// The number of elements, if it is one.
pub(crate) fn count(shape: &[u64]) -> Option<u64> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1_u64, |count, size| count.checked_mul(*size))
}

impl Stored {
    /// A tensor in one piece.
    pub(crate) fn whole(dtype: Dtype, shape: Vec<u64>, at: At) -> Self {
        let piece = Piece { offsets: vec![0; shape.len()], sizes: shape.clone(), at };
        Self { dtype, shape, pieces: vec![piece] }
    }

    /// The files that it lies in, and their lengths.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Path, u64)> {
        self.pieces.iter().map(|piece| {
            let source = match &piece.at {
                At::View(view) => &view.source,
                At::Saved(window) => &window.source,
            };
            (source.path.as_path(), source.length)
        })
    }

    /// Its number of elements.
    pub fn elements(&self) -> u64 {
        count(&self.shape).expect("it was counted when the file was opened")
    }

    /// Its number of bytes.
    pub fn bytes(&self) -> u64 {
        self.elements() * self.dtype.bytes() as u64
    }

    /// Its bytes, row-major, the lowest byte of a number first.
    ///
    /// # Errors
    /// When a file cannot be read, or has something else there.
    pub fn read(&self) -> Result<Vec<u8>, FileError> {
        let mut bytes = vec![0; self.bytes() as usize];
        for piece in &self.pieces {
            piece.read(self.dtype, &self.shape, &mut bytes)?;
        }
        Ok(bytes)
    }
}

impl Piece {
    /// Reads the block into its place in the tensor.
    fn read(&self, dtype: Dtype, shape: &[u64], into: &mut [u8]) -> Result<(), FileError> {
        let view = match &self.at {
            At::View(view) => view,
            At::Saved(window) => {
                let (found, saved, view) = pth::saved_tensor(window)?;
                if (found, &saved) != (dtype, &self.sizes) {
                    let said =
                        format!("{} {saved:?} where its index says {} {:?}", found.name(), dtype.name(), self.sizes);
                    return Err(window.invalid(format!("it has {said}")));
                }
                return Self { at: At::View(view), ..self.clone() }.read(dtype, shape, into);
            }
        };
        let size = dtype.bytes();
        let bytes = count(&self.sizes).unwrap_or(0) as usize * size;
        let rows = shape.iter().skip(1).product::<u64>() as usize * size;
        // Whole rows lie side by side.
        if self.sizes.get(1..) == shape.get(1..) {
            let first = self.offsets.first().copied().unwrap_or(0) as usize * rows;
            return view.read(dtype, &self.sizes, &mut into[first..first + bytes]);
        }
        let mut block = vec![0; bytes];
        view.read(dtype, &self.sizes, &mut block)?;
        let steps = row_major(shape);
        let line = self.sizes.last().copied().unwrap_or(1) as usize * size;
        let mut lines = block.chunks_exact(line.max(1));
        for_each_index(&self.sizes[..self.sizes.len() - 1], |index| {
            let within = index.iter().chain([&0]).zip(&self.offsets).zip(&steps);
            let first = within.map(|((i, offset), step)| (i + offset) * step).sum::<u64>() as usize * size;
            if let Some(from) = lines.next() {
                into[first..first + line].copy_from_slice(from);
            }
        });
        Ok(())
    }
}

impl View {
    /// Reads the view of this shape, row-major.
    fn read(&self, dtype: Dtype, shape: &[u64], into: &mut [u8]) -> Result<(), FileError> {
        let size = dtype.bytes();
        let Place { start, length, crc32 } = self.place;
        let dense = row_major(shape);
        let side_by_side = shape.iter().zip(&self.strides).zip(&dense).all(|((n, one), other)| *n == 1 || one == other);
        if into.is_empty() {
            return Ok(());
        }
        if side_by_side {
            self.source.read_at(start + self.offset * size as u64, into)?;
            // The checksum is one of the whole storage.
            return if length == into.len() as u64 { self.check(into, crc32) } else { Ok(()) };
        }
        let mut storage = vec![0; length as usize];
        self.source.read_at(start, &mut storage)?;
        self.check(&storage, crc32)?;
        let mut elements = into.chunks_exact_mut(size);
        for_each_index(shape, |index| {
            let at: u64 = index.iter().zip(&self.strides).map(|(i, stride)| i * stride).sum();
            let at = (self.offset + at) as usize * size;
            if let Some(element) = elements.next() {
                element.copy_from_slice(&storage[at..at + size]);
            }
        });
        Ok(())
    }

    fn check(&self, storage: &[u8], crc32: Option<u32>) -> Result<(), FileError> {
        if crc32.is_some_and(|crc32| crc32fast::hash(storage) != crc32) {
            return Err(FileError::invalid(&self.source.path, "a tensor is damaged: its bytes have another checksum"));
        }
        Ok(())
    }
}

/// The strides of a tensor whose rows lie side by side.
pub(crate) fn row_major(shape: &[u64]) -> Vec<u64> {
    let mut strides = shape.to_vec();
    let mut step = 1;
    strides.iter_mut().rev().for_each(|size| step *= std::mem::replace(size, step).max(1));
    strides
}

/// Calls `f` with every index of a tensor of this shape, in order.
fn for_each_index(shape: &[u64], mut f: impl FnMut(&[u64])) {
    if shape.contains(&0) {
        return;
    }
    let mut index = vec![0; shape.len()];
    loop {
        f(&index);
        let Some(axis) = (0..shape.len()).rev().find(|axis| index[*axis] + 1 < shape[*axis]) else { return };
        index[axis] += 1;
        index[axis + 1..].fill(0);
    }
}
