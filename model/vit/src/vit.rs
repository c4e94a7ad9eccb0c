//! The vision transformer (`dinov3/models/vision_transformer.py`).

mod intermediate;

use std::fmt::Display;

pub use intermediate::{Blocks, IntermediateLayer, IntermediateOptions, NoSuchBlock};

use dinov3_config::VitConfig;
use tch::Tensor;

use crate::hook::Hooks;
use crate::init;
use crate::layers::attention::AttentionConfig;
use crate::layers::block::{Block, BlockConfig};
use crate::layers::norm::Norm;
use crate::layers::patch_embed::PatchEmbed;
use crate::layers::rope::{RopePositionEmbedding, SinCos};
use crate::module::{Done, Module, Role, drawn, kind, uninitialised};
use crate::residence::{Residence, Resident};

/// Images of one size, `[B, 3, H, W]`, and which of their patches are replaced by the mask token, `[B, N]` bool.
#[derive(Clone, Copy, Debug)]
pub struct Crops<'a> {
    /// `[B, 3, H, W]`.
    pub images: &'a Tensor,
    /// `[B, H/P · W/P]`, bool.
    pub masks: Option<&'a Tensor>,
}

/// What the backbone gives for the crops of one size.
#[derive(Debug)]
pub struct Features {
    /// `x_norm_clstoken`, `[B, D]`.
    pub cls: Tensor,
    /// `x_storage_tokens`, `[B, R, D]`.
    pub storage: Tensor,
    /// `x_norm_patchtokens`, `[B, N, D]`.
    pub patches: Tensor,
    /// `x_prenorm`, `[B, 1 + R + N, D]`.
    pub prenorm: Tensor,
}

impl Features {
    fn outputs(&self) -> [&Tensor; 4] {
        [&self.cls, &self.storage, &self.patches, &self.prenorm]
    }

    /// Shows them as `<name>:<place>x_norm_clstoken` and so on.
    fn shown(self, name: &str, place: impl Display, hooks: &mut Hooks) -> Self {
        let mut show = |key, value| hooks.port(name, format_args!("{place}{key}"), value);
        Self {
            cls: show("x_norm_clstoken", self.cls),
            storage: show("x_storage_tokens", self.storage),
            patches: show("x_norm_patchtokens", self.patches),
            prenorm: show("x_prenorm", self.prenorm),
        }
    }
}

/// `DinoVisionTransformer`.
#[derive(Debug)]
pub struct VisionTransformer {
    name: String,
    config: VitConfig,
    cls_token: Tensor,
    storage_tokens: Option<Tensor>,
    mask_token: Tensor,
    patch_embed: PatchEmbed,
    rope_embed: RopePositionEmbedding,
    casts_tables: bool,
    blocks: Vec<Block>,
    norm: Norm,
    cls_norm: Option<Norm>,
    local_cls_norm: Option<Norm>,
    /// Of all that is in no block.
    residence: Residence,
}

impl VisionTransformer {
    /// An uninitialised transformer at the module path `name`, such as `student.backbone`.
    pub fn new(name: String, config: &VitConfig) -> Self {
        let dim = config.size.embed_dim;
        let norm = |key: &str| Norm::new(format!("{name}.{key}"), config.norm_layer, dim);
        let storage = config.n_storage_tokens;
        Self {
            cls_token: uninitialised(&[1, 1, dim]),
            storage_tokens: (storage > 0).then(|| uninitialised(&[1, storage, dim])),
            mask_token: uninitialised(&[1, dim]),
            patch_embed: PatchEmbed::new(format!("{name}.patch_embed"), config.patch_size, dim),
            rope_embed: RopePositionEmbedding::new(
                format!("{name}.rope_embed"),
                dim / config.size.num_heads,
                config.rope.clone(),
            ),
            casts_tables: false,
            blocks: (0..config.size.depth)
                .map(|i| Block::new(format!("{name}.blocks.{i}"), block_config(config)))
                .collect(),
            norm: norm("norm"),
            cls_norm: config.untie_cls_and_patch_norms.then(|| norm("cls_norm")),
            local_cls_norm: config.untie_global_and_local_cls_norm.then(|| norm("local_cls_norm")),
            config: config.clone(),
            residence: Residence::default(),
            name,
        }
    }

    /// `init_weights`: consumes torch's global random stream in the order of the reference, so that the same seed
    /// gives the same bits. Tensors start as NaN, so a missed one shows.
    pub fn init_weights(&mut self) {
        self.fill_with_nan();
        self.init_before_blocks();
        self.blocks.iter_mut().for_each(Block::init_weights);
        self.init_after_blocks();
    }

