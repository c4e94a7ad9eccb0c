//! Hooks: who is shown the tensors of a step, and may put others in their place.
//!
//! A step shows each tensor when it has been computed, and goes on with what comes back. An observer gives nothing back. A hook that changes
//! a tensor, or [forces](Forced) one that was recorded elsewhere, gives back what the step is to compute on. Several are asked
//! [in turn](InTurn): each is shown what the one before it has left.
//!
//! Names are the reference's module paths plus a port, so that what is seen here can be laid beside what forward hooks see there:
//! `path[#call][:port]`. Where nobody listens nothing is named, counted or kept.

mod forced;
mod shown;

use std::collections::HashMap;
use std::fmt::Display;

use dinov3_names::{EntryName, Kind, compose};
use dinov3_torch::shim;
use tch::Tensor;

pub use forced::Forced;
pub use shown::Shown;

/// Who is shown the tensors of a step.
pub trait Hook {
    /// A tensor under its full name, at the moment when it was computed. What is given back takes its place, in its shape and dtype, and
    /// is the trainer's from then on. A shallow clone of `value` may be kept as long as the step does not write to it: gradients, weights
    /// and moments are overwritten in place later.
    fn tensor(&mut self, name: &str, value: &Tensor) -> Option<Tensor>;

    /// What a module computes with, as it begins: its weights, its buffers, and numbers such as an epsilon (float64, without dimensions).
    /// What is given back takes its place in this call alone. The name is `path:key`.
    fn operand(&mut self, _name: &str, _value: &Tensor) -> Option<Tensor> {
        None
    }

    /// Whether the gradients of modules' outputs are to be shown as well, after the backward pass: `gradout:<name>`. The step then keeps them
    /// until then.
    fn wants_gradients(&self) -> bool {
        false
    }

    /// A tensor that is shown and computed on by nothing: a curve over all iterations, a series of logged values.
    fn summary(&mut self, _name: &str, _value: &Tensor) {}
}

/// What a closure that is a [`Hook`] gives back: nothing, or a tensor perhaps.
pub trait Answer {
    /// The tensor that takes the place of the one shown.
    fn replacement(self) -> Option<Tensor>;
}

impl Answer for () {
    fn replacement(self) -> Option<Tensor> {
        None
    }
}

impl Answer for Option<Tensor> {
    fn replacement(self) -> Option<Tensor> {
        self
    }
}

/// A closure is shown tensors and summaries alike; operands are not shown to it.
impl<F: FnMut(&str, &Tensor) -> A, A: Answer> Hook for F {
    fn tensor(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        self(name, value).replacement()
    }

    fn summary(&mut self, name: &str, value: &Tensor) {
        self(name, value);
    }
}

/// Hooks that are asked one after another. Each is shown what the one before it has put in the tensor's place.
#[derive(Default)]
pub struct InTurn<'a>(Vec<&'a mut dyn Hook>);

impl<'a> InTurn<'a> {
    /// The first of `hooks` is asked first.
    pub fn new(hooks: impl IntoIterator<Item = &'a mut dyn Hook>) -> Self {
        Self(hooks.into_iter().collect())
    }

    fn ask(&mut self, value: &Tensor, mut ask: impl FnMut(&mut dyn Hook, &Tensor) -> Option<Tensor>) -> Option<Tensor> {
        let mut replaced: Option<Tensor> = None;
        for hook in &mut self.0 {
            replaced = ask(*hook, replaced.as_ref().unwrap_or(value)).or(replaced);
        }
        replaced
    }
}

impl Hook for InTurn<'_> {
    fn tensor(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        self.ask(value, |hook, value| hook.tensor(name, value))
    }

    fn operand(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        self.ask(value, |hook, value| hook.operand(name, value))
    }

    fn wants_gradients(&self) -> bool {
        self.0.iter().any(|hook| hook.wants_gradients())
    }

    fn summary(&mut self, name: &str, value: &Tensor) {
        self.0.iter_mut().for_each(|hook| hook.summary(name, value));
    }
}

/// What a forward pass is given: a hook or none, and the count of calls that numbers repeated names.
#[derive(Default)]
pub struct Hooks<'a> {
    hook: Option<&'a mut dyn Hook>,
    calls: HashMap<String, u32>,
    /// The outputs so far whose gradients are to be shown.
    outputs: Vec<(String, Tensor)>,
}

impl<'a> Hooks<'a> {
    /// Nobody listens. Costs one branch a tensor.
    pub fn none() -> Self {
        Self::default()
    }

    /// Everything is shown to `hook`.
    pub fn to(hook: &'a mut dyn Hook) -> Self {
        Self { hook: Some(hook), ..Self::default() }
    }

