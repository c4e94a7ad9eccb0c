//! A transformer block (`dinov3/layers/block.py`): attention and feed-forward, each a residual branch behind a norm,
//! with stochastic depth that drops *samples* and works on the crops of all sizes at once.

use dinov3_config::{FfnLayer, NormLayer};
use dinov3_torch::device::{HOST, beside};
use dinov3_torch::shim;
use tch::{Kind, Tensor};

use crate::hook::Hooks;
use crate::layers::attention::{AttentionConfig, SelfAttention};
use crate::layers::ffn::Ffn;
use crate::layers::layer_scale::{LayerScale, scaled};
use crate::layers::norm::Norm;
use crate::layers::rope::SinCos;
use crate::module::{Module, Role};
use crate::ragged;
use crate::residence::{Residence, Resident};

/// The options of a block.
#[derive(Clone, Copy, Debug)]
pub struct BlockConfig {
    /// The attention half.
    pub attention: AttentionConfig,
    /// The kind of both norms.
    pub norm_layer: NormLayer,
    /// The kind of the feed-forward half.
    pub ffn_layer: FfnLayer,
    /// The hidden width of the feed-forward half, before SwiGLU's two thirds.
    pub ffn_hidden: i64,
    /// Whether the linear layers of the feed-forward half have a bias.
    pub ffn_bias: bool,
    /// LayerScale's initial value; none or zero means no LayerScale.
    pub layerscale: Option<f64>,
    /// The share of samples whose branch is dropped in training.
    pub drop_path: f64,
}

/// `SelfAttentionBlock`.
#[derive(Debug)]
pub struct Block {
    name: String,
    norm1: Norm,
    attn: SelfAttention,
    ls1: Option<LayerScale>,
    norm2: Norm,
    mlp: Ffn,
    ls2: Option<LayerScale>,
    drop_path: f64,
    residence: Residence,
}

impl Block {
    /// An uninitialised block at the module path `name`.
    pub fn new(name: String, config: BlockConfig) -> Self {
        let BlockConfig { attention, ffn_layer, ffn_hidden, ffn_bias, drop_path, .. } = config;
        let (dim, norm_layer) = (attention.dim, config.norm_layer);
        let scale = |key: &str| {
            let value = config.layerscale.filter(|value| *value != 0.0)?;
            Some(LayerScale::new(format!("{name}.{key}"), dim, value))
        };
        Self {
            norm1: Norm::new(format!("{name}.norm1"), norm_layer, dim),
            attn: SelfAttention::new(format!("{name}.attn"), attention),
            ls1: scale("ls1"),
            norm2: Norm::new(format!("{name}.norm2"), norm_layer, dim),
            mlp: Ffn::new(format!("{name}.mlp"), ffn_layer, dim, ffn_hidden, ffn_bias),
            ls2: scale("ls2"),
            drop_path,
            residence: Residence::default(),
            name,
        }
    }

    /// Initialises the children in the order of registration.
    pub fn init_weights(&mut self) {
        self.norm1.init_weights();
        self.attn.init_weights();
        self.ls1.iter_mut().for_each(LayerScale::init_weights);
        self.norm2.init_weights();
        self.mlp.init_weights();
        self.ls2.iter_mut().for_each(LayerScale::init_weights);
    }

    /// One `[B_i, N_i, D]` per crop size, and the RoPE tables of each. Gives the same shapes.
    pub fn forward_list(&self, xs: &[Tensor], ropes: &[&SinCos], training: bool, hooks: &mut Hooks) -> Vec<Tensor> {
        self.residence.enter();
        let xs = if training && self.drop_path > 0.0 {
            let xs = self.attention_branch_on_subsets(xs, ropes, hooks);
            self.ffn_branch_on_subsets(&xs, hooks)
        } else {
            xs.iter().zip(ropes).map(|(x, rope)| self.forward_one(x, rope, hooks)).collect()
        };
        let show = |(i, x)| hooks.port(&self.name, i, x);
        let xs: Vec<Tensor> = xs.into_iter().enumerate().map(show).collect();
        self.residence.leave(&xs.iter().collect::<Vec<_>>());
        xs
    }

    /// A single `[B, N, D]`, as `get_intermediate_layers` calls a block: never in training.
    pub fn forward(&self, x: &Tensor, rope: &SinCos, hooks: &mut Hooks) -> Tensor {
        self.residence.enter();
        let x = self.forward_one(x, rope, hooks);
        let x = hooks.output(&self.name, x);
        self.residence.leave(&[&x]);
        x
    }

