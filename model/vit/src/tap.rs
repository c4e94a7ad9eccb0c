//! Observing a forward pass: named tensors handed to whoever wants to look, in execution order.
//!
//! The names are the reference's module paths plus a port, so that what is seen here can be laid beside what forward
//! hooks see there: `path[#call][:port]`. Without an observer nothing is named, counted or kept.

use dinov3_names::{Kind, compose};
use std::collections::HashMap;
use std::fmt::Display;

use tch::Tensor;

/// Who looks at the tensors of a forward pass.
pub trait Tap {
    /// One tensor, under its full name, at the moment it was computed. The tensor must not be changed; keeping a
    /// shallow clone is fine.
    fn tensor(&mut self, name: &str, value: &Tensor);
}

impl<F: FnMut(&str, &Tensor)> Tap for F {
    fn tensor(&mut self, name: &str, value: &Tensor) {
        self(name, value);
    }
}

/// What a forward pass is given: an observer or none, and the count of calls that numbers repeated names.
#[derive(Default)]
pub struct Taps<'a> {
    observer: Option<&'a mut dyn Tap>,
    calls: HashMap<String, u32>,
}

impl<'a> Taps<'a> {
    /// Nobody looks. Costs one branch a tap.
    pub fn none() -> Self {
        Self::default()
    }

    /// Every tensor goes to `observer`.
    pub fn to(observer: &'a mut dyn Tap) -> Self {
        Self { observer: Some(observer), calls: HashMap::new() }
    }

    /// Whether anybody looks: for a caller that would have to build a name first.
    pub fn is_on(&self) -> bool {
        self.observer.is_some()
    }

    /// A module's only output: `path`, `path#1`, …
    pub fn output(&mut self, path: &str, value: &Tensor) {
        if self.observer.is_some() {
            self.emit(Kind::Output, path, None, value);
        }
    }

    /// One of several tensors of a module: its input (`in`), or an item of its output (`0`, `x_prenorm`).
    pub fn port(&mut self, path: &str, port: &str, value: &Tensor) {
        if self.observer.is_some() {
            self.emit(Kind::Output, path, Some(port), value);
        }
    }

    /// The random permutation that stochastic depth drew inside the block at `path`.
    pub fn randperm(&mut self, path: &str, value: &Tensor) {
        if self.observer.is_some() {
            self.emit(Kind::Rng, &format!("{path}.randperm"), None, value);
        }
    }

    /// A tensor that is no module's: under `name` as it is.
    pub fn value(&mut self, name: impl Display, value: &Tensor) {
        if let Some(observer) = self.observer.as_deref_mut() {
            observer.tensor(&name.to_string(), value);
        }
    }

    fn emit(&mut self, kind: Kind, path: &str, port: Option<&str>, value: &Tensor) {
        let Some(observer) = self.observer.as_deref_mut() else {
            return;
        };
        let first = compose(kind, path, 0, port);
        let call = self.calls.entry(first).or_insert(0);
        let name = compose(kind, path, *call, port);
        *call += 1;
        observer.tensor(&name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_names_are_numbered_a_port_at_a_time() {
        let mut names = Vec::new();
        let mut observer = |name: &str, _: &Tensor| names.push(name.to_owned());
        let mut taps = Taps::to(&mut observer);
        let t = Tensor::from(0.0);
        taps.port("a.norm1", "in", &t);
        taps.output("a.norm1", &t);
        taps.output("a.norm1", &t);
        taps.port("a.norm1", "in", &t);
        taps.randperm("a", &t);
        taps.randperm("a", &t);
        assert_eq!(names, ["a.norm1:in", "a.norm1", "a.norm1#1", "a.norm1#1:in", "rng:a.randperm", "rng:a.randperm#1"]);
    }
}
