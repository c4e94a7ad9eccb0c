//! Writes pickles, without a memo: what a checkpoint repeats is short.

/// A pickle in the making.
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Of protocol 2, which is torch's, or 4, which is Python's.
    pub(crate) fn new(protocol: u8) -> Self {
        Self { bytes: vec![0x80, protocol] }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(b'.');
        self.bytes
    }

    pub(crate) fn none(&mut self) -> &mut Self {
        self.op(b'N')
    }

    pub(crate) fn bool(&mut self, value: bool) -> &mut Self {
        self.op(if value { 0x88 } else { 0x89 })
    }

    pub(crate) fn int(&mut self, number: i64) -> &mut Self {
        match u8::try_from(number) {
            Ok(small) => self.bytes.extend([b'K', small]),
            Err(_) => {
                // LONG1 of eight bytes.
                self.bytes.extend([0x8a, 8]);
                self.bytes.extend(number.to_le_bytes());
            }
        }
        self
    }

    pub(crate) fn float(&mut self, number: f64) -> &mut Self {
        self.bytes.push(b'G');
        self.bytes.extend(number.to_bits().to_be_bytes());
        self
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes.push(b'X');
        self.bytes.extend((text.len() as u32).to_le_bytes());
        self.bytes.extend(text.bytes());
        self
    }

    pub(crate) fn global(&mut self, module: &str, name: &str) -> &mut Self {
        self.bytes.extend(format!("c{module}\n{name}\n").bytes());
        self
    }

    /// A tuple of what `items` writes.
    pub(crate) fn tuple(&mut self, items: impl FnOnce(&mut Self)) -> &mut Self {
        self.op(b'(');
        items(self);
        self.op(b't')
    }

    /// A list of what `items` writes.
    pub(crate) fn list(&mut self, items: impl FnOnce(&mut Self)) -> &mut Self {
        self.bytes.extend(b"](");
        items(self);
        self.op(b'e')
    }

    /// A dictionary of the keys and values that `items` writes in turn.
    pub(crate) fn dict(&mut self, items: impl FnOnce(&mut Self)) -> &mut Self {
        self.op(b'}').entries(items)
    }

    /// `collections.OrderedDict`, likewise.
    pub(crate) fn ordered_dict(&mut self, items: impl FnOnce(&mut Self)) -> &mut Self {
        self.global("collections", "OrderedDict").op(b')').op(b'R').entries(items)
    }

    fn entries(&mut self, items: impl FnOnce(&mut Self)) -> &mut Self {
        self.op(b'(');
        items(self);
        self.op(b'u')
    }

    /// The call of a function, written before, with the tuple of what `arguments` writes.
    pub(crate) fn called(&mut self, arguments: impl FnOnce(&mut Self)) -> &mut Self {
        self.tuple(arguments).op(b'R')
    }

    /// An object of a class without arguments, whose state `state` writes.
    pub(crate) fn object(&mut self, module: &str, class: &str, state: impl FnOnce(&mut Self)) -> &mut Self {
        self.global(module, class).op(b')').op(0x81);
        state(self);
        self.op(b'b')
    }

    /// What stands outside, under the name that `name` writes.
    pub(crate) fn outside(&mut self, name: impl FnOnce(&mut Self)) -> &mut Self {
        name(self);
        self.op(b'Q')
    }

    fn op(&mut self, opcode: u8) -> &mut Self {
        self.bytes.push(opcode);
        self
    }
}
