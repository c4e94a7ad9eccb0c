//! Files that torch 2.8.0 has written, read to the bit, and what becomes of them in other formats.
//!
//! The fixtures were written on a CPU by the reference's own functions, of a ViT of width 8 with one block and a head: `one_rank` and `two_ranks`
//! by `save_checkpoint` of `dinov3/checkpointer` (the second one of FSDP2's shards, over Gloo), `teacher_checkpoint.pth` as `do_test` writes it,
//! `consolidated.pth` by `python -m torch.distributed.checkpoint.format_utils dcp_to_torch` of `one_rank`. `mixed` has other dtypes, tensors that are
//! sharded by other axes than the first, and what an optimizer has; `state.pth` is it, consolidated. `expected.json` and `mixed.json` have dtype,
//! shape and the SHA-256 of the bytes of each tensor, as torch has them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use dinov3_ground::hex;
use dinov3_weights::{Checkpoint, Dtype, FileError, Format, Item, Leaf, Stored, Value, What, convert, write_dcp};
use sha2::{Digest, Sha256};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

type Facts = BTreeMap<String, (String, Vec<u64>, String)>;

fn expected(name: &str) -> Facts {
    serde_json::from_slice(&fs::read(fixture(name)).unwrap()).unwrap()
}

fn facts(tensors: &[(String, &Stored)]) -> Facts {
    let fact = |name: &str, stored: &Stored, bytes: Vec<u8>| {
        Ok::<_, FileError>((
            name.to_owned(),
            (stored.dtype.name().to_owned(), stored.shape.clone(), hex(&Sha256::digest(bytes))),
        ))
    };
    Checkpoint::read_all(tensors, fact).unwrap().into_iter().collect()
}

fn network(path: &Path) -> Facts {
    let checkpoint = Checkpoint::open(path).unwrap();
    facts(&checkpoint.network().unwrap())
}

#[test]
fn what_the_reference_wrote_is_read_to_the_bit() {
    let expected = expected("expected.json");
    for name in ["one_rank", "two_ranks", "teacher_checkpoint.pth", "consolidated.pth"] {
        assert_eq!(network(&fixture(name)), expected, "{name}");
    }
    assert_eq!(network(&fixture("mixed")), self::expected("mixed.json"));
    let iteration = |name: &str| Checkpoint::open(&fixture(name)).unwrap().value("iteration").cloned();
    assert_eq!(iteration("two_ranks"), Some(Value::Text("training_9".to_owned())));
    assert_eq!(iteration("mixed"), Some(Value::Int(1249)));
    assert_eq!(iteration("teacher_checkpoint.pth"), None);
}

/// A training's state: what is no tensor keeps its place and its value.
#[test]
fn values_keep_their_places() {
    for name in ["mixed", "state.pth"] {
        let checkpoint = Checkpoint::open(&fixture(name)).unwrap();
        let values: Vec<String> = checkpoint
            .entries
            .iter()
            .filter_map(|entry| if let Leaf::Value(value) = &entry.leaf { Some((entry.name(), value)) } else { None })
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        let mut values: Vec<&str> = values.iter().map(String::as_str).collect();
        values.sort_unstable();
        assert_eq!(
            values,
            [
                "iteration = 1249",
                "optimizer.param_groups.0.amsgrad = False",
                "optimizer.param_groups.0.betas = (0.9, 0.999)",
                "optimizer.param_groups.0.fused = None",
                "optimizer.param_groups.0.lr = 0.0001",
                "optimizer.param_groups.0.params = [\"a.weight\"]",
            ],
            "{name}"
        );
    }
}

/// From each format into each other one, and every bit is there again.
#[test]
fn what_is_converted_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let expected = expected("expected.json");
    let mut from = fixture("two_ranks");
    for (i, (format, name)) in [
        (Format::Pth, "a.pth"),
        (Format::Dcp, "b"),
        (Format::Safetensors, "c.safetensors"),
        (Format::Dcp, "d"),
        (Format::Pth, "e.pth"),
    ]
    .into_iter()
    .enumerate()
    {
        let to = folder.path().join(name);
        let converted = convert(&Checkpoint::open(&from).unwrap(), None, &to, format).unwrap();
        assert_eq!((converted.tensors, converted.left_out.len()), (expected.len(), 0));
        assert_eq!(converted.without_iteration, i % 2 == 1, "a `.pth` of a network has no iteration");
        assert_eq!(network(&to), expected, "{name}");
        from = to;
    }
}

