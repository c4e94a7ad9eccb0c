//! Scalars for TensorBoard: events in records of TFRecord.
//!
//! A record is its length, a checksum of that, an `Event` as a message of Protocol Buffers, and a checksum of it. Five kinds of fields are all
//! that scalars need, so they are written here; the crates that write event files are not kept up and bring an old `protobuf` along.

/// Event files say so first.
const VERSION: &str = "brain.Event:2";

/// What is added to a checksum, so that one of data with checksums in it is a good one too.
const MASK: u32 = 0xa282_ead8;

/// `SessionLog.START`.
const START: u64 = 1;

/// Types of fields.
const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;
const FIXED32: u8 = 5;

/// The first record of a file: `Event(wall_time=time, file_version="brain.Event:2")`. Times are seconds since 1970.
pub fn version(time: f64) -> Vec<u8> {
    let mut field = Vec::new();
    bytes(&mut field, 3, VERSION.as_bytes());
    record(&message(time, 0, &field))
}

/// The record from which on TensorBoard forgets what earlier files have: `Event(…, session_log=SessionLog(status=START))`.
pub fn start(time: f64, step: u64) -> Vec<u8> {
    let (mut log, mut field) = (Vec::new(), Vec::new());
    varint_field(&mut log, 1, START);
    bytes(&mut field, 7, &log);
    record(&message(time, step, &field))
}

/// The record of the scalars of a step: `Event(…, summary=Summary(value=[Summary.Value(tag=…, simple_value=…), …]))`.
pub fn scalars<'a>(time: f64, step: u64, scalars: impl Iterator<Item = (&'a str, f64)>) -> Vec<u8> {
    let (mut summary, mut field) = (Vec::new(), Vec::new());
    for (tag, value) in scalars {
        let mut one = Vec::new();
        bytes(&mut one, 1, tag.as_bytes());
        key(&mut one, 2, FIXED32);
        one.extend((value as f32).to_le_bytes());
        bytes(&mut summary, 1, &one);
    }
    bytes(&mut field, 5, &summary);
    record(&message(time, step, &field))
}

/// CRC-32C, rotated and moved, as TFRecord stores it.
pub fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(MASK)
}

/// `Event(wall_time=time, step=step, …)`, with one more field. As in Protocol Buffers a step of 0 is left out.
fn message(time: f64, step: u64, more: &[u8]) -> Vec<u8> {
    let mut event = Vec::new();
    key(&mut event, 1, FIXED64);
    event.extend(time.to_le_bytes());
    if step > 0 {
        varint_field(&mut event, 2, step);
    }
    event.extend(more);
    event
}

fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked_crc(&length).to_le_bytes(), data, &masked_crc(data).to_le_bytes()].concat()
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn key(out: &mut Vec<u8>, field: u8, kind: u8) {
    out.push(field << 3 | kind);
}

fn varint_field(out: &mut Vec<u8>, field: u8, value: u64) {
    key(out, field, VARINT);
    varint(out, value);
}

fn bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    key(out, field, BYTES);
    varint(out, value.len() as u64);
    out.extend(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `RecordWriter` of `tensorboard` 2.21 wrote these records of the same events in Python.
    #[test]
    fn records_are_tensorboard_s() {
        let figures = [("total_loss", 10.25), ("lr", 4e-5), ("koleo_loss", f64::NAN)];
        for (record, expected) in [
            (version(1.5), "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c"),
            (start(1.5, 300), "100000000000000095fbfe1809000000000000f83f10ac023a020801713b788a"),
            (
                scalars(1.5, 300, figures.into_iter()),
                "3f000000000000005165766109000000000000f83f10ac022a310a110a0a746f74616c5f6c6f737315000024410a090a026c7215acc527380a110a0a6b6f6c656f5f6c6f7373150000c07f69c80864",
            ),
        ] {
            assert_eq!(crate::hex(&record), expected);
        }
    }
}
