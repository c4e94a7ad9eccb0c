//! TensorBoard's event files, read back: the framing of TFRecord, and the fields of `Event` as far as scalars go.

use std::collections::BTreeMap;
use std::fs;

use crate::support::Place;

/// What one event has.
#[derive(Debug, Default, PartialEq)]
pub struct Event {
    pub step: u64,
    /// `brain.Event:2`, in the first.
    pub version: String,
    /// That earlier events from this step on do not count.
    pub is_start: bool,
    pub scalars: BTreeMap<String, f32>,
}

/// The events of each file in a folder, the older file first.
pub fn events(place: &Place, folder: &str) -> Vec<Vec<Event>> {
    let mut files: Vec<_> = fs::read_dir(place.path(folder)).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort_by_key(|file| file.metadata().unwrap().modified().unwrap());
    files.iter().map(|file| records(&fs::read(file).unwrap()).map(event).collect()).collect()
}

/// The data of each record. The checksums are held to TensorBoard's own beside the writer.
fn records(mut file: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = file.split_first_chunk()?;
        let (data, rest) = rest[4..].split_at(u64::from_le_bytes(*length) as usize);
        file = &rest[4..];
        Some(data)
    })
}

/// A field's number, and its bytes: those of a number, or those that are counted.
fn fields(mut message: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        if message.is_empty() {
            return None;
        }
        let key = varint(&mut message);
        let length = match key & 7 {
            0 => message.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1,
            1 => 8,
            2 => varint(&mut message) as usize,
            5 => 4,
            other => panic!("wire type {other}"),
        };
        let (value, rest) = message.split_at(length);
        message = rest;
        Some((key >> 3, value))
    })
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return value;
        }
    }
}

fn event(message: &[u8]) -> Event {
    let mut event = Event::default();
    for (number, mut value) in fields(message) {
        match number {
            1 => assert!(f64::from_le_bytes(value.try_into().unwrap()) > 1.7e9, "a time of today"),
            2 => event.step = varint(&mut value),
            3 => event.version = String::from_utf8(value.to_vec()).unwrap(),
            5 => event.scalars.extend(fields(value).map(|(_, scalar)| named(scalar))),
            7 => event.is_start = value == [1 << 3, 1],
            other => panic!("field {other}"),
        }
    }
    event
}

fn named(scalar: &[u8]) -> (String, f32) {
    let mut fields = fields(scalar);
    let (Some((1, tag)), Some((2, value)), None) = (fields.next(), fields.next(), fields.next()) else {
        panic!("{scalar:?}")
    };
    (String::from_utf8(tag.to_vec()).unwrap(), f32::from_le_bytes(value.try_into().unwrap()))
}
