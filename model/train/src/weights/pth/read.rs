//! Reads what `torch.save` has written: a dictionary of tensors under a key.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use tch::{Kind, Tensor};
use zip::ZipArchive;
use zip::result::ZipError;

use super::pickle::{Described, Storage, Value, value};

/// The most bytes of a pickle: that of ten thousand tensors has two million.
const LONGEST: u64 = 1 << 28;

/// The dtypes of storages, by their classes.
const CLASSES: [(&str, Kind); 10] = [
    ("FloatStorage", Kind::Float),
    ("DoubleStorage", Kind::Double),
    ("HalfStorage", Kind::Half),
    ("BFloat16Storage", Kind::BFloat16),
    ("LongStorage", Kind::Int64),
    ("IntStorage", Kind::Int),
    ("ShortStorage", Kind::Int16),
    ("CharStorage", Kind::Int8),
    ("ByteStorage", Kind::Uint8),
    ("BoolStorage", Kind::Bool),
];

/// The tensors under the first of `keys` that the file has, in its order, on the host wherever they were saved. `torch.load(path,
/// map_location="cpu")[key]`, of a dictionary or an `OrderedDict`.
///
/// # Errors
/// When the file cannot be read, is none of `torch.save`, or has something else there.
pub(crate) fn read(path: &Path, keys: &[&str]) -> io::Result<Vec<(String, Tensor)>> {
    let mut file = Archive::open(path)?;
    let mut pickle = Vec::new();
    file.entry("data.pkl")?.ok_or_else(|| wrong("it has no pickle"))?.take(LONGEST).read_to_end(&mut pickle)?;
    if let Some(mut order) = file.entry("byteorder")? {
        let mut text = String::new();
        order.by_ref().take(16).read_to_string(&mut text)?;
        if text != "little" {
            return Err(wrong(format!("its bytes are in the order {text:?}")));
        }
    }
    let Value::Dict(entries) = value(&pickle).map_err(wrong)? else { return Err(wrong("it is no dictionary")) };
    let found = keys.iter().find_map(|key| Some((key, entries.iter().find(|(name, _)| name == key)?)));
    let Some((key, (_, found))) = found else { return Err(wrong(format!("it has no `{}`", keys[0]))) };
    let Value::Dict(tensors) = found else { return Err(wrong(format!("its `{key}` is no dictionary"))) };
    let mut storages = HashMap::new();
    let mut named = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let Value::Tensor(tensor) = tensor else { return Err(wrong(format!("`{name}` of its `{key}` is no tensor"))) };
        let tensor = file.tensor(tensor, &mut storages).map_err(|error| wrong(format!("`{name}`: {error}")))?;
        named.push((name.clone(), tensor));
    }
    Ok(named)
}

fn wrong(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

/// The zip, whose entries lie in one folder.
struct Archive {
    zip: ZipArchive<File>,
    folder: String,
    /// No storage has more bytes.
    bytes: u64,
}

impl Archive {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let zip =
            ZipArchive::new(file).map_err(|_| wrong("it is no file that `torch.save` of torch 1.6 or later writes"))?;
        let folder = zip.file_names().find_map(|name| name.ok()?.strip_suffix("/data.pkl").map(str::to_owned));
        let folder = folder.ok_or_else(|| wrong("it has no pickle"))?;
        Ok(Self { zip, folder, bytes })
    }

    fn entry(&mut self, name: &str) -> io::Result<Option<impl Read>> {
        match self.zip.by_name(&format!("{}/{name}", self.folder)) {
            Ok(entry) => Ok(Some(entry)),
            Err(ZipError::FileNotFound) => Ok(None),
            Err(error) => Err(wrong(error.to_string())),
        }
    }

    fn tensor(&mut self, tensor: &Described, storages: &mut HashMap<String, Tensor>) -> io::Result<Tensor> {
        let Described { storage, offset, shape, strides } = tensor;
        let dense = offset.checked_add(last(shape, strides)?).filter(|_| *offset >= 0);
        if dense.is_none_or(|last| last >= storage.elements.max(1)) && !shape.contains(&0) {
            return Err(wrong(format!("{shape:?} is more than its storage has")));
        }
        if !storages.contains_key(&storage.name) {
            storages.insert(storage.name.clone(), self.storage(storage)?);
        }
        let whole = &storages[&storage.name];
        if whole.numel() as i64 != storage.elements {
            return Err(wrong("its storage is said to have two lengths"));
        }
        whole.f_as_strided(shape, strides, *offset).map(|view| view.copy()).map_err(|error| wrong(error.to_string()))
    }

    fn storage(&mut self, Storage { class, name, elements }: &Storage) -> io::Result<Tensor> {
        let kind = CLASSES.iter().find(|(it, _)| it == class).ok_or_else(|| wrong(format!("it is a {class}")))?.1;
        let size = u64::try_from(*elements).ok().and_then(|it| it.checked_mul(kind.elt_size_in_bytes() as u64));
        let size =
            size.filter(|size| *size <= self.bytes).ok_or_else(|| wrong("the file is shorter than its storage"))?;
        let mut bytes = Vec::with_capacity(size as usize);
        let name = format!("data/{name}");
        let entry = self.entry(&name)?.ok_or_else(|| wrong("its storage is missing"))?;
        entry.take(size + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            return Err(wrong(format!("its storage has {} bytes, not {size}", bytes.len())));
        }
        Tensor::f_from_data_size(&bytes, &[*elements], kind).map_err(|error| wrong(error.to_string()))
    }
}

