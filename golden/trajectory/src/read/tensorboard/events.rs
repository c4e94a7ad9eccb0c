//! The messages: an `Event` has a step and a `Summary`, which has values with a tag and a number.

use super::protobuf::{Value, fields, varint};
use crate::run::Resolution;

/// An event.
#[derive(Default)]
pub(super) struct Event<'a> {
    /// The step; `None` if it is below zero.
    pub(super) step: Option<u64>,
    /// Tags with their number; `None` for values that are no single number.
    pub(super) scalars: Vec<(&'a [u8], Option<Scalar>)>,
}

/// A number, and how exact it is.
#[derive(Clone, Copy)]
pub(super) struct Scalar {
    pub(super) value: f64,
    pub(super) resolution: Resolution,
}

/// Reads an `Event`; `None` if it is malformed.
pub(super) fn event(message: &[u8]) -> Option<Event<'_>> {
    // Protobuf leaves zeros out.
    let mut event = Event { step: Some(0), ..Event::default() };
    for field in fields(message) {
        match field? {
            (2, Value::Varint(step)) => event.step = u64::try_from(step as i64).ok(),
            (5, Value::Bytes(summary)) => {
                for field in fields(summary) {
                    if let (1, Value::Bytes(value)) = field? {
                        event.scalars.push(tagged(value)?);
                    }
                }
            }
            _ => {}
        }
    }
    Some(event)
}

/// Reads a `Summary.Value`.
fn tagged(message: &[u8]) -> Option<(&[u8], Option<Scalar>)> {
    let (mut tag, mut scalar): (&[u8], _) = (b"", None);
    for field in fields(message) {
        match field? {
            (1, Value::Bytes(name)) => tag = name,
            (2, Value::Fixed32(bits)) => scalar = Some(single(f64::from(f32::from_bits(bits)))),
            (8, Value::Bytes(message)) => scalar = tensor(message)?,
            _ => {}
        }
    }
    Some((tag, scalar))
}

fn single(value: f64) -> Scalar {
    Scalar { value, resolution: Resolution::Float32 }
}

fn double(value: f64) -> Scalar {
    Scalar { value, resolution: Resolution::Exact }
}

/// Reads a `TensorProto`: its only number, or `None` inside if it is none or has several.
fn tensor(message: &[u8]) -> Option<Option<Scalar>> {
    const FLOAT: u64 = 1;
    const DOUBLE: u64 = 2;
    let (mut dtype, mut content, mut numbers): (_, &[u8], Vec<Scalar>) = (0, &[], Vec::new());
    for field in fields(message) {
        match field? {
            (1, Value::Varint(number)) => dtype = number,
            (4, Value::Bytes(bytes)) => content = bytes,
            (5, Value::Fixed32(bits)) => numbers.push(single(f64::from(f32::from_bits(bits)))),
            (5, Value::Bytes(packed)) => numbers.extend(packed.as_chunks::<4>().0.iter().map(|it| float(*it))),
            (6, Value::Fixed64(bits)) => numbers.push(double(f64::from_bits(bits))),
            (6, Value::Bytes(packed)) => {
                numbers.extend(packed.as_chunks::<8>().0.iter().map(|it| double(f64::from_le_bytes(*it))));
            }
            // Integers of 32 and 64 bits.
            (7 | 10, Value::Varint(number)) => numbers.push(double(number as i64 as f64)),
            (7 | 10, Value::Bytes(mut packed)) => {
                while !packed.is_empty() {
                    numbers.push(double(varint(&mut packed)? as i64 as f64));
                }
            }
            _ => {}
        }
    }
    match (dtype, content.len()) {
        (FLOAT, 4) => numbers.push(float(content.try_into().ok()?)),
        (DOUBLE, 8) => numbers.push(double(f64::from_le_bytes(content.try_into().ok()?))),
        _ => {}
    }
    Some(match numbers[..] {
        [number] => Some(number),
        _ => None,
    })
}

fn float(bytes: [u8; 4]) -> Scalar {
    single(f64::from(f32::from_le_bytes(bytes)))
}
