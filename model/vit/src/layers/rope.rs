//! Axial rotary position embedding (`dinov3/layers/rope_position_encoding.py`): tables of sines and cosines over the
//! patch grid, randomly moved during training, and the rotation itself.

use std::f64::consts::PI;
use std::sync::{Arc, Mutex, PoisonError};

use dinov3_config::{NormalizeCoords, Periods, RopeConfig};
use dinov3_torch::device::{Device, HOST, beside, send};
use dinov3_torch::shim;
use tch::{Kind, Tensor, no_grad};

use crate::hook::Hooks;
use crate::module::{Module, Role, kind};

/// The tables of one patch grid.
#[derive(Debug)]
pub struct SinCos {
    /// `[H W, D_head]`, in the rotation's dtype.
    pub sin: Tensor,
    /// `[H W, D_head]`, in the rotation's dtype.
    pub cos: Tensor,
}

impl SinCos {
    fn shallow_clone(&self) -> Self {
        Self { sin: self.sin.shallow_clone(), cos: self.cos.shallow_clone() }
    }

    /// The tables in another dtype.
    pub fn to_kind(&self, kind: Kind) -> Self {
        Self { sin: self.sin.to_kind(kind), cos: self.cos.to_kind(kind) }
    }

    /// Shows the tables under the module's name, and gives those to rotate by.
    pub fn shown(&self, name: &str, hooks: &mut Hooks) -> Self {
        let Self { sin, cos } = self.shallow_clone();
        Self { sin: hooks.port(name, "0", sin), cos: hooks.port(name, "1", cos) }
    }

    /// Rotates the patch tokens of `x`, `[B, heads, N, D_head]`, the last of its N tokens, in the dtype of the tables, and casts back. The
    /// prefix (CLS and storage tokens) has no position and only passes through the cast.
    pub fn apply(&self, x: &Tensor) -> Tensor {
        if self.fits_one_pass(x) {
            return self.rotate_in_one_pass(x);
        }
        let (kind, prefix) = (x.kind(), x.size()[2] - self.patches());
        let x = x.to_kind(self.sin.kind());
        let head = x.narrow(2, 0, prefix);
        let rotated = self.rotate(&x.narrow(2, prefix, self.patches()));
        Tensor::cat(&[head, rotated], -2).to_kind(kind)
    }

    /// Rotates `x`, `[B, heads, H W, D_head]`, feature i of the first half against feature i of the second.
    pub fn rotate(&self, x: &Tensor) -> Tensor {
        let halves = x.chunk(2, -1);
        let rotated = Tensor::cat(&[-&halves[1], halves[0].shallow_clone()], -1);
        x * &self.cos + rotated * &self.sin
    }

    /// Whether [`SinCos::rotate_in_one_pass`] can take `x`: it is on the CPU, and everything is rounded to bf16.
    fn fits_one_pass(&self, x: &Tensor) -> bool {
        let kinds = self.sin.kind() == Kind::BFloat16 && matches!(x.kind(), Kind::Float | Kind::BFloat16);
        kinds && Device::of(x) == Device::Cpu
    }

    /// All tokens of `x`, `[B, heads, N, D_head]`, of which the last are patches: cast, rotated, and cast back. The same bits as
    /// casting, cutting, [`SinCos::rotate`] and joining, eleven ops that each go through memory.
    fn rotate_in_one_pass(&self, x: &Tensor) -> Tensor {
        shim::apply_rope(x, &self.sin, &self.cos).expect("`fits_one_pass` was asked")
    }

    /// The number of patches that have a position.
    pub fn patches(&self) -> i64 {
        self.sin.size()[0]
    }
}

/// `RopePositionEmbedding`.
#[derive(Debug)]
pub struct RopePositionEmbedding {
    /// The module path.
    pub name: String,
    config: RopeConfig,
    head_dim: i64,
    /// `[D_head / 4]`, in the config's dtype; saved with the weights.
    pub periods: Tensor,
    /// The tables that evaluation mode gives, which depend on nothing but the periods.
    kept: Arc<Mutex<Vec<Kept>>>,
}

/// Tables and what they were computed for.
#[derive(Debug)]
struct Kept {
    dtype: Kind,
    grid: (i64, i64),
    /// The periods, which a checkpoint may have overwritten since.
    periods: Tensor,
    tables: SinCos,
}

impl RopePositionEmbedding {
    /// The periods are computed at once, as the reference's constructor does.
    pub fn new(name: String, head_dim: i64, config: RopeConfig) -> Self {
        let periods = periods(&config, head_dim);
        Self { name, config, head_dim, periods, kept: Arc::default() }
    }

    /// Computes the periods again: a buffer that a checkpoint or a fill overwrote.
    pub fn init_weights(&mut self) {
        self.periods = beside(&periods(&self.config, self.head_dim), &self.periods);
    }

    /// Whether training draws new tables at every call.
    pub fn is_random(&self) -> bool {
        self.config.is_random()
    }

