//! Defects of one block that need a hook of their own.

use dinov3_config::RopeConfig;
use dinov3_torch::device::beside;
use dinov3_vit::hook::{Hook, Hooks};
use dinov3_vit::layers::rope::{RopePositionEmbedding, SinCos};
use tch::{Kind, Tensor};

use super::Scope;
use super::operands::{uncalled, within};

/// GELU by its tanh approximation.
pub(super) fn gelu_tanh(scope: &Scope) -> Box<dyn Hook> {
    let block = scope.block;
    let mut hidden = None;
    Box::new(move |name: &str, value: &Tensor| match uncalled(within(name, block)?) {
        ("mlp.fc1", "") => {
            hidden = Some(value.shallow_clone());
            None
        }
        ("mlp.act", "") => hidden.take().map(|hidden: Tensor| hidden.gelu("tanh")),
        _ => None,
    })
}

/// The RoPE tables of a block, which are shown before it, and the number of them that the block has used.
#[derive(Default)]
struct Tables {
    tables: Vec<SinCos>,
    rotated: usize,
    /// Whether a block has begun since the last table was shown.
    over: bool,
    /// The number of blocks of this pass whose tables were shown.
    blocks: usize,
}

impl Tables {
    /// Notes a tensor. When the sines of a table are shown, gives the place of the table among those of its block.
    fn note(&mut self, name: &str, value: &Tensor) -> Option<usize> {
        let (path, port) = uncalled(name);
        if path.ends_with(".apply_rope") {
            self.over = true;
        } else if path.ends_with(".patch_embed") && self.over {
            *self = Self::default();
        } else if path.ends_with(".rope_embed") && port == "0" {
            if self.over || self.tables.is_empty() {
                *self = Self { blocks: self.blocks + 1, ..Self::default() };
            }
            self.tables.push(SinCos { sin: value.shallow_clone(), cos: value.shallow_clone() });
            return Some(self.tables.len() - 1);
        } else if path.ends_with(".rope_embed")
            && let Some(last) = self.tables.last_mut()
        {
            last.cos = value.shallow_clone();
        }
        None
    }

    /// The tables of the block's next crop size.
    fn next(&mut self) -> Option<&SinCos> {
        self.rotated += 1;
        self.tables.get(self.rotated - 1)
    }
}

/// RoPE rotates the prefix tokens by the tables of the first patch.
pub(super) fn rope_on_prefix(scope: &Scope) -> Box<dyn Hook> {
    let block = scope.block;
    let (mut tables, mut first) = (Tables::default(), None);
    Box::new(move |name: &str, value: &Tensor| {
        tables.note(name, value);
        let ("attn.apply_rope", port) = uncalled(within(name, block)?) else { return None };
        if port == "0" {
            first = tables.next().map(|it| {
                let first = |table: &Tensor| table.narrow(0, 0, 1);
                (SinCos { sin: first(&it.sin), cos: first(&it.cos) }, value.size()[2] - it.patches())
            });
        }
        let (table, prefix) = first.as_ref()?;
        let head = value.narrow(2, 0, *prefix).to_kind(table.sin.kind());
        let patches = value.narrow(2, *prefix, value.size()[2] - prefix);
        Some(Tensor::cat(&[table.rotate(&head).to_kind(value.kind()), patches], 2))
    })
}

/// RoPE's tables and rotation in fp32.
pub(super) fn rope_fp32(scope: &Scope) -> Box<dyn Hook> {
    let frozen = scope.config.distillation.as_ref().map(|frozen| frozen.backbone.rope.clone());
    let ours = scope.config.student.rope.clone();
    Box::new(RopeFp32 {
        block: scope.block,
        teachers: frozen.unwrap_or_else(|| ours.clone()),
        ours,
        tables: Tables::default(),
        grids: Vec::new(),
        cos: None,
    })
}

struct RopeFp32 {
    block: usize,
    ours: RopeConfig,
    teachers: RopeConfig,
    tables: Tables,
    /// Patches of each crop size of this pass.
    grids: Vec<(i64, i64)>,
    /// The replacement of the cosines that come next.
    cos: Option<Tensor>,
}

impl RopeFp32 {
    /// The replacement of the tables with these sines, `[H W, D_head]`. Tables that training has drawn are only widened.
    fn wide(&self, name: &str, (h, w): (i64, i64), sin: &Tensor) -> Option<SinCos> {
        let config = if name.starts_with("teacher.") { &self.teachers } else { &self.ours };
        if name.starts_with("student.") && config.is_random() {
            return None;
        }
        let embedding = RopePositionEmbedding::new(String::new(), sin.size()[1], config.clone());
        let SinCos { sin: wide, cos } = embedding.forward(Kind::Float, h, w, false, &mut Hooks::none());
        Some(SinCos { sin: beside(&wide, sin), cos: beside(&cos, sin) })
    }
}

impl Hook for RopeFp32 {
    fn tensor(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        let (path, port) = uncalled(name);
        if path.ends_with(".patch_embed") {
            if self.tables.over {
                self.grids.clear();
            }
            let shape = value.size();
            self.grids.push((shape[1], shape[2]));
        }
        let place = self.tables.note(name, value);
        if !path.ends_with(".rope_embed") || self.tables.blocks != self.block + 1 {
            return None;
        }
        if port == "1" {
            return Some(self.cos.take().unwrap_or_else(|| value.to_kind(Kind::Float)));
        }
        match self.wide(name, *self.grids.get(place?)?, value) {
            Some(SinCos { sin, cos }) => {
                self.cos = Some(cos);
                Some(sin)
            }
            None => Some(value.to_kind(Kind::Float)),
        }
    }
}

/// Queries and keys taken from the qkv projection in the wrong order.
pub(super) fn swapped_qkv(scope: &Scope) -> Box<dyn Hook> {
    let block = scope.block;
    let (mut tables, mut qkv, mut taken, mut q) = (Tables::default(), None, 0, None);
    Box::new(move |name: &str, value: &Tensor| {
        tables.note(name, value);
        match uncalled(within(name, block)?) {
            ("attn.qkv", "") => {
                (qkv, taken) = (Some(value.flatten(0, -2)), 0);
                None
            }
            // q, `[B, heads, N, D_head]`: the tokens of all crop sizes come from one projection, one size after another.
            ("attn.apply_rope", "0") => {
                let (b, heads, n, dim) = value.size4().expect("queries are [B, heads, N, D_head]");
                let tokens: &Tensor = qkv.as_ref()?;
                let k = tokens.narrow(0, taken, b * n).view([b, n, 3, heads, dim]).select(2, 1).transpose(1, 2);
                taken += b * n;
                q = Some(value.shallow_clone());
                Some(tables.next()?.apply(&k))
            }
            ("attn.apply_rope", "1") => q.take(),
            _ => None,
        }
    })
}
