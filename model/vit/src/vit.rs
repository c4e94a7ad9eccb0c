//! The vision transformer (`dinov3/models/vision_transformer.py`).

mod intermediate;

pub use intermediate::{Blocks, IntermediateLayer, IntermediateOptions, NoSuchBlock};

use dinov3_config::VitConfig;
use dinov3_config::fault::Fault;
use tch::{Kind, Tensor};

use crate::init;
use crate::layers::attention::AttentionConfig;
use crate::layers::block::{Block, BlockConfig};
use crate::layers::norm::Norm;
use crate::layers::patch_embed::PatchEmbed;
use crate::layers::rope::{RopePositionEmbedding, SinCos};
use crate::module::{Done, Module, Role, drawn, kind, uninitialised};
use crate::residence::{Residence, Resident};
use crate::tap::Taps;

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
            blocks: (0..config.size.depth)
                .map(|i| Block::new(format!("{name}.blocks.{i}"), block_config(config, i)))
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
    /// gives the same bits. What were forgotten would be NaN.
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

    /// `forward_features`: one set of features per entry of `crops`. In training the second entry holds the local
    /// crops, as the reference assumes.
    pub fn forward_features_list(&self, crops: &[Crops], training: bool, taps: &mut Taps) -> Vec<Features> {
        self.residence.enter();
        let (mut xs, mut grids) = (Vec::new(), Vec::new());
        for crop in crops {
            let (x, grid) = self.prepare_tokens_with_masks(crop, taps);
            xs.push(x);
            grids.push(grid);
        }
        let mut tables = Vec::new();
        for (i, block) in self.blocks.iter().enumerate() {
            tables = self.rope_tables(i, &grids, tables, training, taps);
            xs = block.forward_list(&xs, &tables.iter().collect::<Vec<_>>(), training, taps);
        }
        let normed = |(i, x)| self.norm_features(x, training && i == 1, taps);
        let features: Vec<Features> = xs.into_iter().enumerate().map(normed).collect();
        self.residence.leave(&features.iter().flat_map(Features::outputs).collect::<Vec<_>>());
        features
    }

    /// `forward_features` of a single tensor: no list, so no local crops. Observed as `<name>:x_norm_clstoken` and so on.
    pub fn forward_features(&self, crops: Crops, training: bool, taps: &mut Taps) -> Features {
        let features = self.forward_features_list(&[crops], training, taps).remove(0);
        self.tap_features(&features, "", taps);
        features
    }

    /// `forward_features` of a list, observed as `<name>:0.x_norm_clstoken` and so on.
    pub fn forward_features_of_list(&self, crops: &[Crops], training: bool, taps: &mut Taps) -> Vec<Features> {
        let list = self.forward_features_list(crops, training, taps);
        for (i, features) in list.iter().enumerate() {
            self.tap_features(features, &format!("{i}."), taps);
        }
        list
    }

    fn prefix_tokens(&self) -> i64 {
        1 + self.config.n_storage_tokens
    }

    /// `[B, 3, H, W] -> [B, 1 + R + N, D]` and the grid (H/P, W/P).
    fn prepare_tokens_with_masks(&self, crops: &Crops, taps: &mut Taps) -> (Tensor, (i64, i64)) {
        let x = self.patch_embed.forward(crops.images, taps);
        let (b, h, w, _) = x.size4().expect("patch_embed gives [B, H, W, D]");
        let mut x = x.flatten(1, 2);
        let cls_token = match crops.masks {
            Some(masks) => {
                let mask_token = self.mask_token.to_kind(x.kind()).unsqueeze(0);
                x = mask_token.where_self(&masks.unsqueeze(-1), &x);
                self.cls_token.shallow_clone()
            }
            // The mask token takes part even when nothing is masked, so that it always has a gradient.
            None => &self.cls_token + self.mask_token.g_mul_scalar(0),
        };
        let mut parts = vec![cls_token.expand([b, -1, -1], false)];
        parts.extend(self.storage_tokens.iter().map(|t| t.expand([b, -1, -1], false)));
        parts.push(x);
        let x = Tensor::cat(&parts, 1);
        if taps.is_on() {
            taps.output(&format!("{}.prepare_tokens_with_masks", self.name), &x);
        }
        (x, (h, w))
    }

    /// The tables for block `i`, one per crop size. They are computed once and kept, unless training draws new ones
    /// for every block.
    fn rope_tables(
        &self,
        i: usize,
        grids: &[(i64, i64)],
        kept: Vec<SinCos>,
        training: bool,
        taps: &mut Taps,
    ) -> Vec<SinCos> {
        let fault = self.config.fault_in(i);
        let redraw = training && self.rope_embed.is_random();
        let planted = self.config.plant.is_some_and(|plant| plant.fault == Fault::RopeFp32);
        let tables = if kept.is_empty() || redraw || planted {
            let dtype = match fault {
                Some(Fault::RopeFp32) => Kind::Float,
                _ => kind(self.config.rope.dtype),
            };
            grids.iter().map(|(h, w)| self.rope_embed.forward(dtype, *h, *w, training)).collect()
        } else {
            kept
        };
        if taps.is_on() {
            tables.iter().for_each(|table| table.tap(&self.rope_embed.name, taps));
        }
        tables
    }

    /// The last norms: one for all tokens, or with its own for the CLS and storage tokens, or for those of local crops.
    fn norm_features(&self, prenorm: Tensor, local: bool, taps: &mut Taps) -> Features {
        let prefix = self.prefix_tokens();
        let patches = prenorm.size()[1] - prefix;
        let (head, patches) = if self.cls_norm.is_some() || self.local_cls_norm.is_some() {
            let own = self.local_cls_norm.as_ref().filter(|_| local).or(self.cls_norm.as_ref());
            let head = own.unwrap_or(&self.norm).forward(&prenorm.narrow(1, 0, prefix), taps);
            (head, self.norm.forward(&prenorm.narrow(1, prefix, patches), taps))
        } else {
            let x = self.norm.forward(&prenorm, taps);
            (x.narrow(1, 0, prefix), x.narrow(1, prefix, patches))
        };
        Features { cls: head.select(1, 0), storage: head.narrow(1, 1, prefix - 1), patches, prenorm }
    }

    fn tap_features(&self, features: &Features, port: &str, taps: &mut Taps) {
        if !taps.is_on() {
            return;
        }
        let Features { cls, storage, patches, prenorm } = features;
        taps.port(&self.name, &format!("{port}x_norm_clstoken"), cls);
        taps.port(&self.name, &format!("{port}x_storage_tokens"), storage);
        taps.port(&self.name, &format!("{port}x_norm_patchtokens"), patches);
        taps.port(&self.name, &format!("{port}x_prenorm"), prenorm);
    }
}

fn block_config(config: &VitConfig, block: usize) -> BlockConfig {
    let size = &config.size;
    BlockConfig {
        attention: AttentionConfig {
            dim: size.embed_dim,
            num_heads: size.num_heads,
            qkv_bias: config.qkv_bias,
            proj_bias: config.proj_bias,
            mask_k_bias: config.mask_k_bias,
            fault: config.fault_in(block),
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
