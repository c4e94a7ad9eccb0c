//! A file of `torch.save`, read as far as `{key: OrderedDict of tensors}` needs it: the zip, and the opcodes of its pickle.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};
use zip::ZipArchive;

/// A value of the pickle.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Mark,
    None,
    Bool(bool),
    Int(i64),
    Text(String),
    Tuple(Vec<Value>),
    /// A dictionary, or an `OrderedDict`.
    Dict(Vec<(Value, Value)>),
    /// `module name`.
    Global(String),
    /// What has no value in the file: its tuple.
    Persistent(Vec<Value>),
    /// A call of `_rebuild_tensor_v2`.
    Tensor(Vec<Value>),
}

/// `name dtype shape sha256` of each tensor under the one key `key`, in order, as `golden/program/fp32/teacher.txt` has them.
pub fn tensors(path: &Path, key: &str) -> Vec<String> {
    let mut zip = ZipArchive::new(File::open(path).unwrap()).unwrap();
    let root = path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut entry = |name: &str| {
        let mut bytes = Vec::new();
        zip.by_name(&format!("{root}/{name}")).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    };
    assert_eq!(entry("byteorder"), b"little");
    assert_eq!(entry("version"), b"3\n");
    let Value::Dict(whole) = unpickled(&entry("data.pkl")) else { panic!("no dictionary") };
    let [(name, Value::Dict(tensors))] = whole.as_slice() else { panic!("{whole:?}") };
    assert_eq!(name, &Value::Text(key.to_owned()));
    tensors.iter().map(|(name, tensor)| described(name, tensor, &mut entry)).collect()
}

fn described(name: &Value, tensor: &Value, entry: &mut impl FnMut(&str) -> Vec<u8>) -> String {
    let (Value::Text(name), Value::Tensor(arguments)) = (name, tensor) else { panic!("{name:?}: {tensor:?}") };
    let [Value::Persistent(storage), Value::Int(0), shape, strides, Value::Bool(false), hooks] = arguments.as_slice()
    else {
        panic!("{name}: {arguments:?}")
    };
    assert_eq!(hooks, &Value::Dict(Vec::new()), "{name}");
    let [Value::Text(kind), Value::Global(class), Value::Text(number), Value::Text(_), Value::Int(elements)] =
        storage.as_slice()
    else {
        panic!("{name}: {storage:?}")
    };
    let (shape, strides) = (sizes(shape), sizes(strides));
    let mut step = 1;
    let stride = |size: &i64| {
        let stride = step;
        step *= size;
        stride
    };
    let dense: Vec<i64> = shape.iter().rev().map(stride).collect();
    assert_eq!(strides, dense.into_iter().rev().collect::<Vec<_>>(), "{name}");
    assert_eq!((kind.as_str(), *elements), ("storage", step), "{name}");
    let (dtype, bytes) = match class.as_str() {
        "torch FloatStorage" => ("float32", 4),
        "torch BFloat16Storage" => ("bfloat16", 2),
        other => panic!("{name}: {other}"),
    };
    let data = entry(&format!("data/{number}"));
    assert_eq!(data.len() as i64, elements * bytes, "{name}");
    let hash: String = Sha256::digest(&data).iter().map(|byte| format!("{byte:02x}")).collect();
    let shape: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("{name} {dtype} {} {hash}", shape.join("x"))
}

fn sizes(tuple: &Value) -> Vec<i64> {
    let Value::Tuple(items) = tuple else { panic!("{tuple:?}") };
    items.iter().map(|item| if let Value::Int(size) = item { *size } else { panic!("{item:?}") }).collect()
}

/// The value of a pickle of protocol 2. What it remembers is of no matter here: nothing asks for it.
fn unpickled(pickle: &[u8]) -> Value {
    let (mut stack, mut at): (Vec<Value>, usize) = (Vec::new(), 0);
    let mut take = |count: usize| {
        at += count;
        &pickle[at - count..at]
    };
    assert_eq!(take(2), [0x80, 2]);
    loop {
        match take(1)[0] {
            b'.' => return stack.pop().unwrap(),
            b'}' => stack.push(Value::Dict(Vec::new())),
            b')' => stack.push(Value::Tuple(Vec::new())),
            b'(' => stack.push(Value::Mark),
            b'N' => stack.push(Value::None),
            0x88 => stack.push(Value::Bool(true)),
            0x89 => stack.push(Value::Bool(false)),
            b'K' => stack.push(Value::Int(take(1)[0].into())),
            b'M' => stack.push(Value::Int(u16::from_le_bytes(take(2).try_into().unwrap()).into())),
            b'J' => stack.push(Value::Int(i32::from_le_bytes(take(4).try_into().unwrap()).into())),
            0x8a => {
                let length = take(1)[0].into();
                let mut bytes = [0; 8];
                bytes[..length].copy_from_slice(take(length));
                stack.push(Value::Int(i64::from_le_bytes(bytes)));
            }
            b'X' => {
                let length = u32::from_le_bytes(take(4).try_into().unwrap());
                stack.push(Value::Text(String::from_utf8(take(length as usize).to_vec()).unwrap()));
            }
            b'c' => {
                let mut line = || {
                    let mut line = String::new();
                    loop {
                        match take(1)[0] {
                            b'\n' => return line,
                            byte => line.push(byte.into()),
                        }
                    }
                };
                stack.push(Value::Global(format!("{} {}", line(), line())));
            }
            b't' => {
                let items = after_mark(&mut stack);
                stack.push(Value::Tuple(items));
            }
            count @ 0x85..=0x87 => {
                let items = stack.split_off(stack.len() - usize::from(count - 0x84));
                stack.push(Value::Tuple(items));
            }
            b'Q' => {
                let Some(Value::Tuple(id)) = stack.pop() else { panic!("an id is a tuple") };
                stack.push(Value::Persistent(id));
            }
            b'R' => {
                let (arguments, function) = (stack.pop(), stack.pop());
                stack.push(called(function, arguments));
            }
            b's' => {
                let items = stack.split_off(stack.len() - 2);
                put(&mut stack, items);
            }
            b'u' => {
                let items = after_mark(&mut stack);
                put(&mut stack, items);
            }
            // It remembers what is on top.
            b'q' => drop(take(1)),
            b'r' => drop(take(4)),
            other => panic!("opcode {other:#x}"),
        }
    }
}

fn after_mark(stack: &mut Vec<Value>) -> Vec<Value> {
    let mark = stack.iter().rposition(|value| *value == Value::Mark).unwrap();
    let items = stack.split_off(mark + 1);
    stack.pop();
    items
}

fn put(stack: &mut [Value], items: Vec<Value>) {
    let Some(Value::Dict(dict)) = stack.last_mut() else { panic!("no dictionary takes {items:?}") };
    dict.extend(items.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())));
}

fn called(function: Option<Value>, arguments: Option<Value>) -> Value {
    let (Some(Value::Global(name)), Some(Value::Tuple(arguments))) = (function, arguments) else { panic!("no call") };
    match name.as_str() {
        "collections OrderedDict" if arguments.is_empty() => Value::Dict(Vec::new()),
        "torch._utils _rebuild_tensor_v2" => Value::Tensor(arguments),
        other => panic!("{other}{arguments:?}"),
    }
}