    /// The same values, of which each block's are shown as soon as they are drawn, and gone then; then all others, which stay.
    pub fn draw_weights(&mut self, done: Done<'_>) {
        let blocks = std::mem::take(&mut self.blocks);
        self.fill_with_nan();
        self.init_before_blocks();
        blocks.iter().for_each(|block| drawn(block, Block::init_weights, done));
        self.init_after_blocks();
        done(&self.parameters());
        self.blocks = blocks;
    }

    fn init_before_blocks(&mut self) {
        self.rope_embed.init_weights();
        init::normal_(&mut self.cls_token, 0.02);
        if let Some(storage) = &mut self.storage_tokens {
            init::normal_(storage, 0.02);
        }
        init::constant_(&mut self.mask_token, 0.0);
        self.patch_embed.init_weights();
    }

    fn init_after_blocks(&mut self) {
        self.norm.init_weights();
        self.cls_norm.iter_mut().for_each(Norm::init_weights);
        self.local_cls_norm.iter_mut().for_each(Norm::init_weights);
    }

    /// `forward_features`: one set of features per entry of `crops`, each shown with its `place` in its names. In training the second
    /// entry holds the local crops, as the reference assumes.
    fn forward_features_shown<P: Display>(
        &self,
        crops: &[Crops],
        training: bool,
        place: impl Fn(usize) -> P,
        hooks: &mut Hooks,
    ) -> Vec<Features> {
        self.residence.enter();
        let (mut xs, mut grids) = (Vec::new(), Vec::new());
        for crop in crops {
            let (x, grid) = self.prepare_tokens_with_masks(crop, hooks);
            xs.push(x);
            grids.push(grid);
        }
        let mut tables = Vec::new();
        for block in &self.blocks {
            tables = self.rope_tables(&grids, tables, training, hooks);
            let shown = self.shown_tables(&tables, hooks);
            let given = shown.as_ref().unwrap_or(&tables);
            let cast = self.cast_tables(given, &xs);
            let given = cast.as_ref().unwrap_or(given);
            xs = block.forward_list(&xs, &given.iter().collect::<Vec<_>>(), training, hooks);
        }
        let normed = |(i, x)| self.norm_features(x, training && i == 1, hooks);
        let features: Vec<Features> = xs.into_iter().enumerate().map(normed).collect();
        let show = |(i, features): (usize, Features)| features.shown(&self.name, place(i), hooks);
        let features: Vec<Features> = features.into_iter().enumerate().map(show).collect();
        self.residence.leave(&features.iter().flat_map(Features::outputs).collect::<Vec<_>>());
        features
    }

    /// `forward_features` of a single tensor: no list, so no local crops. Shown as `<name>:x_norm_clstoken` and so on.
    pub fn forward_features(&self, crops: Crops, training: bool, hooks: &mut Hooks) -> Features {
        self.forward_features_shown(&[crops], training, |_| "", hooks).remove(0)
    }

    /// `forward_features` of a list, shown as `<name>:0.x_norm_clstoken` and so on.
    pub fn forward_features_of_list(&self, crops: &[Crops], training: bool, hooks: &mut Hooks) -> Vec<Features> {
        self.forward_features_shown(crops, training, |i| format!("{i}."), hooks)
    }

    fn prefix_tokens(&self) -> i64 {
        1 + self.config.n_storage_tokens
    }

    /// `[B, 3, H, W] -> [B, 1 + R + N, D]` and the grid (H/P, W/P).
    fn prepare_tokens_with_masks(&self, crops: &Crops, hooks: &mut Hooks) -> (Tensor, (i64, i64)) {
        let x = self.patch_embed.forward(crops.images, hooks);
        let (b, h, w, _) = x.size4().expect("patch_embed gives [B, H, W, D]");
        let mut x = x.flatten(1, 2);
        let mut own = |key, token| hooks.operand(&self.name, key, token);
        let (class, mask) = (own("cls_token", &self.cls_token), own("mask_token", &self.mask_token));
        let storage = self.storage_tokens.as_ref().map(|tokens| own("storage_tokens", tokens));
        let cls_token = match crops.masks {
            Some(masks) => {
                let mask_token = mask.to_kind(x.kind()).unsqueeze(0);
                x = mask_token.where_self(&masks.unsqueeze(-1), &x);
                class.shallow_clone()
            }
            // The mask token takes part even when nothing is masked, so that it always has a gradient.
            None => &*class + mask.g_mul_scalar(0),
        };
        let mut parts = vec![cls_token.expand([b, -1, -1], false)];
        parts.extend(storage.iter().map(|t| t.expand([b, -1, -1], false)));
        parts.push(x);
        (hooks.output(format_args!("{}.prepare_tokens_with_masks", self.name), Tensor::cat(&parts, 1)), (h, w))
    }