/// A whole state keeps its keys, into a `.pth` and back.
#[test]
fn a_state_keeps_its_keys() {
    let folder = tempfile::tempdir().unwrap();
    let all = |path: &Path| {
        let checkpoint = Checkpoint::open(path).unwrap();
        let mut all: Vec<String> = checkpoint
            .entries
            .iter()
            .map(|entry| match &entry.leaf {
                Leaf::Value(value) => format!("{} = {value}", entry.name()),
                Leaf::Tensor(it) => format!(
                    "{}: {} {:?} {}",
                    entry.name(),
                    it.dtype.name(),
                    it.shape,
                    hex(&Sha256::digest(it.read().unwrap()))
                ),
            })
            .collect();
        all.sort_unstable();
        all
    };
    let mixed = all(&fixture("mixed"));
    assert_eq!(all(&fixture("state.pth")), mixed);
    let (pth, dcp) = (folder.path().join("state.pth"), folder.path().join("1249"));
    convert(&Checkpoint::open(&fixture("mixed")).unwrap(), None, &pth, Format::Pth).unwrap();
    assert_eq!(all(&pth), mixed);
    convert(&Checkpoint::open(&pth).unwrap(), None, &dcp, Format::Dcp).unwrap();
    assert_eq!(all(&dcp), mixed);
}

/// What is written, to the byte: torch 2.8.0, 2.11.0 and 2.15.0 have read exactly these files, by `torch.load` with `weights_only` and by
/// `torch.distributed.checkpoint.load`, to the bit.
#[test]
fn what_is_written_stays_as_torch_has_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let sum = |path: &Path| hex(&Sha256::digest(fs::read(path).unwrap()));
    let from = Checkpoint::open(&fixture("mixed")).unwrap();
    let to = |name: &str| folder.path().join(name);
    convert(&from, None, &to("state.pth"), Format::Pth).unwrap();
    convert(&from, None, &to("1249"), Format::Dcp).unwrap();
    convert(&from, None, &to("state.safetensors"), Format::Safetensors).unwrap();
    let sums: Vec<String> = ["state.pth", "1249/.metadata", "1249/__0_0.distcp", "state.safetensors"]
        .iter()
        .map(|name| format!("{} {name}", &sum(&to(name))[..16]))
        .collect();
    insta::assert_snapshot!(sums.join("\n"));
}

/// A measurement, which prints gigabytes a second, from the page cache: `cargo test --release -p dinov3-weights -- --ignored --nocapture`.
#[test]
#[ignore = "writes and reads 1 GB"]
fn a_gigabyte_is_read() {
    const TENSORS: usize = 64;
    const BYTES: usize = 1 << 24;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dcp");
    let item = |i: usize| {
        let bytes = Box::new(move |out: &mut dyn Write| out.write_all(&vec![i as u8; BYTES]));
        let what = What::Tensor { dtype: Dtype::Float, shape: vec![(BYTES / 4) as u64], bytes };
        Item { path: vec!["model".into(), format!("blocks.{i}").as_str().into()], what }
    };
    write_dcp(&path, &(0..TENSORS).map(item).collect::<Vec<_>>()).unwrap();
    for _ in 0..3 {
        let begun = std::time::Instant::now();
        let checkpoint = Checkpoint::open(&path).unwrap();
        let sum = |_: &str, _: &Stored, bytes: Vec<u8>| Ok::<_, FileError>(bytes.len());
        let read: usize = Checkpoint::read_all(&checkpoint.network().unwrap(), sum).unwrap().iter().sum();
        println!("{:.2} GB/s", read as f64 / 1e9 / begun.elapsed().as_secs_f64());
        assert_eq!(read, TENSORS * BYTES);
    }
}

/// The storages of a file that was saved on a GPU say so.
#[test]
fn storages_of_a_gpu_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("teacher_checkpoint.pth");
    changed(&fixture("teacher_checkpoint.pth"), &path, |name, bytes| {
        if !name.ends_with("data.pkl") {
            return bytes;
        }
        let text: Vec<u8> = b"X\x03\0\0\0cpu".to_vec();
        let mut out = Vec::new();
        let mut rest = &bytes[..];
        while let Some(at) = rest.windows(text.len()).position(|it| it == text) {
            out.extend_from_slice(&rest[..at]);
            out.extend_from_slice(b"X\x06\0\0\0cuda:0");
            rest = &rest[at + text.len()..];
        }
        [&out[..], rest].concat()
    });
    assert!(fs::read(&path).unwrap().windows(6).any(|it| it == b"cuda:0"));
    assert_eq!(network(&path), expected("expected.json"));
}

