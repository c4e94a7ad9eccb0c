//! The files of a dump.

use std::fs;
use std::path::{Path, PathBuf};

use dinov3_golden::{Dtype, Precision};
use serde_json::Value;

use crate::error::DumpError;
use crate::json;
use crate::names::{Direction, Place};

/// The file that makes a folder a dump.
pub(crate) const JSON: &str = "dump.json";
/// The folder of the tensors.
const DATA: &str = "dump_tensor_data";

/// What a dump has of each tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Its elements, in a file.
    Tensor,
    /// Its smallest and largest element, its mean and its norm.
    Statistics,
    /// The CRC-32 of its bytes, and these figures.
    Md5,
}

/// A dump.
#[derive(Debug)]
pub struct Dump {
    /// Its folder.
    pub folder: PathBuf,
    /// What it has of each tensor.
    pub task: Task,
    /// The tensors in the order of the file.
    pub tensors: Vec<Dumped>,
    /// The number of calls that are none of a module: operators and collectives.
    pub apis: usize,
}

/// A tensor of a dump.
#[derive(Clone, Debug)]
pub struct Dumped {
    /// Its name in msprobe's words: `Module.….Linear.forward.0.output.0`.
    pub name: String,
    /// Where it was taken.
    pub place: Place,
    /// Whether it is an input, an output or a parameter there, and which: the items of `output`, and within them.
    pub part: Part,
    /// Its type in torch's words: `torch.bfloat16`.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Whether autograd follows it; `None` where the dump does not say.
    pub requires_grad: Option<bool>,
    /// Its figures.
    pub figures: Figures,
    /// The CRC-32 of its bytes, eight lower-case hexadecimal digits.
    pub md5: Option<String>,
    /// Its file. It may be missing: tensors of some layouts, and empty ones, are not written.
    pub file: Option<PathBuf>,
}

/// A part of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// An argument of the call: the keys and numbers that lead to it.
    Input(Vec<String>),
    /// A result; of how many, and the numbers and keys that lead to it.
    Output(usize, Vec<String>),
    /// A parameter, or the gradient by one.
    Parameter(String),
}

/// The figures of a tensor; `None` where there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// The largest element.
    pub max: Option<f64>,
    /// The smallest.
    pub min: Option<f64>,
    /// The mean.
    pub mean: Option<f64>,
    /// The square root of the sum of squares.
    pub norm: Option<f64>,
}

impl Dumped {
    /// The type as a golden set has it; `None` for another one.
    pub fn dtype(&self) -> Option<Dtype> {
        named(self.dtype.strip_prefix("torch.")?)
    }
}

/// Types by their names in torch, as a golden set has them.
const DTYPES: [(&str, Dtype); 8] = [
    ("float64", Dtype::F64),
    ("float32", Dtype::F32),
    ("float16", Dtype::F16),
    ("bfloat16", Dtype::Bf16),
    ("int64", Dtype::I64),
    ("int32", Dtype::I32),
    ("uint8", Dtype::U8),
    ("bool", Dtype::Bool),
];

/// The type of a name in torch.
pub(crate) fn named(name: &str) -> Option<Dtype> {
    DTYPES.iter().find(|(known, _)| *known == name).map(|(_, dtype)| *dtype)
}

/// The name in torch of a type.
pub(crate) fn name_of(dtype: Dtype) -> &'static str {
    DTYPES.iter().find(|(_, known)| *known == dtype).map_or("unknown", |(name, _)| name)
}

impl Dump {
    /// Whether a folder is a dump.
    pub fn is_one(folder: &Path) -> bool {
        folder.join(JSON).is_file()
    }

    /// The precision that it was made at: that of the linear layers' results. `None` if it has none, or they are of another type.
    pub fn precision(&self) -> Option<Precision> {
        let linear = self.tensors.iter().filter(|tensor| tensor.place.class.ends_with("Linear"));
        let mut dtypes = linear.filter_map(Dumped::dtype).filter(|dtype| dtype.is_float());
        match dtypes.next()? {
            Dtype::Bf16 => Some(Precision::Bf16),
            Dtype::F32 => Some(Precision::Fp32),
            _ => None,
        }
    }