    /// The tables of a grid of `h` by `w` patches, computed in `dtype`. In training the coordinates are shifted, jittered and
    /// rescaled, in this order, as far as the config says so. The draws are shown as the operands `shift`, `jitter` and `rescale`.
    pub fn forward(&self, dtype: Kind, h: i64, w: i64, training: bool, hooks: &mut Hooks) -> SinCos {
        if training && self.is_random() {
            return self.compute(dtype, h, w, Some(hooks));
        }
        // Whether the periods are still the same, a device would tell after its other work alone.
        if Device::of(&self.periods) != Device::Cpu {
            return self.compute(dtype, h, w, None);
        }
        let known = |kept: &Kept| (kept.dtype, kept.grid) == (dtype, (h, w)) && kept.periods.equal(&self.periods);
        // Whoever panicked left the tables as they were.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.iter().find(|kept| known(kept)) {
            return kept.tables.shallow_clone();
        }
        let tables = self.compute(dtype, h, w, None);
        kept.retain(|kept| (kept.dtype, kept.grid) != (dtype, (h, w)));
        kept.push(Kept { dtype, grid: (h, w), periods: self.periods.copy(), tables: tables.shallow_clone() });
        tables
    }

    /// `augmented`: in training, who is shown the draws.
    fn compute(&self, dtype: Kind, h: i64, w: i64, augmented: Option<&mut Hooks>) -> SinCos {
        let mut coords = self.coords(dtype, h, w);
        if let Some(hooks) = augmented {
            self.augment(&mut coords, dtype, hooks);
        }
        let periods = self.periods.to_kind(dtype);
        let angles = coords.unsqueeze(-1) * (2.0 * PI) / periods.unsqueeze(0).unsqueeze(0);
        let angles = angles.flatten(1, 2).tile([2]);
        SinCos { sin: angles.sin(), cos: angles.cos() }
    }

    /// Patch centres in [-1, 1], `[H W, 2]`.
    fn coords(&self, dtype: Kind, h: i64, w: i64) -> Tensor {
        let (over_h, over_w) = match self.config.normalize_coords {
            NormalizeCoords::Max => (h.max(w), h.max(w)),
            NormalizeCoords::Min => (h.min(w), h.min(w)),
            NormalizeCoords::Separate => (h, w),
        };
        // Counted on the host: halves have the same bits everywhere.
        let device = Device::of(&self.periods);
        let places = |n: i64| send(&Tensor::arange_start(0.5, n as f64, (dtype, HOST)), device, dtype);
        let centres = |n: i64, over: i64| places(n) / over as f64;
        let grid = Tensor::meshgrid_indexing(&[centres(h, over_h), centres(w, over_w)], "ij");
        Tensor::stack(&grid, -1).flatten(0, 1) * 2.0 - 1.0
    }

    fn augment(&self, coords: &mut Tensor, dtype: Kind, hooks: &mut Hooks) {
        let mut drawn = |key, count, bound| {
            let values = self.draw(count, bound, dtype);
            hooks.operand(&self.name, key, &values).into_replacement().unwrap_or(values)
        };
        if let Some(shift) = self.config.shift_coords {
            *coords += drawn("shift", 2, shift).unsqueeze(0);
        }
        if let Some(jitter) = self.config.jitter_coords {
            *coords *= drawn("jitter", 2, jitter.ln()).exp().unsqueeze(0);
        }
        if let Some(rescale) = self.config.rescale_coords {
            *coords *= drawn("rescale", 1, rescale.ln()).exp();
        }
    }

    /// `count` uniform draws from ±`bound`. Drawn on the host, whatever the device, so that a run on an accelerator
    /// consumes the stream that a run on the CPU does.
    fn draw(&self, count: i64, bound: f64, dtype: Kind) -> Tensor {
        let mut values = Tensor::empty([count], (dtype, HOST));
        no_grad(|| {
            let _ = values.uniform_(-bound, bound);
        });
        beside(&values, &self.periods)
    }
}

impl Module for RopePositionEmbedding {
    fn map_tensors(&self, f: &mut dyn FnMut(&str, Role, &Tensor) -> Tensor) -> Self {
        Self {
            name: self.name.clone(),
            config: self.config.clone(),
            head_dim: self.head_dim,
            periods: f(&format!("{}.periods", self.name), Role::Buffer, &self.periods),
            kept: Arc::clone(&self.kept),
        }
    }
}

fn periods(config: &RopeConfig, head_dim: i64) -> Tensor {
    let options = (kind(config.dtype), HOST);
    match config.periods {
        Periods::Base(base) => {
            let exponents = Tensor::arange(head_dim / 4, options) * 2 / (head_dim / 2);
            Tensor::pow_scalar(base, &exponents)
        }
        Periods::Range { min, max } => {
            let base = max / min;
            let exponents = Tensor::linspace(0.0, 1.0, head_dim / 4, options);
            Tensor::pow_scalar(base, &exponents) / base * max
        }
    }
}