    /// Whether anybody listens: for a caller that would have to put a tensor together first.
    pub fn is_on(&self) -> bool {
        self.hook.is_some()
    }

    /// A module's only output: `path`, `path#1`, …
    pub fn output(&mut self, path: impl Display, value: Tensor) -> Tensor {
        if self.is_on() { self.watched(&path, None, value) } else { value }
    }

    /// One of several outputs of a module: `path:0`, `path:x_prenorm`.
    pub fn port(&mut self, path: impl Display, port: impl Display, value: Tensor) -> Tensor {
        if self.is_on() { self.watched(&path, Some(&port), value) } else { value }
    }

    /// The input of a module, `path:in`, for the module alone: whoever else computes on it keeps `value`.
    pub fn input<'t>(&mut self, path: impl Display, value: &'t Tensor) -> Shown<'t> {
        let replaced = if self.is_on() { self.counted(Kind::Output, &path, Some(&"in"), value).1 } else { None };
        Shown::new(value, replaced)
    }

    /// The random permutation that stochastic depth drew inside the block at `path`: `rng:path.randperm`.
    pub fn randperm(&mut self, path: impl Display, value: Tensor) -> Tensor {
        let path = format_args!("{path}.randperm");
        if self.is_on() { self.counted(Kind::Rng, &path, None, &value).1.unwrap_or(value) } else { value }
    }

    /// A tensor that is no module's: under `name` as it is.
    pub fn value(&mut self, name: impl Display, value: Tensor) -> Tensor {
        self.look(name, &value).into_replacement().unwrap_or(value)
    }

    /// The same of a tensor that is somebody else's.
    pub fn look<'t>(&mut self, name: impl Display, value: &'t Tensor) -> Shown<'t> {
        let replaced = self.hook.as_deref_mut().and_then(|hook| hook.tensor(&name.to_string(), value));
        Shown::new(value, replaced)
    }

    /// What the module at `path` computes with: `path:key`.
    pub fn operand<'t>(&mut self, path: impl Display, key: &str, value: &'t Tensor) -> Shown<'t> {
        let replaced = self.hook.as_deref_mut().and_then(|hook| hook.operand(&format!("{path}:{key}"), value));
        Shown::new(value, replaced)
    }

    /// A number that the module at `path` computes with: `path:key`.
    pub fn number(&mut self, path: impl Display, key: &str, value: f64) -> f64 {
        match self.is_on() {
            true => self.operand(path, key, &Tensor::from(value)).double_value(&[]),
            false => value,
        }
    }

    /// A tensor that nothing computes on: under `name` as it is.
    pub fn summary(&mut self, name: impl Display, value: &Tensor) {
        if let Some(hook) = self.hook.as_deref_mut() {
            hook.summary(&name.to_string(), value);
        }
    }

    /// Shows the gradients of all outputs that have one, the last output's first, as `gradout:<name>`: for after the backward pass.
    pub fn gradients(&mut self) {
        let outputs = std::mem::take(&mut self.outputs);
        for (name, output) in outputs.into_iter().rev() {
            let gradient = output.grad();
            if gradient.defined() {
                self.summary(Kind::Gradout.of(name), &gradient);
            }
        }
    }

    /// Shows an output, and keeps hold of it if its gradient is to be shown. A tensor that is shown under several names has
    /// the same gradient under each.
    fn watched(&mut self, path: &dyn Display, port: Option<&dyn Display>, value: Tensor) -> Tensor {
        let (name, replaced) = self.counted(Kind::Output, path, port, &value);
        let value = replaced.unwrap_or(value);
        if value.requires_grad() && self.hook.as_deref().is_some_and(Hook::wants_gradients) {
            shim::retain_grad(&value).expect("a tensor that needs a gradient can keep it");
            self.outputs.push((name, value.shallow_clone()));
        }
        value
    }

    fn counted(
        &mut self,
        kind: Kind,
        path: &dyn Display,
        port: Option<&dyn Display>,
        value: &Tensor,
    ) -> (String, Option<Tensor>) {
        let port = port.map(ToString::to_string);
        let call = self.calls.entry(compose(kind, path, 0, port.as_deref())).or_insert(0);
        let name = compose(kind, path, *call, port.as_deref());
        *call += 1;
        let replaced = self.hook.as_deref_mut().and_then(|hook| hook.tensor(&name, value));
        (name, replaced)
    }
}

/// Whether a name is that of a module's tensor, `path[#call][:port]` or `rng:path.randperm`, and not one of the step's own, `loss:ibot_loss`.
pub fn is_of_a_module(name: &str) -> bool {
    name.parse::<EntryName>().is_ok_and(|name| matches!(name.kind(), Kind::Output | Kind::Rng))
}

#[cfg(test)]
mod tests;
