//! What `torch.save` has written: a pickle, and the storages of its tensors.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::dtype::Dtype;
use crate::error::FileError;
use crate::file::{Archive, Place, Source, Window};
use crate::pickle::{Id, Node, Pickle};
use crate::stored::{At, Stored, View, count, row_major};
use crate::tree::{self, Budget, Entry, Value};

/// The entries of a file.
pub(crate) fn open(source: &Arc<Source>) -> Result<Vec<Entry>, FileError> {
    let window = Window::whole(source);
    let mut archive = Archive::open(&window)?;
    let bytes = archive.pickle()?;
    let pickle = Pickle::read(&bytes).map_err(|reason| window.invalid(reason))?;
    if pickle.dict(pickle.root).is_none() {
        let kind = tree::kind(&pickle, pickle.node(pickle.root));
        return Err(window.invalid(format!("it is {kind}, not a dictionary")));
    }
    let mut storages = Storages { archive, window: &window, known: HashMap::new() };
    let mut tensor = |id| storages.tensor(&pickle, id).map(|found| found.map(Found::stored));
    tree::entries(&pickle, &mut Budget::new(bytes.len()), &mut tensor).map_err(|reason| window.invalid(reason))
}

/// The one tensor that `torch.save(tensor, path)` has written, wherever it was: on an Ascend NPU, `torch_npu` has another way to say so.
///
/// # Errors
/// If the file cannot be read, or is none of `torch.save`'s with one tensor.
pub fn read_tensor(path: &Path) -> Result<Stored, FileError> {
    let source = Source::open(path)?;
    let window = Window::whole(&source);
    let (dtype, shape, view) = saved_tensor(&window)?;
    Ok(Stored::whole(dtype, shape, At::View(view)))
}

/// The one tensor that a part of a file is, as its pickle says.
pub(crate) fn saved_tensor(window: &Window) -> Result<(Dtype, Vec<u64>, View), FileError> {
    let mut archive = Archive::open(window)?;
    let bytes = archive.pickle()?;
    let pickle = Pickle::read(&bytes).map_err(|reason| window.invalid(reason))?;
    let mut storages = Storages { archive, window, known: HashMap::new() };
    let found = storages.tensor(&pickle, pickle.root).map_err(|reason| window.invalid(reason))?;
    found.map(|found| (found.dtype, found.shape, found.view)).ok_or_else(|| window.invalid("it has no tensor"))
}

/// The value that a part of a file is.
pub(crate) fn saved_value(window: &Window) -> Result<Value, FileError> {
    let bytes = Archive::open(window)?.pickle()?;
    let pickle = Pickle::read(&bytes).map_err(|reason| window.invalid(reason))?;
    tree::value(&pickle, pickle.root, &mut Budget::new(bytes.len()), 0).map_err(|reason| window.invalid(reason))
}

struct Found {
    dtype: Dtype,
    shape: Vec<u64>,
    view: View,
}

impl Found {
    fn stored(self) -> Stored {
        Stored::whole(self.dtype, self.shape, At::View(self.view))
    }
}

struct Storages<'a> {
    archive: Archive,
    window: &'a Window,
    /// Where they are, by their names.
    known: HashMap<String, Place>,
}

