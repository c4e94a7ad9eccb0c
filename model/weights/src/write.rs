//! Writes files of weights that torch reads.

mod dcp;
mod pth;
mod safe;

use std::io::{self, Write};

use crate::dtype::Dtype;
use crate::tree::{Key, Value};

pub use dcp::write_dcp;
pub use pth::write_pth;
pub use safe::write_safetensors;

/// Writes a tensor's bytes, row-major, the lowest byte of a number first.
pub type Bytes<'a> = Box<dyn Fn(&mut dyn Write) -> io::Result<()> + 'a>;

/// A tensor or a value to be written.
pub struct Item<'a> {
    /// Its keys, from the outermost dictionary on.
    pub path: Vec<Key>,
    /// What it is.
    pub what: What<'a>,
}

/// What is to be written.
pub enum What<'a> {
    /// A tensor.
    Tensor {
        /// Its dtype.
        dtype: Dtype,
        /// Its shape.
        shape: Vec<u64>,
        /// Its bytes, of the length that these determine.
        bytes: Bytes<'a>,
    },
    /// A value.
    Value(Value),
}

fn put_value(out: &mut crate::pickle::Writer, value: &Value) {
    match value {
        Value::None | Value::Other(_) => {
            out.none();
        }
        Value::Bool(truth) => {
            out.bool(*truth);
        }
        Value::Int(number) => {
            out.int(*number);
        }
        Value::Float(number) => {
            out.float(*number);
        }
        Value::Text(text) => {
            out.text(text);
        }
        Value::List(items) => {
            out.list(|out| items.iter().for_each(|item| put_value(out, item)));
        }
        Value::Tuple(items) => {
            out.tuple(|out| items.iter().for_each(|item| put_value(out, item)));
        }
        Value::Empty => {
            out.dict(|_| {});
        }
    }
}
