//! The stack machine that pickles are programs of.

use std::collections::HashMap;

use super::{Id, Node, Object};

struct Machine<'a> {
    rest: &'a [u8],
    nodes: Vec<Node<'a>>,
    stack: Vec<Id>,
    /// How high the stack was at each mark.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

const SHORT: &str = "its pickle is cut short";
const LACKS: &str = "its pickle lacks a value";

/// The nodes of a pickle, and the one that it is.
pub(super) fn run(pickle: &[u8]) -> Result<(Vec<Node<'_>>, Id), String> {
    let mut machine =
        Machine { rest: pickle, nodes: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
    loop {
        let opcode = machine.byte()?;
        if opcode == b'.' {
            let root = machine.pop()?;
            return Ok((machine.nodes, root));
        }
        if !(machine.plain(opcode)? || machine.gathered(opcode)? || machine.remembered(opcode)?) {
            return Err(format!("its pickle has the opcode {opcode:#04x}, which no checkpoint needs"));
        }
    }
}

impl<'a> Machine<'a> {
    fn take(&mut self, count: u64) -> Result<&'a [u8], String> {
        let count = usize::try_from(count).map_err(|_| SHORT)?;
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        self.take(1).map(|bytes| bytes[0])
    }

    /// A number of `count` bytes, at most eight, the lowest first.
    fn unsigned(&mut self, count: u64) -> Result<u64, String> {
        Ok(self.take(count)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A text behind its length, of `count` bytes.
    fn text(&mut self, count: u64) -> Result<Node<'a>, String> {
        let bytes = self.bytes(count)?;
        std::str::from_utf8(bytes).map(Node::Text).map_err(|_| "its pickle has a text that is not UTF-8".to_owned())
    }

    fn bytes(&mut self, count: u64) -> Result<&'a [u8], String> {
        let length = self.unsigned(count)?;
        self.take(length)
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let end = self.rest.iter().position(|byte| *byte == b'\n').ok_or(SHORT)?;
        let line = self.take(end as u64)?;
        self.byte()?;
        std::str::from_utf8(line).map_err(|_| "its pickle has a name that is not UTF-8".to_owned())
    }

    fn push(&mut self, node: Node<'a>) {
        self.stack.push(self.nodes.len() as Id);
        self.nodes.push(node);
    }

    fn pop(&mut self) -> Result<Id, String> {
        let bottom = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= bottom {
            return Err(LACKS.to_owned());
        }
        Ok(self.stack.pop().expect("it is higher than its bottom"))
    }

    fn top(&mut self) -> Result<&mut Node<'a>, String> {
        let top = self.stack.last().ok_or(LACKS)?;
        Ok(&mut self.nodes[*top as usize])
    }

    /// What is above the last mark.
    fn after_mark(&mut self) -> Result<Vec<Id>, String> {
        let from = self.marks.pop().ok_or("its pickle lacks a mark")?;
        Ok(self.stack.split_off(from))
    }

    /// Opcodes that make one value of the bytes behind them.
    fn plain(&mut self, opcode: u8) -> Result<bool, String> {
        let node = match opcode {
            b'N' => Node::None,
            0x88 => Node::Bool(true),
            0x89 => Node::Bool(false),
            b'K' => Node::Int(self.unsigned(1)? as i64),
            b'M' => Node::Int(self.unsigned(2)? as i64),
            b'J' => Node::Int(i64::from(self.unsigned(4)? as i32)),
            0x8a => {
                let bytes = self.bytes(1)?;
                long(bytes)
            }
            0x8b => {
                let bytes = self.bytes(4)?;
                long(bytes)
            }
            // Python has this one with the highest byte first.
            b'G' => Node::Float(f64::from_bits((self.unsigned(8)?).swap_bytes())),
            0x8c => self.text(1)?,
            b'X' => self.text(4)?,
            0x8d => self.text(8)?,
            b'C' => Node::Bytes(self.bytes(1)?),
            b'B' => Node::Bytes(self.bytes(4)?),
            0x8e | 0x96 => Node::Bytes(self.bytes(8)?),
            b'c' => Node::Global(self.line()?, self.line()?),
            b']' => Node::List(Vec::new()),
            b'}' => Node::Dict(Vec::new()),
            b')' => Node::Tuple(Vec::new()),
            0x8f => Node::Other,
            _ => return Ok(false),
        };
        self.push(node);
        Ok(true)
    }

    /// Opcodes that make a value of others, or put others into one.
    fn gathered(&mut self, opcode: u8) -> Result<bool, String> {
        match opcode {
            b'(' => self.marks.push(self.stack.len()),
            b't' => {
                let items = self.after_mark()?;
                self.push(Node::Tuple(items));
            }
            0x85..=0x87 => {
                let mut items = (0..opcode - 0x84).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
                items.reverse();
                self.push(Node::Tuple(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' | 0x90 => {
                let items = self.after_mark()?;
                self.append(items)?;
            }
            0x91 => {
                self.after_mark()?;
                self.push(Node::Other);
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.put(vec![key, value])?;
            }
            b'u' => {
                let items = self.after_mark()?;
                self.put(items)?;
            }
            b'R' | 0x81 => {
                let (arguments, class) = (self.pop()?, self.pop()?);
                self.push(Node::Object(Box::new(Object { class, arguments, items: Vec::new(), state: None })));
            }
            b'b' => {
                let state = self.pop()?;
                if let Node::Object(object) = self.top()? {
                    object.state = Some(state);
                }
            }
            b'Q' => {
                let name = self.pop()?;
                self.push(Node::Outside(name));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Node::Text(module), Node::Text(name)) = (&self.nodes[module as usize], &self.nodes[name as usize])
                else {
                    return Err("its pickle names a class by something else than texts".to_owned());
                };
                self.push(Node::Global(module, name));
            }
            b'0' => drop(self.pop()?),
            b'1' => drop(self.after_mark()?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The protocol, frames, and the memo.
    fn remembered(&mut self, opcode: u8) -> Result<bool, String> {
        let key = match opcode {
            0x80 => match self.byte()? {
                2..=5 => return Ok(true),
                other => return Err(format!("its pickle is of protocol {other}")),
            },
            0x95 => {
                self.unsigned(8)?;
                return Ok(true);
            }
            b'h' | b'j' => {
                let key = self.unsigned(if opcode == b'h' { 1 } else { 4 })? as u32;
                let known = self.memo.get(&key).ok_or("its pickle recalls what it has not kept")?;
                self.stack.push(*known);
                return Ok(true);
            }
            b'q' => self.unsigned(1)? as u32,
            b'r' => self.unsigned(4)? as u32,
            0x94 => self.memo.len() as u32,
            _ => return Ok(false),
        };
        let top = *self.stack.last().ok_or(LACKS)?;
        self.memo.insert(key, top);
        Ok(true)
    }

    fn append(&mut self, items: Vec<Id>) -> Result<(), String> {
        if let Node::List(list) = self.top()? {
            list.extend(items);
        }
        Ok(())
    }

    /// Puts keys and values in turn into the dictionary on top.
    fn put(&mut self, items: Vec<Id>) -> Result<(), String> {
        if items.len() % 2 == 1 {
            return Err("its pickle has a key without a value".to_owned());
        }
        let pairs = items.chunks_exact(2).map(|pair| (pair[0], pair[1]));
        match self.top()? {
            Node::Dict(entries) => entries.extend(pairs),
            Node::Object(object) => object.items.extend(pairs),
            _ => {}
        }
        Ok(())
    }
}

/// A number of any length, the lowest byte first, as far as it fits.
fn long(bytes: &[u8]) -> Node<'static> {
    let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut whole = [if negative { 0xff } else { 0 }; 8];
    if bytes.len() > whole.len() {
        return Node::Other;
    }
    whole[..bytes.len()].copy_from_slice(bytes);
    Node::Int(i64::from_le_bytes(whole))
}
