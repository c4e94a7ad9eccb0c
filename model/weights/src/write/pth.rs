//! The zip that `torch.save` writes.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::Path;

use dinov3_ground::atomic::StagedFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{Bytes, Item, What, put_value};
use crate::pickle::Writer;
use crate::pth::put_tensor;
use crate::tree::Key;

/// Storages begin at multiples of so many bytes, as torch has them.
const ALIGNMENT: u16 = 64;

/// Writes `items` as `torch.save` writes dictionaries of dictionaries, whole or not at all. Keys that are the numbers 0, 1, … make a list.
///
/// # Errors
/// When the file cannot be written.
pub fn write_pth(path: &Path, items: &[Item]) -> io::Result<()> {
    // torch names the folder in the archive after the file.
    let root = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut out = Writer::new(2);
    let mut storages = Vec::new();
    let all: Vec<(&[Key], &What)> = items.iter().map(|item| (&item.path[..], &item.what)).collect();
    put_tree(&mut out, &all, &mut storages, 0);
    let staged = StagedFile::create(path)?;
    let file: &File = staged.file();
    write_zip(io::BufWriter::with_capacity(1 << 20, file), &root, &out.finish(), &storages)?.flush()?;
    staged.publish()
}

/// An item, and what is left of its path.
type Rest<'a> = (&'a [Key], &'a What<'a>);

/// Items whose paths have the same first keys, as dictionaries and lists.
fn put_tree<'a>(out: &mut Writer, items: &[Rest<'a>], storages: &mut Vec<&'a Bytes<'a>>, depth: usize) {
    if let [([], what)] = items {
        return match what {
            What::Value(value) => put_value(out, value),
            What::Tensor { dtype, shape, bytes } => {
                put_tensor(out, &storages.len().to_string(), *dtype, shape);
                storages.push(bytes);
            }
        };
    }
    let mut groups: Vec<(&Key, Vec<Rest>)> = Vec::new();
    let mut at = std::collections::HashMap::new();
    for (path, what) in items {
        let Some((key, rest)) = path.split_first() else { continue };
        let group = *at.entry(key.to_string()).or_insert_with(|| {
            groups.push((key, Vec::new()));
            groups.len() - 1
        });
        groups[group].1.push((rest, what));
    }
    let list = groups.iter().enumerate().all(|(i, (key, _))| **key == Key::Index(i as u64)) && !groups.is_empty();
    let mut within = |out: &mut Writer| {
        for (key, group) in &groups {
            match key {
                _ if list => {}
                Key::Text(text) => {
                    out.text(text);
                }
                Key::Index(number) => {
                    out.int(*number as i64);
                }
            }
            put_tree(out, group, storages, depth + 1);
        }
    };
    match (list, depth) {
        (true, _) => {
            out.list(&mut within);
        }
        // As a `state_dict` is.
        (false, 1) => {
            out.ordered_dict(&mut within);
        }
        (false, _) => {
            out.dict(&mut within);
        }
    }
}

/// A zip of a pickle and of storages, whose entries lie in the folder `root`.
pub(super) fn write_zip<W: Write + Seek>(to: W, root: &str, pickle: &[u8], storages: &[&Bytes]) -> io::Result<W> {
    let mut zip = ZipWriter::new(to);
    let mut put = |name: &str, bytes: &dyn Fn(&mut dyn Write) -> io::Result<()>| {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let options = options.with_alignment(ALIGNMENT).large_file(true);
        zip.start_file(format!("{root}/{name}"), options).map_err(io::Error::other)?;
        bytes(&mut zip)
    };
    put("data.pkl", &|zip| zip.write_all(pickle))?;
    put("byteorder", &|zip| zip.write_all(b"little"))?;
    for (i, bytes) in storages.iter().enumerate() {
        put(&format!("data/{i}"), bytes)?;
    }
    put("version", &|zip| zip.write_all(b"3\n"))?;
    zip.finish().map_err(io::Error::other)
}
