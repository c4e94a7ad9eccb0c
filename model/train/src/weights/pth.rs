//! The file that `torch.save({key: OrderedDict})` writes: a zip of a pickle and of the tensors' bytes.

mod pickle;
mod read;

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use dinov3_ground::atomic::StagedFile;
use dinov3_torch::bytes::with_bytes;
use dinov3_torch::device::host;
use tch::{Kind, Tensor};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

pub(crate) use read::read;

/// Storages begin at multiples of so many bytes, as torch has them.
const ALIGNMENT: u16 = 64;

/// Writes `tensors` under `key`, in this order, whole or not at all.
///
/// # Errors
/// When the file cannot be written, or a tensor is of a dtype that no weight has.
pub(crate) fn write(path: &Path, key: &str, tensors: &[(String, Tensor)]) -> io::Result<()> {
    // torch names the folder in the archive after the file.
    let root = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let staged = StagedFile::create(path)?;
    let mut zip = ZipWriter::new(staged.file());
    let mut put = |name: &str, bytes: &dyn Fn(&mut ZipWriter<&File>) -> io::Result<()>| {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let options = options.with_alignment(ALIGNMENT).large_file(true);
        zip.start_file(format!("{root}/{name}"), options).map_err(io::Error::other)?;
        bytes(&mut zip)
    };
    let pickle = pickled(key, tensors)?;
    put("data.pkl", &|zip| zip.write_all(&pickle))?;
    put("byteorder", &|zip| zip.write_all(b"little"))?;
    for (i, (_, tensor)) in tensors.iter().enumerate() {
        let here = host(&tensor.detach()).contiguous();
        put(&format!("data/{i}"), &|zip| with_bytes(&here, |_, _, bytes| zip.write_all(bytes)))?;
    }
    put("version", &|zip| zip.write_all(b"3\n"))?;
    zip.finish().map_err(io::Error::other)?;
    staged.publish()
}

/// The pickle of `{key: OrderedDict(tensors)}`, of protocol 2, in which tensor i has storage i.
fn pickled(key: &str, tensors: &[(String, Tensor)]) -> io::Result<Vec<u8>> {
    let mut out = vec![0x80, 2];
    out.push(b'}');
    text(&mut out, key);
    out.extend(b"ccollections\nOrderedDict\n)R(");
    for (i, (name, tensor)) in tensors.iter().enumerate() {
        text(&mut out, name);
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut out, "storage");
        out.extend(format!("ctorch\n{}\n", storage(tensor.kind())?).bytes());
        text(&mut out, &i.to_string());
        text(&mut out, "cpu");
        number(&mut out, tensor.numel() as i64);
        // The storage's tuple is its persistent id; then offset, shape, strides, no gradient, no hooks.
        out.extend(b"tQK\0");
        numbers(&mut out, &tensor.size());
        let mut strides: Vec<i64> = tensor.size();
        let mut step = 1;
        strides.iter_mut().rev().for_each(|size| step *= std::mem::replace(size, step));
        numbers(&mut out, &strides);
        out.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    }
    out.extend(b"us.");
    Ok(out)
}

fn storage(kind: Kind) -> io::Result<&'static str> {
    match kind {
        Kind::Float => Ok("FloatStorage"),
        Kind::Double => Ok("DoubleStorage"),
        Kind::Half => Ok("HalfStorage"),
        Kind::BFloat16 => Ok("BFloat16Storage"),
        other => Err(io::Error::other(format!("no weight is {other:?}"))),
    }
}

/// BINUNICODE.
fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.bytes());
}

/// LONG1 of eight bytes: every size fits.
fn number(out: &mut Vec<u8>, number: i64) {
    out.extend([0x8a, 8]);
    out.extend(number.to_le_bytes());
}

/// A tuple.
fn numbers(out: &mut Vec<u8>, numbers: &[i64]) {
    out.push(b'(');
    numbers.iter().for_each(|size| number(out, *size));
    out.push(b't');
}
