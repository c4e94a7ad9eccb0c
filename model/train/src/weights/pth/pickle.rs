//! Pickles of protocol 2 to 4, as far as dictionaries of tensors need them.
//!
//! What is no number, text, tuple, dictionary or tensor is [`Value::Other`]: it is passed over and nothing is called. So a pickle can do nothing
//! but describe tensors.

use std::collections::HashMap;

/// The most tuples and dictionaries within each other. A dictionary of tensors has six.
const DEEPEST: usize = 64;

/// A value of a pickle.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Int(i64),
    Text(String),
    Tuple(Vec<Value>),
    /// A dictionary, or an `OrderedDict`; keys that are no text are left out.
    Dict(Vec<(String, Value)>),
    /// A function or a class: `module name`.
    Global(String),
    /// What stands outside of the pickle.
    Storage(Storage),
    Tensor(Described),
    Other,
}

/// A storage: elements in an entry of the archive.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Storage {
    /// `FloatStorage`.
    pub(super) class: String,
    /// The entry's name.
    pub(super) name: String,
    pub(super) elements: i64,
}

/// A tensor over a storage, in elements.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Described {
    pub(super) storage: Storage,
    pub(super) offset: i64,
    pub(super) shape: Vec<i64>,
    pub(super) strides: Vec<i64>,
}

/// What is on the stack, with the depth of what is within it.
enum Item {
    Mark,
    Value(Value, usize),
}

struct Machine<'a> {
    pickle: &'a [u8],
    stack: Vec<Item>,
    memo: HashMap<u32, Value>,
}

/// The value of a pickle; the error says what is wrong with it.
pub(super) fn value(pickle: &[u8]) -> Result<Value, String> {
    let mut machine = Machine { pickle, stack: Vec::new(), memo: HashMap::new() };
    loop {
        let opcode = machine.byte()?;
        if opcode == b'.' {
            return machine.pop().map(|(value, _)| value);
        }
        machine.step(opcode)?;
    }
}