/// The zip again, with entries changed.
fn changed(from: &Path, to: &Path, change: impl Fn(&str, Vec<u8>) -> Vec<u8>) {
    let mut zip = zip::ZipArchive::new(Cursor::new(fs::read(from).unwrap())).unwrap();
    let mut out = zip::ZipWriter::new(fs::File::create(to).unwrap());
    for i in 0..zip.len() {
        let mut entry = zip.by_index(i).unwrap();
        let (name, mut bytes) = (entry.name().unwrap().to_string(), Vec::new());
        entry.read_to_end(&mut bytes).unwrap();
        let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        out.start_file(&name, options).unwrap();
        out.write_all(&change(&name, bytes)).unwrap();
    }
    out.finish().unwrap();
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The error of a copy of `two_ranks` in which `old` of the index is `new`, of the same length.
fn with_index(old: &[u8], new: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    copied(&fixture("two_ranks"), folder.path());
    let path = folder.path().join(".metadata");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(old.len()).position(|it| it == old).expect("the index has it");
    bytes[at..at + new.len()].copy_from_slice(new);
    fs::write(&path, bytes).unwrap();
    let opened = Checkpoint::open(folder.path()).map(drop);
    opened.unwrap_err().to_string().replace(&folder.path().display().to_string(), "DIR")
}

#[test]
fn an_index_that_lies_is_an_error() {
    insta::assert_snapshot!(with_index(b"__0_0.distcp", b"../../passwd"), @r#"DIR cannot be read as a checkpoint: its index names a file that is not in the folder: "../../passwd""#);
    insta::assert_snapshot!(with_index(b"__0_0.distcp", b"__7_0.distcp"), @"DIR/__7_0.distcp: No such file or directory (os error 2)");
    insta::assert_snapshot!(with_index(b"float32", b"float99"), @"DIR/.metadata cannot be read as a checkpoint: `model.backbone.cls_token`: it is float99, which is not supported");
    insta::assert_snapshot!(with_index(b"TensorStorageMetadata", b"TensorStorageMetadatb"), @"DIR/.metadata cannot be read as a checkpoint: `model.backbone.cls_token`: it is neither a tensor nor a value");
    // A shape that its blocks do not make up: (1, 1, 8) is said to be (1, 2, 8).
    insta::assert_snapshot!(with_index(b"K\x01K\x01K\x08\x87", b"K\x01K\x02K\x08\x87"), @"DIR/.metadata cannot be read as a checkpoint: `model.backbone.cls_token`: its blocks do not make up the whole of it");
}

#[test]
fn damage_is_an_error_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    copied(&fixture("two_ranks"), folder.path());
    let path = folder.path().join("__1_0.distcp");
    let whole = fs::read(&path).unwrap();
    let read = || {
        let checkpoint = Checkpoint::open(folder.path())?;
        let tensors = checkpoint.network()?;
        Checkpoint::read_all(&tensors, |_, _, bytes| Ok::<_, FileError>(bytes))
    };
    let sound = read().unwrap();
    for at in (0..whole.len()).step_by(97) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(&path, &damaged).unwrap();
        // Fillers between entries may have any value.
        assert!(read().map_or(true, |read| read == sound), "at {at}");
        fs::write(&path, &whole[..at]).unwrap();
        assert!(read().is_err(), "cut at {at}");
    }
}

#[test]
fn what_is_no_checkpoint_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let said = |path: &Path| {
        let error = Checkpoint::open(path).map(drop).unwrap_err().to_string();
        error.replace(&folder.path().display().to_string(), "DIR")
    };
    let file = |name: &str, bytes: &[u8]| {
        fs::write(folder.path().join(name), bytes).unwrap();
        said(&folder.path().join(name))
    };
    insta::assert_snapshot!(said(folder.path()), @"DIR cannot be read as a checkpoint: it is a folder without `.metadata` and without `manifest.json`");
    insta::assert_snapshot!(file("a.pth", b"text"), @"DIR/a.pth cannot be read as a checkpoint: it is no file that `torch.save` of torch 1.6 or later writes, and its name does not end in `.safetensors`");
    insta::assert_snapshot!(file("b.pth", b"\x80\x02\x8a\x0al\xfc"), @"DIR/b.pth cannot be read as a checkpoint: it is of torch's format before 1.6; load and save it again with a later torch");
    insta::assert_snapshot!(file("c.safetensors", b"\xff\xff\xff\xff\xff\xff\xff\xff{}"), @"DIR/c.safetensors cannot be read as a checkpoint: it is not a whole safetensors file");
    insta::assert_snapshot!(said(&folder.path().join("none")), @"DIR/none: No such file or directory (os error 2)");
}

/// `state_dict.pkl` is the pickle of `torch.save({"iteration": …, "args": Namespace(…), "teacher": OrderedDict(…)}, …)`, of a `state_dict` with its
/// metadata and two tensors over one storage. What is an object of Python is named, and left out of what is converted.
#[test]
fn tensors_may_share_a_storage_and_objects_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.pth");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let numbers: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_le_bytes()).collect();
    let pickle = fs::read(fixture("state_dict.pkl")).unwrap();
    for (name, bytes) in
        [("data.pkl", &pickle[..]), ("data/0", &numbers), ("data/1", &numbers[..8]), ("data/2", &numbers[..4])]
    {
        zip.start_file(format!("t/{name}"), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    let checkpoint = Checkpoint::open(&path).unwrap();
    let tensors = checkpoint.network().unwrap();
    let said: Vec<String> =
        tensors.iter().map(|(name, it)| format!("{name} {} {:?}", it.dtype.name(), it.shape)).collect();
    assert_eq!(said, ["weight float32 [2, 3]", "bias float32 [2]", "periods bfloat16 [2]", "column float32 [2]"]);
    let column: Vec<u8> = [1.0_f32, 4.0].iter().flat_map(|it| it.to_le_bytes()).collect();
    assert_eq!(tensors[3].1.read().unwrap(), column, "every third number, from the second one on");
    let Some(Value::Other(class)) = checkpoint.value("args") else { panic!("{:?}", checkpoint.entries) };
    assert_eq!(class, "argparse.Namespace");
}