impl Storages<'_> {
    /// The tensor that a node describes; `None` if the node is none.
    fn tensor(&mut self, pickle: &Pickle, id: Id) -> Result<Option<Found>, String> {
        let Some((object, function)) = pickle.object(id) else { return Ok(None) };
        let arguments = pickle.items(object.arguments).unwrap_or_default();
        match (function, arguments) {
            (
                ("torch._utils", "_rebuild_tensor_v2") | ("torch_npu.utils.storage", "_rebuild_npu_tensor"),
                [storage, offset, shape, strides, ..],
            ) => {
                let (Some(offset), Some(shape), Some(strides)) =
                    (pickle.int(*offset), pickle.sizes(*shape), pickle.sizes(*strides))
                else {
                    return Err("its shape, strides or offset is none".to_owned());
                };
                let offset = u64::try_from(offset).map_err(|_| format!("it begins at {offset}"))?;
                self.view(pickle, *storage, offset, shape, strides).map(Some)
            }
            (("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state"), [tensor, ..])
                if *tensor < id =>
            {
                self.tensor(pickle, *tensor)
            }
            (("torch._utils", name), _) if name.starts_with("_rebuild") => Err(format!("it is made by `{name}`")),
            (("torch._tensor", "_rebuild_from_type_v2"), [_, class, ..]) => {
                let class = pickle.global(*class).map_or_else(String::new, |(module, name)| format!("{module}.{name}"));
                Err(format!("it is a tensor of the class {class}: save the whole of it, as a plain tensor"))
            }
            _ => Ok(None),
        }
    }

    /// A view of the storage `("storage", torch.FloatStorage, "0", "cuda:0", 64)`, wherever it was.
    fn view(
        &mut self,
        pickle: &Pickle,
        storage: Id,
        offset: u64,
        shape: Vec<u64>,
        strides: Vec<u64>,
    ) -> Result<Found, String> {
        let parts = if let Node::Outside(name) = pickle.node(storage) { pickle.items(*name) } else { None };
        let Some([kind, class, name, _, elements]) = parts else { return Err("it has no storage".to_owned()) };
        let (Some("storage"), Some(("torch", class)), Some(name), Some(elements)) =
            (pickle.text(*kind), pickle.global(*class), pickle.text(*name), pickle.int(*elements))
        else {
            return Err("its storage is none of torch's".to_owned());
        };
        let dtype =
            Dtype::of_class(class).ok_or_else(|| format!("it is a {class}, of a dtype that is not supported"))?;
        let place = self.place(name)?;
        if u64::try_from(elements).ok().and_then(|it| it.checked_mul(dtype.bytes() as u64)) != Some(place.length) {
            return Err(format!("its storage has {} bytes, not {elements} {}", place.length, dtype.name()));
        }
        let elements = elements as u64;
        let numbers = count(&shape).filter(|count| *count <= elements);
        let last = last(&shape, &strides).and_then(|last| last.checked_add(offset));
        let inside = numbers == Some(0) || last.is_some_and(|last| last < elements);
        if numbers.is_none() || !inside {
            return Err(format!("{shape:?} by {strides:?} is more than its storage has"));
        }
        Ok(Found { dtype, shape, view: View { source: Arc::clone(&self.window.source), place, offset, strides } })
    }

    fn place(&mut self, name: &str) -> Result<Place, String> {
        if let Some(place) = self.known.get(name) {
            return Ok(*place);
        }
        let place = self.archive.place(&format!("data/{name}")).map_err(|error| error.to_string())?;
        let place = place.ok_or("its storage is missing")?;
        self.known.insert(name.to_owned(), place);
        Ok(place)
    }
}

/// The place of the last element behind the first one.
fn last(shape: &[u64], strides: &[u64]) -> Option<u64> {
    if shape.len() != strides.len() {
        return None;
    }
    let mut steps = shape.iter().zip(strides).map(|(size, stride)| size.saturating_sub(1).checked_mul(*stride));
    steps.try_fold(0_u64, |sum, step| sum.checked_add(step?))
}

/// The pickle of a tensor over the storage `name`.
pub(crate) fn put_tensor(out: &mut crate::pickle::Writer, name: &str, dtype: Dtype, shape: &[u64]) {
    let elements = count(shape).expect("a tensor that is there") as i64;
    out.global("torch._utils", "_rebuild_tensor_v2").called(|out| {
        out.outside(|out| {
            out.tuple(|out| {
                out.text("storage").global("torch", dtype.class()).text(name).text("cpu").int(elements);
            });
        });
        out.int(0);
        for sizes in [shape, &row_major(shape)] {
            out.tuple(|out| {
                sizes.iter().for_each(|size| {
                    out.int(*size as i64);
                })
            });
        }
        // No gradient, no hooks.
        out.bool(false).ordered_dict(|_| {});
    });
}
