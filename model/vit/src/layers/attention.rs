//! Multi-head self-attention with RoPE (`dinov3/layers/attention.py`).

use tch::Tensor;

use crate::hook::Hooks;
use crate::layers::linear::Linear;
use crate::layers::rope::SinCos;
use crate::module::{Module, Role};
use crate::ragged;

/// The options of an attention layer.
#[derive(Clone, Copy, Debug)]
pub struct AttentionConfig {
    /// Features, D.
    pub dim: i64,
    /// Heads; D is a multiple of their number.
    pub num_heads: i64,
    /// `student.qkv_bias`.
    pub qkv_bias: bool,
    /// `student.proj_bias`.
    pub proj_bias: bool,
    /// `student.mask_k_bias`.
    pub mask_k_bias: bool,
}

/// `SelfAttention`.
#[derive(Debug)]
pub struct SelfAttention {
    name: String,
    num_heads: i64,
    /// `[3 D, D]`: queries, keys, values.
    pub qkv: Linear,
    /// `[D, D]`.
    pub proj: Linear,
}

impl SelfAttention {
    /// An uninitialised layer at the module path `name`.
    pub fn new(name: String, config: AttentionConfig) -> Self {
        let AttentionConfig { dim, num_heads, qkv_bias, proj_bias, mask_k_bias } = config;
        let qkv_name = format!("{name}.qkv");
        let qkv = if mask_k_bias {
            Linear::with_masked_k_bias(qkv_name, dim, 3 * dim, qkv_bias)
        } else {
            Linear::new(qkv_name, dim, 3 * dim, qkv_bias)
        };
        let proj = Linear::new(format!("{name}.proj"), dim, dim, proj_bias);
        Self { name, num_heads, qkv, proj }
    }

    /// Initialises the projections, in the order of the reference.
    pub fn init_weights(&mut self) {
        self.qkv.init_weights();
        self.proj.init_weights();
    }

    /// `[B, N, D] -> [B, N, D]`.
    pub fn forward(&self, x: &Tensor, rope: &SinCos, hooks: &mut Hooks) -> Tensor {
        let attended = self.compute_attention(&self.qkv.forward(x, hooks), rope, hooks);
        self.proj.forward_with_input(&attended, hooks)
    }

    /// Several token lists of different lengths, `[B_i, N_i, D]` each: one product for all in the projections,
    /// attention within each list.
    pub fn forward_list(&self, xs: &[Tensor], ropes: &[&SinCos], hooks: &mut Hooks) -> Vec<Tensor> {
        let (flat, shapes) = ragged::cat_keep_shapes(xs);
        let qkvs = ragged::uncat_with_shapes(&self.qkv.forward(&flat, hooks), &shapes);
        let attended: Vec<Tensor> =
            qkvs.iter().zip(ropes).map(|(qkv, rope)| self.compute_attention(qkv, rope, hooks)).collect();
        let (flat, shapes) = ragged::cat_keep_shapes(&attended);
        ragged::uncat_with_shapes(&self.proj.forward_with_input(&flat, hooks), &shapes)
    }

    /// `[B, N, 3 D] -> [B, N, D]`.
    fn compute_attention(&self, qkv: &Tensor, rope: &SinCos, hooks: &mut Hooks) -> Tensor {
        let (b, n, _) = qkv.size3().expect("qkv is [B, N, 3 D]");
        let dim = self.qkv.inputs();
        let parts = qkv.reshape([b, n, 3, self.num_heads, dim / self.num_heads]).unbind(2);
        let part = |i: usize| parts[i].transpose(1, 2);
        let name = format_args!("{}.apply_rope", self.name);
        let (q, k) = (rope.apply(&part(0)), rope.apply(&part(1)));
        let (q, k) = (hooks.port(name, "0", q), hooks.port(name, "1", k));
        let none: Option<&Tensor> = None;
        let x = Tensor::scaled_dot_product_attention(&q, &k, &part(2), none, 0.0, false, None, false);
        x.transpose(1, 2).reshape([b, n, dim])
    }
}

impl Module for SelfAttention {
    fn map_tensors(&self, f: &mut dyn FnMut(&str, Role, &Tensor) -> Tensor) -> Self {
        Self {
            name: self.name.clone(),
            num_heads: self.num_heads,
            qkv: self.qkv.map_tensors(f),
            proj: self.proj.map_tensors(f),
        }
    }
}