impl Machine<'_> {
    fn take(&mut self, count: usize) -> Result<&[u8], String> {
        let (taken, rest) = self.pickle.split_at_checked(count).ok_or("its pickle is cut short")?;
        self.pickle = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        self.take(1).map(|bytes| bytes[0])
    }

    /// A number of `count` bytes, at most eight, the lowest first.
    fn unsigned(&mut self, count: usize) -> Result<u64, String> {
        Ok(self.take(count)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn text(&mut self, length: u64) -> Result<String, String> {
        let bytes = self.take(usize::try_from(length).map_err(|_| "its pickle is cut short")?)?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    fn line(&mut self) -> Result<String, String> {
        let end = self.pickle.iter().position(|byte| *byte == b'\n').ok_or("its pickle is cut short")?;
        let line = self.text(end as u64)?;
        self.take(1)?;
        Ok(line)
    }

    fn push(&mut self, value: Value, within: usize) -> Result<(), String> {
        if within > DEEPEST {
            return Err(format!("its pickle has more than {DEEPEST} things within each other"));
        }
        self.stack.push(Item::Value(value, within));
        Ok(())
    }

    fn pop(&mut self) -> Result<(Value, usize), String> {
        match self.stack.pop() {
            Some(Item::Value(value, within)) => Ok((value, within)),
            _ => Err("its pickle lacks a value".to_owned()),
        }
    }

    /// The values above the last mark, and the depth of the deepest.
    fn after_mark(&mut self) -> Result<(Vec<Value>, usize), String> {
        let (mut values, mut within) = (Vec::new(), 0);
        while let Some(Item::Value(value, depth)) = self.stack.pop_if(|item| matches!(item, Item::Value(..))) {
            values.push(value);
            within = within.max(depth);
        }
        self.stack.pop().ok_or("its pickle lacks a mark")?;
        values.reverse();
        Ok((values, within))
    }

    fn step(&mut self, opcode: u8) -> Result<(), String> {
        let plain = |value| (value, 0);
        let (value, within) = match opcode {
            0x80 | b'q' => return self.remembered_or_skipped(opcode, 1),
            b'r' => return self.remembered_or_skipped(opcode, 4),
            0x94 => return self.remember(self.memo.len() as u32),
            0x95 => return self.take(8).map(|_| ()),
            b'(' => {
                self.stack.push(Item::Mark);
                return Ok(());
            }
            b'h' => {
                let key = self.byte()?.into();
                plain(self.memo.get(&key).cloned().ok_or("its pickle asks for what it has not remembered")?)
            }
            b'j' => {
                let key = self.unsigned(4)? as u32;
                plain(self.memo.get(&key).cloned().ok_or("its pickle asks for what it has not remembered")?)
            }
            b'K' => plain(Value::Int(self.byte()?.into())),
            b'M' => plain(Value::Int(self.unsigned(2)? as i64)),
            b'J' => plain(Value::Int((self.unsigned(4)? as i32).into())),
            0x8a => plain(self.long()?),
            b'X' => {
                let length = self.unsigned(4)?;
                plain(Value::Text(self.text(length)?))
            }
            0x8c => {
                let length = self.unsigned(1)?;
                plain(Value::Text(self.text(length)?))
            }
            b'c' => plain(Value::Global(format!("{} {}", self.line()?, self.line()?))),
            0x93 => {
                let (name, module) = (self.pop()?.0, self.pop()?.0);
                plain(match (module, name) {
                    (Value::Text(module), Value::Text(name)) => Value::Global(format!("{module} {name}")),
                    _ => Value::Other,
                })
            }
            0x88 | 0x89 => plain(Value::Int((opcode == 0x88).into())),
            b'N' | b']' | 0x8f => plain(Value::Other),
            b'G' => self.take(8).map(|_| plain(Value::Other))?,
            b'C' | b'U' => {
                let length = self.unsigned(1)?;
                self.text(length).map(|_| plain(Value::Other))?
            }
            b'B' | b'T' => {
                let length = self.unsigned(4)?;
                self.text(length).map(|_| plain(Value::Other))?
            }
            b'}' => plain(Value::Dict(Vec::new())),
            b')' => plain(Value::Tuple(Vec::new())),
            b't' => {
                let (items, within) = self.after_mark()?;
                (Value::Tuple(items), within + 1)
            }
            0x85..=0x87 => {
                let mut items = Vec::new();
                for _ in 0x84..opcode {
                    items.push(self.pop()?);
                }
                let within = items.iter().map(|(_, within)| *within).max().unwrap_or(0) + 1;
                (Value::Tuple(items.into_iter().rev().map(|(value, _)| value).collect()), within)
            }
            _ => return self.act(opcode),
        };
        self.push(value, within)
    }

    /// What changes or replaces values that are there.
    fn act(&mut self, opcode: u8) -> Result<(), String> {
        match opcode {
            b'Q' => {
                let (id, _) = self.pop()?;
                self.push(storage(&id).map_or(Value::Other, Value::Storage), 0)
            }
            b'R' | 0x81 => {
                let ((arguments, _), (function, _)) = (self.pop()?, self.pop()?);
                self.push(called(&function, arguments), 1)
            }
            // State of an object, and items of a list or a set: none of a tensor.
            b'b' | b'a' => self.pop().map(drop),
            b'e' | 0x90 => self.after_mark().map(drop),
            b's' => {
                let ((value, within), (key, _)) = (self.pop()?, self.pop()?);
                self.put(vec![key, value], within)
            }
            b'u' => {
                let (items, within) = self.after_mark()?;
                self.put(items, within)
            }
            b'0' => self.stack.pop().map(drop).ok_or_else(|| "its pickle lacks a value".to_owned()),
            other => Err(format!("its pickle has the opcode {other:#04x}, which no dictionary of tensors needs")),
        }
    }

    fn remembered_or_skipped(&mut self, opcode: u8, bytes: usize) -> Result<(), String> {
        let number = self.unsigned(bytes)? as u32;
        match opcode {
            // The protocol.
            0x80 if (2..=4).contains(&number) => Ok(()),
            0x80 => Err(format!("its pickle is of protocol {number}")),
            _ => self.remember(number),
        }
    }

    /// Remembers what is on top, unless it holds others: then whatever asks for it gets nothing.
    fn remember(&mut self, key: u32) -> Result<(), String> {
        let Some(Item::Value(value, _)) = self.stack.last() else {
            return Err("its pickle lacks a value".to_owned());
        };
        let kept = match value {
            Value::Tuple(items) if items.is_empty() => value.clone(),
            Value::Tuple(_) | Value::Dict(_) => Value::Other,
            plain => plain.clone(),
        };
        self.memo.insert(key, kept);
        Ok(())
    }

    /// LONG1, as far as it fits.
    fn long(&mut self) -> Result<Value, String> {
        let length = usize::from(self.byte()?);
        let bytes = self.take(length)?;
        let mut whole = [if bytes.last().is_some_and(|last| last & 0x80 != 0) { 0xff } else { 0 }; 8];
        if length > whole.len() {
            return Ok(Value::Other);
        }
        whole[..length].copy_from_slice(bytes);
        Ok(Value::Int(i64::from_le_bytes(whole)))
    }

    /// Puts keys and values in turn into the dictionary on top.
    fn put(&mut self, items: Vec<Value>, within: usize) -> Result<(), String> {
        let Some(Item::Value(dict, depth)) = self.stack.last_mut() else {
            return Err("its pickle lacks a dictionary".to_owned());
        };
        *depth = (*depth).max(within + 1);
        if *depth > DEEPEST {
            return Err(format!("its pickle has more than {DEEPEST} things within each other"));
        }
        let Value::Dict(entries) = dict else { return Ok(()) };
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            if let Value::Text(key) = key {
                entries.push((key, value));
            }
        }
        Ok(())
    }
}

/// `("storage", torch.FloatStorage, "0", "cuda:0", 64)`.
fn storage(id: &Value) -> Option<Storage> {
    let Value::Tuple(items) = id else { return None };
    let [Value::Text(kind), Value::Global(class), Value::Text(name), _, Value::Int(elements)] = items.as_slice() else {
        return None;
    };
    let class = class.strip_prefix("torch ").filter(|_| kind == "storage")?;
    Some(Storage { class: class.to_owned(), name: name.clone(), elements: *elements })
}

/// What a call gives, of those that make dictionaries of tensors.
fn called(function: &Value, arguments: Value) -> Value {
    let (Value::Global(name), Value::Tuple(arguments)) = (function, arguments) else { return Value::Other };
    let numbers = |value: &Value| match value {
        Value::Tuple(items) => {
            items.iter().map(|item| if let Value::Int(number) = item { Some(*number) } else { None }).collect()
        }
        _ => None,
    };
    match (name.as_str(), arguments.as_slice()) {
        ("collections OrderedDict", []) => Value::Dict(Vec::new()),
        ("torch._utils _rebuild_tensor_v2", [Value::Storage(storage), Value::Int(offset), shape, strides, ..]) => {
            let (Some(shape), Some(strides)) = (numbers(shape), numbers(strides)) else { return Value::Other };
            Value::Tensor(Described { storage: storage.clone(), offset: *offset, shape, strides })
        }
        ("torch._utils _rebuild_parameter", [tensor @ Value::Tensor(_), ..]) => tensor.clone(),
        _ => Value::Other,
    }
}
