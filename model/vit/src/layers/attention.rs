//! Multi-head self-attention with RoPE (`dinov3/layers/attention.py`).

use dinov3_config::fault::Fault;
use tch::Tensor;

use crate::layers::linear::Linear;
use crate::layers::rope::SinCos;
use crate::module::{Module, Role};
use crate::ragged;
use crate::tap::Taps;

/// What an attention layer is built from.
#[derive(Clone, Copy, Debug)]
pub struct AttentionConfig {
    /// Features, D.
    pub dim: i64,
    /// Heads; D is a multiple of it.
    pub num_heads: i64,
    /// `student.qkv_bias`.
    pub qkv_bias: bool,
    /// `student.proj_bias`.
    pub proj_bias: bool,
    /// `student.mask_k_bias`.
    pub mask_k_bias: bool,
    /// A planted defect of this layer.
    pub fault: Option<Fault>,
}

/// `SelfAttention`.
#[derive(Debug)]
pub struct SelfAttention {
    name: String,
    num_heads: i64,
    fault: Option<Fault>,
    /// `[3 D, D]`: queries, keys, values.
    pub qkv: Linear,
    /// `[D, D]`.
    pub proj: Linear,
}

impl SelfAttention {
    /// An uninitialised layer at the module path `name`.
    pub fn new(name: String, config: AttentionConfig) -> Self {
        let AttentionConfig { dim, num_heads, qkv_bias, proj_bias, mask_k_bias, fault } = config;
        let qkv_name = format!("{name}.qkv");
        let qkv = if mask_k_bias {
            let ignore_mask = fault == Some(Fault::NoKBiasMask);
            Linear::with_masked_k_bias(qkv_name, dim, 3 * dim, qkv_bias, ignore_mask)
        } else {
            Linear::new(qkv_name, dim, 3 * dim, qkv_bias)
        };
        let proj = Linear::new(format!("{name}.proj"), dim, dim, proj_bias);
        Self { name, num_heads, fault, qkv, proj }
    }

    /// Initialises the projections, in the order of the reference.
    pub fn init_weights(&mut self) {
        self.qkv.init_weights();
        self.proj.init_weights();
    }

    /// `[B, N, D] -> [B, N, D]`.
    pub fn forward(&self, x: &Tensor, rope: &SinCos, taps: &mut Taps) -> Tensor {
        let attended = self.compute_attention(&self.qkv.forward(x, taps), rope, taps);
        self.proj.tap_input(&attended, taps);
        self.proj.forward(&attended, taps)
    }

    /// Several token lists of different lengths, `[B_i, N_i, D]` each: one product for all in the projections,
    /// attention within each list.
    pub fn forward_list(&self, xs: &[Tensor], ropes: &[&SinCos], taps: &mut Taps) -> Vec<Tensor> {
        let (flat, shapes) = ragged::cat_keep_shapes(xs);
        let qkvs = ragged::uncat_with_shapes(&self.qkv.forward(&flat, taps), &shapes);
        let attended: Vec<Tensor> =
            qkvs.iter().zip(ropes).map(|(qkv, rope)| self.compute_attention(qkv, rope, taps)).collect();
        let (flat, shapes) = ragged::cat_keep_shapes(&attended);
        self.proj.tap_input(&flat, taps);
        ragged::uncat_with_shapes(&self.proj.forward(&flat, taps), &shapes)
    }

    /// `[B, N, 3 D] -> [B, N, D]`.
    fn compute_attention(&self, qkv: &Tensor, rope: &SinCos, taps: &mut Taps) -> Tensor {
        let (b, n, _) = qkv.size3().expect("qkv is [B, N, 3 D]");
        let dim = self.qkv.inputs();
        let parts = qkv.reshape([b, n, 3, self.num_heads, dim / self.num_heads]).unbind(2);
        let part = |i: usize| parts[i].transpose(1, 2);
        let (q, k) = match self.fault {
            Some(Fault::SwappedQkv) => (part(1), part(0)),
            _ => (part(0), part(1)),
        };
        let (q, k) = self.apply_rope(&q, &k, rope, taps);
        let none: Option<&Tensor> = None;
        let x = Tensor::scaled_dot_product_attention(&q, &k, &part(2), none, 0.0, false, None, false);
        x.transpose(1, 2).reshape([b, n, dim])
    }

    /// Rotates the patch tokens of q and k, both `[B, heads, N, D_head]`, in the dtype of the tables, and casts back.
    /// The prefix (CLS and storage tokens) has no position and only passes through the cast.
    fn apply_rope(&self, q: &Tensor, k: &Tensor, rope: &SinCos, taps: &mut Taps) -> (Tensor, Tensor) {
        let in_one_pass = rope.fits_one_pass(q) && self.fault != Some(Fault::RopeOnPrefix);
        let rotate = |x: &Tensor| {
            if in_one_pass {
                return rope.rotate_in_one_pass(x);
            }
            let (kind, tokens) = (x.kind(), x.size()[2]);
            let x = x.to_kind(rope.sin.kind());
            let prefix = tokens - rope.patches();
            let head = x.narrow(2, 0, prefix);
            let head = if self.fault == Some(Fault::RopeOnPrefix) {
                let first = |t: &Tensor| t.narrow(0, 0, 1);
                SinCos { sin: first(&rope.sin), cos: first(&rope.cos) }.rotate(&head)
            } else {
                head
            };
            let rotated = rope.rotate(&x.narrow(2, prefix, rope.patches()));
            Tensor::cat(&[head, rotated], -2).to_kind(kind)
        };
        let (q, k) = (rotate(q), rotate(k));
        if taps.is_on() {
            let name = format!("{}.apply_rope", self.name);
            taps.port(&name, "0", &q);
            taps.port(&name, "1", &k);
        }
        (q, k)
    }
}

impl Module for SelfAttention {
    fn map_tensors(&self, f: &mut dyn FnMut(&str, Role, &Tensor) -> Tensor) -> Self {
        Self {
            name: self.name.clone(),
            num_heads: self.num_heads,
            fault: self.fault,
            qkv: self.qkv.map_tensors(f),
            proj: self.proj.map_tensors(f),
        }
    }
}