    /// Reads `dump.json`. The files of tensors are read as they are judged.
    ///
    /// # Errors
    /// If there is none, or it is not what msprobe writes.
    pub fn open(folder: &Path) -> Result<Self, DumpError> {
        let path = folder.join(JSON);
        let text = fs::read_to_string(&path)
            .map_err(|error| DumpError::NoDump { path: folder.to_owned(), reason: format!("{JSON}: {error}") })?;
        let invalid = |reason: String| DumpError::Invalid { path: path.clone(), reason };
        let whole = json::parse(&text).map_err(|error| invalid(error.to_string()))?;
        let data =
            whole.get("data").and_then(Value::as_object).ok_or_else(|| invalid("it has no `data`".to_owned()))?;
        let (mut tensors, mut apis) = (Vec::new(), 0);
        for (name, entry) in data {
            match Place::parse(name) {
                Some(place) => Walk { folder, place: &place, found: &mut tensors }.entry(name, entry),
                None => apis += 1,
            }
        }
        let said = whole.get("task").and_then(Value::as_str).unwrap_or_default();
        let task = if tensors.iter().any(|tensor| tensor.md5.is_some()) {
            Task::Md5
        } else if said == "tensor" {
            Task::Tensor
        } else if said == "statistics" {
            Task::Statistics
        } else {
            return Err(invalid(format!("its task is `{said}`; `tensor` and `statistics` can be judged")));
        };
        Ok(Self { folder: folder.to_owned(), task, tensors, apis })
    }
}

/// Collects the tensors of one call.
struct Walk<'a> {
    folder: &'a Path,
    place: &'a Place,
    found: &'a mut Vec<Dumped>,
}

impl Walk<'_> {
    fn entry(&mut self, name: &str, entry: &Value) {
        if self.place.direction == Direction::ParametersGrad {
            for (parameter, value) in entry.as_object().into_iter().flatten() {
                let part = Part::Parameter(parameter.clone());
                self.leaves(&format!("{name}.{parameter}"), value, &mut Vec::new(), &|_| part.clone());
            }
            return;
        }
        for key in ["input_args", "input"] {
            let Some(value) = entry.get(key) else { continue };
            self.leaves(&format!("{name}.input"), value, &mut Vec::new(), &|steps| Part::Input(steps.to_vec()));
        }
        if let Some(value) = entry.get("input_kwargs") {
            self.leaves(&format!("{name}.input"), value, &mut Vec::new(), &|steps| Part::Input(steps.to_vec()));
        }
        if let Some(value) = entry.get("output") {
            let count = value.as_array().map_or(1, Vec::len);
            self.leaves(&format!("{name}.output"), value, &mut Vec::new(), &|steps| {
                Part::Output(count, steps.to_vec())
            });
        }
        for (parameter, value) in entry.get("parameters").and_then(Value::as_object).into_iter().flatten() {
            let part = Part::Parameter(parameter.clone());
            self.leaves(&format!("{name}.parameters.{parameter}"), value, &mut Vec::new(), &|_| part.clone());
        }
    }

    fn leaves(&mut self, name: &str, value: &Value, steps: &mut Vec<String>, part: &dyn Fn(&[String]) -> Part) {
        match value {
            Value::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    self.within(name, &number.to_string(), item, steps, part);
                }
            }
            Value::Object(fields) if is_tensor(value) => {
                let tensor = self.tensor(name, fields, part(steps.as_slice()));
                self.found.push(tensor);
            }
            // A scalar, a size, a process group: none of them is a tensor.
            Value::Object(fields) if !fields.contains_key("type") => {
                for (key, item) in fields {
                    self.within(name, key, item, steps, part);
                }
            }
            _ => {}
        }
    }

    fn within(
        &mut self,
        name: &str,
        step: &str,
        item: &Value,
        steps: &mut Vec<String>,
        part: &dyn Fn(&[String]) -> Part,
    ) {
        steps.push(step.to_owned());
        self.leaves(&format!("{name}.{step}"), item, steps, part);
        steps.pop();
    }

    fn tensor(&self, name: &str, fields: &serde_json::Map<String, Value>, part: Part) -> Dumped {
        let text = |key: &str| fields.get(key).and_then(Value::as_str);
        let figure = |key: &str| fields.get(key).and_then(json::number);
        let shape = fields.get("shape").and_then(Value::as_array).into_iter().flatten();
        // A name with a folder in it would lead out of the dump.
        let file = text("data_name").filter(|name| !name.contains(['/', '\\']));
        Dumped {
            name: name.to_owned(),
            place: self.place.clone(),
            part,
            dtype: text("dtype").unwrap_or_default().to_owned(),
            shape: shape.filter_map(|extent| usize::try_from(extent.as_u64()?).ok()).collect(),
            requires_grad: fields.get("requires_grad").and_then(Value::as_bool),
            figures: Figures { max: figure("Max"), min: figure("Min"), mean: figure("Mean"), norm: figure("Norm") },
            md5: text("md5").map(str::to_lowercase),
            file: file.map(|file| self.folder.join(DATA).join(file)),
        }
    }
}

fn is_tensor(value: &Value) -> bool {
    let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
    kind == "torch.Tensor" || kind.ends_with(".DTensor")
}
