//! The common interface of layers: named tensors, in the order of the reference's `state_dict`.

use dinov3_config::Dtype;
use dinov3_torch::device::{Device, HOST, moved};
use tch::{Kind, Tensor, no_grad};

/// libtorch's name of a config's dtype.
pub fn kind(dtype: Dtype) -> Kind {
    match dtype {
        Dtype::Float32 => Kind::Float,
        Dtype::BFloat16 => Kind::BFloat16,
    }
}

/// The role of a tensor: trained, or kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `nn.Parameter`: it has a gradient and is cast for mixed precision.
    Parameter,
    /// A registered buffer: it keeps its dtype in mixed precision (RoPE's periods, the mask of the key bias).
    Buffer,
}

/// The callback for parameters that have got their values, with their names.
pub type Done<'a> = &'a mut dyn FnMut(&[(String, Tensor)]);

/// A layer or a tree of layers, which holds named tensors.
pub trait Module: Sized {
    /// The same layer with every tensor replaced by `f(name, role, tensor)`, visited in the order of the reference's
    /// `state_dict`: a module's own parameters, its buffers, then its children as they were registered.
    fn map_tensors(&self, f: &mut dyn FnMut(&str, Role, &Tensor) -> Tensor) -> Self;

    /// Calls `f` on every tensor, in the order of `map_tensors`.
    fn visit(&self, mut f: impl FnMut(&str, Role, &Tensor)) {
        self.map_tensors(&mut |name, role, tensor| {
            f(name, role, tensor);
            tensor.shallow_clone()
        });
    }

    /// Every tensor with its name and role. The tensors share their storage with the layer's.
    fn state_dict(&self) -> Vec<(String, Role, Tensor)> {
        let mut all = Vec::new();
        self.visit(|name, role, tensor| all.push((name.to_owned(), role, tensor.shallow_clone())));
        all
    }

    /// Every parameter with its name, in their order; buffers are left out. The tensors share their storage with the layer's.
    fn parameters(&self) -> Vec<(String, Tensor)> {
        let all = self.state_dict().into_iter();
        all.filter(|(_, role, _)| *role == Role::Parameter).map(|(name, _, tensor)| (name, tensor)).collect()
    }

    /// The copy that computes in `kind`: the one that FSDP2's mixed precision gathers for bf16, or the float64 truth. Parameters in fp32 become
    /// `kind`. Buffers in fp32 follow only if that widens them. A tensor whose dtype the config names keeps it.
    fn compute_copy(&self, kind: Kind) -> Self {
        self.map_tensors(&mut |_, role, tensor| {
            let widens = role == Role::Parameter || kind == Kind::Double;
            if tensor.kind() == Kind::Float && widens { tensor.to_kind(kind) } else { tensor.shallow_clone() }
        })
    }

    /// The same layer on `device`.
    fn to_device(&self, device: Device) -> Self {
        self.map_tensors(&mut |_, _, tensor| moved(tensor, device))
    }

    /// Fills every tensor with NaN, so that a missed initialisation shows.
    fn fill_with_nan(&self) {
        no_grad(|| {
            self.visit(|_, _, tensor| {
                let _ = tensor.shallow_clone().fill_(f64::NAN);
            });
        });
    }

    /// Overwrites this layer's values with those of `other`, which has the same architecture under another root name
    /// (`teacher.load_state_dict(student.state_dict())`).
    fn copy_values_from(&self, other: &Self) {
        let theirs = other.state_dict();
        let mut theirs = theirs.iter();
        no_grad(|| {
            self.visit(|_, _, mine| {
                if let Some((_, _, value)) = theirs.next() {
                    mine.shallow_clone().copy_(value);
                }
            });
        });
    }
}

impl<M: Module> Module for Vec<M> {
    fn map_tensors(&self, f: &mut dyn FnMut(&str, Role, &Tensor) -> Tensor) -> Self {
        self.iter().map(|module| module.map_tensors(f)).collect()
    }
}

impl<M: Module> Module for Option<M> {
    fn map_tensors(&self, f: &mut dyn FnMut(&str, Role, &Tensor) -> Tensor) -> Self {
        self.as_ref().map(|module| module.map_tensors(f))
    }
}

/// Shows the parameters that `init` gives a copy of `module`. The parameters of `module` stay untouched; its buffers get their values.
pub fn drawn<M: Module>(module: &M, init: impl FnOnce(&mut M), done: Done<'_>) {
    let mut drawn = module.map_tensors(&mut |_, _, tensor| tensor.empty_like());
    drawn.fill_with_nan();
    init(&mut drawn);
    copy_buffers(module, &drawn);
    done(&drawn.parameters());
}

/// Overwrites the buffers of `to` with those of `from`, which has the same architecture.
pub fn copy_buffers<M: Module>(to: &M, from: &impl Module) {
    no_grad(|| {
        for ((_, role, mine), (_, _, theirs)) in to.state_dict().into_iter().zip(from.state_dict()) {
            if role == Role::Buffer {
                mine.shallow_clone().copy_(&theirs);
            }
        }
    });
}

/// A tensor with undefined values. Its pages stay untouched, so that a network that is too large for this machine can be built to list its
/// names and shapes.
pub fn uninitialised(shape: &[i64]) -> Tensor {
    Tensor::empty(shape, (Kind::Float, HOST))
}

/// `x.float()`, as the float64 truth means it: at least single precision, never narrower.
pub fn at_least_float(x: &Tensor) -> Tensor {
    match x.kind() {
        Kind::Double => x.shallow_clone(),
        _ => x.to_kind(Kind::Float),
    }
}