    fn forward_one(&self, x: &Tensor, rope: &SinCos, hooks: &mut Hooks) -> Tensor {
        let residual = self.norm1.forward_with_input(x, hooks);
        let residual = self.attn.forward(&residual, rope, hooks);
        let x = x + scaled(&self.ls1, residual, hooks);
        let residual = self.norm2.forward_with_input(&x, hooks);
        let residual = self.mlp.forward(&residual, hooks);
        &x + scaled(&self.ls2, residual, hooks)
    }

    fn attention_branch_on_subsets(&self, xs: &[Tensor], ropes: &[&SinCos], hooks: &mut Hooks) -> Vec<Tensor> {
        let kept = self.draw_subsets(xs, hooks);
        let (flat, shapes) = ragged::cat_keep_shapes(&kept.select(xs));
        let normed = ragged::uncat_with_shapes(&self.norm1.forward_with_input(&flat, hooks), &shapes);
        let residuals = self.attn.forward_list(&normed, ropes, hooks);
        self.add_residuals(xs, &kept, residuals, &self.ls1, hooks)
    }

    fn ffn_branch_on_subsets(&self, xs: &[Tensor], hooks: &mut Hooks) -> Vec<Tensor> {
        let kept = self.draw_subsets(xs, hooks);
        let (flat, shapes) = ragged::cat_keep_shapes(&kept.select(xs));
        let normed = self.norm2.forward_with_input(&flat, hooks);
        let residuals = ragged::uncat_with_shapes(&self.mlp.forward(&normed, hooks), &shapes);
        self.add_residuals(xs, &kept, residuals, &self.ls2, hooks)
    }

    /// Draws the samples of each list that keep their branch. The draws are on the host, so that every device consumes one stream.
    fn draw_subsets(&self, xs: &[Tensor], hooks: &mut Hooks) -> Subsets {
        let indices = xs
            .iter()
            .map(|x| {
                let permutation = Tensor::randperm(x.size()[0], (Kind::Int64, HOST));
                let permutation = hooks.randperm(&self.name, permutation);
                beside(&permutation.narrow(0, 0, self.kept_samples(x)), x)
            })
            .collect();
        Subsets(indices)
    }

    fn kept_samples(&self, x: &Tensor) -> i64 {
        let samples = x.size()[0] as f64 * (1.0 - self.drop_path);
        (samples as i64).max(1)
    }

    /// `x[kept] += scale * layer_scale(residual)`. The scale makes up for the dropped samples.
    fn add_residuals(
        &self,
        xs: &[Tensor],
        kept: &Subsets,
        residuals: Vec<Tensor>,
        layer_scale: &Option<LayerScale>,
        hooks: &mut Hooks,
    ) -> Vec<Tensor> {
        let mut sums = Vec::with_capacity(xs.len());
        for ((x, indices), residual) in xs.iter().zip(&kept.0).zip(residuals) {
            let scale = x.size()[0] as f64 / self.kept_samples(x) as f64;
            let scale = hooks.number(&self.name, "residual_scale", scale);
            let residual = scaled(layer_scale, residual, hooks);
            let sum = shim::index_add(x, 0, indices, &residual, scale);
            sums.push(sum.expect("the branch has the shape of the samples that it was computed from"));
        }
        sums
    }
}

/// For each token list, the indices of the samples that keep their branch.
struct Subsets(Vec<Tensor>);

impl Subsets {
    fn select(&self, xs: &[Tensor]) -> Vec<Tensor> {
        // The reference indexes. `index_select` has the same bits, and its gradient does not go through `index_put_`.
        xs.iter().zip(&self.0).map(|(x, indices)| x.index_select(0, indices)).collect()
    }
}

impl Module for Block {
    fn map_tensors(&self, f: &mut dyn FnMut(&str, Role, &Tensor) -> Tensor) -> Self {
        Self {
            name: self.name.clone(),
            norm1: self.norm1.map_tensors(f),
            attn: self.attn.map_tensors(f),
            ls1: self.ls1.map_tensors(f),
            norm2: self.norm2.map_tensors(f),
            mlp: self.mlp.map_tensors(f),
            ls2: self.ls2.map_tensors(f),
            drop_path: self.drop_path,
            residence: self.residence.clone(),
        }
    }
}

impl Resident for Block {
    fn reside(&mut self, residence: &mut dyn FnMut(&str) -> Residence) {
        self.residence = residence(&self.name);
    }
}