    /// The tables for the next block, one per crop size. They are computed once and kept, unless training draws new ones for every block.
    fn rope_tables(&self, grids: &[(i64, i64)], kept: Vec<SinCos>, training: bool, hooks: &mut Hooks) -> Vec<SinCos> {
        let redraw = training && self.rope_embed.is_random();
        if !kept.is_empty() && !redraw {
            return kept;
        }
        let dtype = kind(self.config.rope.dtype);
        grids.iter().map(|(h, w)| self.rope_embed.forward(dtype, *h, *w, training, hooks)).collect()
    }

    /// Has each block cast the tables to its activations' dtype, as FSDP2 casts all floating-point inputs of a block that it shards. In
    /// fp32, queries and keys are then not rounded to the tables' dtype; in bf16 nothing changes. Plain modules do not cast.
    pub fn cast_tables_to_activations(&mut self) {
        self.casts_tables = true;
    }

    /// The tables in the dtype of the tokens, where they are to be cast.
    fn cast_tables(&self, tables: &[SinCos], xs: &[Tensor]) -> Option<Vec<SinCos>> {
        self.casts_tables.then(|| tables.iter().zip(xs).map(|(table, x)| table.to_kind(x.kind())).collect())
    }

    /// The tables that one block is to rotate by, where somebody listens: what is put in their place is not kept for the next block.
    fn shown_tables(&self, tables: &[SinCos], hooks: &mut Hooks) -> Option<Vec<SinCos>> {
        hooks.is_on().then(|| tables.iter().map(|table| table.shown(&self.rope_embed.name, hooks)).collect())
    }

    /// The last norms: one for all tokens, or with its own for the CLS and storage tokens, or for those of local crops.
    fn norm_features(&self, prenorm: Tensor, local: bool, hooks: &mut Hooks) -> Features {
        let prefix = self.prefix_tokens();
        let patches = prenorm.size()[1] - prefix;
        let (head, patches) = if self.cls_norm.is_some() || self.local_cls_norm.is_some() {
            let own = self.local_cls_norm.as_ref().filter(|_| local).or(self.cls_norm.as_ref());
            let head = own.unwrap_or(&self.norm).forward(&prenorm.narrow(1, 0, prefix), hooks);
            (head, self.norm.forward(&prenorm.narrow(1, prefix, patches), hooks))
        } else {
            let x = self.norm.forward(&prenorm, hooks);
            (x.narrow(1, 0, prefix), x.narrow(1, prefix, patches))
        };
        Features { cls: head.select(1, 0), storage: head.narrow(1, 1, prefix - 1), patches, prenorm }
    }
}

fn block_config(config: &VitConfig) -> BlockConfig {
    let size = &config.size;
    BlockConfig {
        attention: AttentionConfig {
            dim: size.embed_dim,
            num_heads: size.num_heads,
            qkv_bias: config.qkv_bias,
            proj_bias: config.proj_bias,
            mask_k_bias: config.mask_k_bias,
        },
        norm_layer: config.norm_layer,
        ffn_layer: config.ffn_layer,
        ffn_hidden: (size.embed_dim as f64 * size.ffn_ratio) as i64,
        ffn_bias: config.ffn_bias,
        layerscale: config.layerscale,
        drop_path: config.drop_path_rate,
    }
}

impl Module for VisionTransformer {
    fn map_tensors(&self, f: &mut dyn FnMut(&str, Role, &Tensor) -> Tensor) -> Self {
        let mut own = |key: &str, t: &Tensor| f(&format!("{}.{key}", self.name), Role::Parameter, t);
        Self {
            cls_token: own("cls_token", &self.cls_token),
            storage_tokens: self.storage_tokens.as_ref().map(|t| own("storage_tokens", t)),
            mask_token: own("mask_token", &self.mask_token),
            patch_embed: self.patch_embed.map_tensors(f),
            rope_embed: self.rope_embed.map_tensors(f),
            casts_tables: self.casts_tables,
            blocks: self.blocks.map_tensors(f),
            norm: self.norm.map_tensors(f),
            cls_norm: self.cls_norm.map_tensors(f),
            local_cls_norm: self.local_cls_norm.map_tensors(f),
            config: self.config.clone(),
            residence: self.residence.clone(),
            name: self.name.clone(),
        }
    }
}

impl Resident for VisionTransformer {
    fn reside(&mut self, residence: &mut dyn FnMut(&str) -> Residence) {
        self.residence = residence(&self.name);
        self.blocks.iter_mut().for_each(|block| block.reside(residence));
    }
}