/// The place of the last element behind the first one.
fn last(shape: &[i64], strides: &[i64]) -> io::Result<i64> {
    let too_large = || wrong(format!("its shape {shape:?} and strides {strides:?} are none"));
    if shape.len() != strides.len() || shape.iter().chain(strides).any(|number| *number < 0) {
        return Err(too_large());
    }
    let mut steps = shape.iter().zip(strides).map(|(size, stride)| (size - 1).max(0).checked_mul(*stride));
    steps.try_fold(0_i64, |sum, step| sum.checked_add(step?)).ok_or_else(too_large)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::write;
    use super::*;

    /// `torch.save({"teacher": OrderedDict(…)}, …)` of torch 2.8.0, of a `state_dict` with its metadata, two tensors over one storage, and a number
    /// beside it: the pickle alone.
    const OF_PYTHON: &[u8] = include_bytes!("state_dict.pkl");

    fn tensors() -> Vec<(String, Tensor)> {
        let name = |name: &str| name.to_owned();
        vec![
            (name("backbone.a"), Tensor::from_slice(&[1.0_f32, -2.0, 3.5, 4.0, 5.0, 6.0]).reshape([2, 3])),
            (name("backbone.b"), Tensor::from_slice(&[0.5_f32]).to_kind(Kind::BFloat16)),
            (name("backbone.none"), Tensor::zeros([0, 4], (Kind::Float, tch::Device::Cpu))),
            (name("backbone.scalar"), Tensor::from(2.5_f32)),
        ]
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("teacher_checkpoint.pth");
        write(&path, "teacher", &tensors()).unwrap();
        let read = read(&path, &["teacher", "model"]).unwrap();
        assert_eq!(read.len(), 4);
        for ((name, tensor), (expected, value)) in read.iter().zip(tensors()) {
            assert_eq!((name, tensor.kind(), tensor.size()), (&expected, value.kind(), value.size()));
            assert!(tensor.equal(&value), "{name}");
        }
    }

    #[test]
    fn pickles_of_python_are_understood() {
        let Value::Dict(whole) = value(OF_PYTHON).unwrap() else { panic!("no dictionary") };
        assert_eq!(whole.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["iteration", "args", "teacher"]);
        let Value::Dict(tensors) = &whole[2].1 else { panic!("{whole:?}") };
        let described: Vec<String> = tensors
            .iter()
            .map(|(name, tensor)| {
                let Value::Tensor(it) = tensor else { panic!("{name}: {tensor:?}") };
                let Storage { class, name: entry, elements } = &it.storage;
                format!("{name} {:?} {:?} at {} of {class} {entry}, {elements}", it.shape, it.strides, it.offset)
            })
            .collect();
        assert_eq!(
            described,
            [
                "weight [2, 3] [3, 1] at 0 of FloatStorage 0, 6",
                "bias [2] [1] at 0 of FloatStorage 1, 2",
                "periods [2] [1] at 0 of BFloat16Storage 2, 2",
                "column [2] [3] at 1 of FloatStorage 0, 6",
            ]
        );
    }

    /// Whatever byte is another one, and wherever the file ends: an error or other tensors, and no panic.
    #[test]
    fn a_damaged_file_is_an_error() {
        for at in 0..OF_PYTHON.len() {
            let _ = value(&OF_PYTHON[..at]).unwrap_err();
            for byte in [0, 0x28, 0x51, 0x52, 0x68, 0x71, 0x75, 0x7f, 0x85, 0xff] {
                let mut damaged = OF_PYTHON.to_vec();
                damaged[at] = byte;
                let _ = value(&damaged);
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.pth");
        write(&path, "teacher", &tensors()).unwrap();
        let whole = fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(3) {
            fs::write(&path, &whole[..at]).unwrap();
            assert!(read(&path, &["teacher"]).is_err(), "cut at {at}");
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            fs::write(&path, &damaged).unwrap();
            let _ = read(&path, &["teacher"]);
        }
    }

    #[test]
    fn what_a_pickle_should_not_do_is_an_error() {
        let nested = [&[0x80, 2][..], b")", &[0x85; 200], b"."].concat();
        let said = |pickle: &[u8]| value(pickle).unwrap_err();
        assert!(said(&nested).contains("within each other"), "{}", said(&nested));
        assert!(said(b"\x80\x02S'text'\n.").contains("opcode 0x53"));
        assert!(said(b"\x80\x09.").contains("protocol 9"));
        // A call that is none of a tensor's gives nothing, and is not made.
        assert_eq!(value(b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.").unwrap(), Value::Other);
    }

    #[test]
    fn tensors_beyond_their_storage_are_refused() {
        for (shape, strides) in [(vec![7], vec![1]), (vec![2, 4], vec![3, 1]), (vec![i64::MAX, 2], vec![i64::MAX, 1])] {
            let storage = Storage { class: "FloatStorage".to_owned(), name: "0".to_owned(), elements: 6 };
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("t.pth");
            write(&path, "teacher", &tensors()).unwrap();
            let tensor = Described { storage, offset: 0, shape, strides };
            assert!(Archive::open(&path).unwrap().tensor(&tensor, &mut HashMap::new()).is_err(), "{tensor:?}");
        }
    }
}
