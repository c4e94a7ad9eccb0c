//! A folder as `torch.distributed.checkpoint.save` writes it on one rank.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use dinov3_ground::atomic::{Existing, StagedFolder};

use super::pth::write_zip;
use super::{Item, What, put_value};
use crate::dcp::METADATA;
use crate::pickle::Writer;
use crate::pth::put_tensor;
use crate::tree::{Key, joined};

const DATA: &str = "__0_0.distcp";
const CLASSES: &str = "torch.distributed.checkpoint.metadata";

/// Writes `items` as the folder `path`, in place of one that is there, whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn write_dcp(path: &Path, items: &[Item]) -> io::Result<()> {
    let staged = StagedFolder::create(path)?;
    let mut data = BufWriter::with_capacity(1 << 20, File::create(staged.temporary_path().join(DATA))?);
    let mut places = Vec::with_capacity(items.len());
    for item in items {
        let start = data.stream_position()?;
        let mut pickle = Writer::new(2);
        let mut storages = Vec::new();
        match &item.what {
            What::Value(value) => put_value(&mut pickle, value),
            What::Tensor { dtype, shape, bytes } => {
                put_tensor(&mut pickle, "0", *dtype, shape);
                storages.push(bytes);
            }
        }
        // What torch calls the folder in a zip without a name.
        write_zip(Behind { start, file: &mut data }, "archive", &pickle.finish(), &storages)?;
        places.push((start, data.stream_position()? - start));
    }
    data.flush()?;
    drop(data);
    std::fs::write(staged.temporary_path().join(METADATA), metadata(items, &places))?;
    staged.publish(Existing::Replace)
}

/// The index: what there is, the keys of each, and where it is.
fn metadata(items: &[Item], places: &[(u64, u64)]) -> Vec<u8> {
    let mut out = Writer::new(4);
    out.object(CLASSES, "Metadata", |out| {
        out.dict(|out| {
            out.text("state_dict_metadata").dict(|out| items.iter().for_each(|item| described(out, item)));
            out.text("planner_data").dict(|out| {
                for item in items {
                    out.text(&joined(&item.path)).tuple(|out| item.path.iter().for_each(|key| put_key(out, key)));
                }
            });
            out.text("storage_data").dict(|out| {
                for (item, (start, length)) in items.iter().zip(places) {
                    stored(out, item, *start, *length);
                }
            });
            out.text("storage_meta").none();
        });
    });
    out.finish()
}

fn put_key(out: &mut Writer, key: &Key) {
    match key {
        Key::Text(text) => {
            out.text(text);
        }
        Key::Index(number) => {
            out.int(*number as i64);
        }
    }
}

/// `torch.Size`.
fn put_size(out: &mut Writer, sizes: impl Iterator<Item = u64>) {
    out.global("torch", "Size").called(|out| {
        out.tuple(|out| {
            sizes.for_each(|size| {
                out.int(size as i64);
            })
        });
    });
}

fn described(out: &mut Writer, item: &Item) {
    out.text(&joined(&item.path));
    let What::Tensor { dtype, shape, .. } = &item.what else {
        out.object(CLASSES, "BytesStorageMetadata", |out| {
            out.dict(|_| {});
        });
        return;
    };
    out.object(CLASSES, "TensorStorageMetadata", |out| {
        out.dict(|out| {
            out.text("properties").object(CLASSES, "TensorProperties", |out| {
                out.tuple(|out| {
                    out.global("torch", dtype.name());
                    out.global("torch.serialization", "_get_layout").called(|out| {
                        out.text("torch.strided");
                    });
                    // No gradient, rows side by side, not pinned.
                    out.bool(false)
                        .global(CLASSES, "_MEM_FORMAT_ENCODING")
                        .called(|out| {
                            out.int(0);
                        })
                        .bool(false);
                });
            });
            put_size(out.text("size"), shape.iter().copied());
            out.text("chunks").list(|out| {
                out.object(CLASSES, "ChunkStorageMetadata", |out| {
                    out.dict(|out| {
                        put_size(out.text("offsets"), shape.iter().map(|_| 0));
                        put_size(out.text("sizes"), shape.iter().copied());
                    });
                });
            });
        });
    });
}

fn stored(out: &mut Writer, item: &Item, start: u64, length: u64) {
    out.object(CLASSES, "MetadataIndex", |out| {
        out.dict(|out| {
            out.text("fqn").text(&joined(&item.path));
            if let What::Tensor { shape, .. } = &item.what {
                put_size(out.text("offset"), shape.iter().map(|_| 0));
                out.text("index").int(0);
            }
        });
    });
    out.object("torch.distributed.checkpoint.filesystem", "_StorageInfo", |out| {
        out.dict(|out| {
            out.text("relative_path").text(DATA);
            out.text("offset").int(start as i64).text("length").int(length as i64);
        });
    });
}

/// What is written behind a place of a file, as a file.
struct Behind<'a, W> {
    start: u64,
    file: &'a mut W,
}

impl<W: Write> Write for Behind<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl<W: Seek> Seek for Behind<'_, W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = if let SeekFrom::Start(at) = to { SeekFrom::Start(self.start + at) } else { to };
        let at = self.file.seek(to)?;
        at.checked_sub(self.start).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
    }
}
