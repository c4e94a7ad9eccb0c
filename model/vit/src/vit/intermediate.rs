//! `get_intermediate_layers`: the features that evaluations read.

use tch::Tensor;
use thiserror::Error;

use super::{Crops, VisionTransformer};
use crate::hook::Hooks;
use crate::layers::norm::Norm;

/// The blocks whose outputs to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// The last blocks, so many.
    Last(usize),
    /// The blocks of these indices, in the order of the network.
    Indices(Vec<usize>),
}

impl Blocks {
    /// The indices of the blocks in a network of `depth`.
    ///
    /// # Errors
    /// If the network has no such blocks.
    pub fn check(&self, depth: usize) -> Result<Vec<usize>, NoSuchBlock> {
        match self {
            Blocks::Last(n) if *n <= depth => Ok((depth - n..depth).collect()),
            Blocks::Indices(indices) if indices.iter().all(|i| *i < depth) => Ok(indices.clone()),
            Blocks::Last(n) => Err(NoSuchBlock { depth, wanted: format!("the last {n}") }),
            Blocks::Indices(indices) => Err(NoSuchBlock { depth, wanted: format!("{indices:?}") }),
        }
    }
}

/// The treatment of the outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntermediateOptions {
    /// Whether patch tokens are `[B, D, H/P, W/P]`, not `[B, N, D]`.
    pub reshape: bool,
    /// Whether outputs go through the last norm.
    pub norm: bool,
}

/// One block's output, in the parts that the reference gives back.
#[derive(Debug)]
pub struct IntermediateLayer {
    /// `[B, N, D]`, or `[B, D, H/P, W/P]` reshaped.
    pub patches: Tensor,
    /// The CLS token, `[B, D]`.
    pub class: Tensor,
    /// The storage tokens, `[B, R, D]`.
    pub extra: Tensor,
}

/// A block that the network does not have.
#[derive(Debug, Error)]
#[error("the network has {depth} blocks, so there is no way to take {wanted}")]
pub struct NoSuchBlock {
    depth: usize,
    wanted: String,
}

impl VisionTransformer {
    /// The outputs of some blocks for `images`, `[B, 3, H, W]`, in evaluation mode, never masked.
    ///
    /// # Errors
    /// If `blocks` asks for more blocks than there are, or for one beyond the last.
    pub fn get_intermediate_layers(
        &self,
        images: &Tensor,
        blocks: &Blocks,
        options: IntermediateOptions,
        hooks: &mut Hooks,
    ) -> Result<Vec<IntermediateLayer>, NoSuchBlock> {
        let taken = blocks.check(self.blocks.len())?;
        self.residence.enter();
        let (mut x, grid) = self.prepare_tokens_with_masks(&Crops { images, masks: None }, hooks);
        let mut tables = Vec::new();
        let mut outputs = Vec::new();
        for (i, block) in self.blocks.iter().enumerate() {
            tables = self.rope_tables(&[grid], tables, false, hooks);
            let shown = self.shown_tables(&tables, hooks);
            x = block.forward(&x, &shown.as_ref().unwrap_or(&tables)[0], hooks);
            if taken.contains(&i) {
                outputs.push(x.shallow_clone());
            }
        }
        if options.norm {
            outputs = outputs.iter().map(|x| self.norm_tokens(x, hooks)).collect();
        }
        self.residence.leave(&outputs.iter().collect::<Vec<_>>());
        let layers = outputs.iter().map(|x| self.split(x, options.reshape.then_some(grid)));
        Ok(layers.enumerate().map(|(i, layer)| self.shown(i, layer, hooks)).collect())
    }

    /// Applies the last norm to all tokens. With untied norms, CLS and storage tokens have their own.
    fn norm_tokens(&self, x: &Tensor, hooks: &mut Hooks) -> Tensor {
        let Some(cls_norm) = &self.cls_norm else {
            return self.norm.forward(x, hooks);
        };
        let prefix = self.prefix_tokens();
        let mut normed = |norm: &Norm, start, length| norm.forward(&x.narrow(1, start, length), hooks);
        let head = normed(cls_norm, 0, prefix);
        let patches = normed(&self.norm, prefix, x.size()[1] - prefix);
        Tensor::cat(&[head, patches], 1)
    }

    fn split(&self, x: &Tensor, grid: Option<(i64, i64)>) -> IntermediateLayer {
        let prefix = self.prefix_tokens();
        let patches = x.narrow(1, prefix, x.size()[1] - prefix);
        let patches = match grid {
            Some((h, w)) => patches.reshape([x.size()[0], h, w, -1]).permute([0, 3, 1, 2]).contiguous(),
            None => patches,
        };
        IntermediateLayer { patches, class: x.select(1, 0), extra: x.narrow(1, 1, prefix - 1) }
    }

    fn shown(&self, i: usize, layer: IntermediateLayer, hooks: &mut Hooks) -> IntermediateLayer {
        let name = format_args!("{}.get_intermediate_layers", self.name);
        let IntermediateLayer { patches, class, extra } = layer;
        let mut show = |key, value| hooks.port(name, format_args!("{i}.{key}"), value);
        IntermediateLayer { patches: show("patch", patches), class: show("class", class), extra: show("extra", extra) }
    }
}
