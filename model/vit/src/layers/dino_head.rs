//! The projection head of DINO and iBOT (`dinov3/layers/dino_head.py`).

use dinov3_config::HeadConfig;
use tch::{Kind, Tensor};

use crate::hook::Hooks;
use crate::layers::ffn::gelu;
use crate::layers::linear::Linear;
use crate::loss::normalize;
use crate::module::{Module, Role};
use crate::residence::{Residence, Resident};

/// `DINOHead`: an MLP, an L2 normalisation, and the prototypes.
#[derive(Debug)]
pub struct DinoHead {
    name: String,
    /// The MLP's linear layers, with GELU between them. Each counts for two module paths, since the reference's `Sequential` holds the
    /// activations as well. A single layer is the MLP itself.
    mlp: Vec<Linear>,
    /// `[K, bottleneck]`, no bias.
    last_layer: Linear,
    residence: Residence,
}

impl DinoHead {
    /// An uninitialised head at the module path `name`.
    pub fn new(name: String, config: HeadConfig) -> Self {
        let HeadConfig { in_dim, prototypes, hidden_dim, bottleneck_dim, nlayers } = config;
        let last = nlayers.max(1) - 1;
        let mlp = (0..=last)
            .map(|i| {
                let inputs = if i == 0 { in_dim } else { hidden_dim };
                let outputs = if i == last { bottleneck_dim } else { hidden_dim };
                let path = if last == 0 { format!("{name}.mlp") } else { format!("{name}.mlp.{}", 2 * i) };
                Linear::new(path, inputs, outputs, true)
            })
            .collect();
        let last_layer = Linear::new(format!("{name}.last_layer"), bottleneck_dim, prototypes, false);
        Self { name, mlp, last_layer, residence: Residence::default() }
    }

    /// Initialises the linear layers from first to last.
    pub fn init_weights(&mut self) {
        self.mlp.iter_mut().for_each(Linear::init_weights);
        self.last_layer.init_weights();
    }

    /// `[B, D] -> [B, K]`: logits over the prototypes.
    pub fn forward(&self, x: &Tensor, hooks: &mut Hooks) -> Tensor {
        self.at_home(|| {
            let x = self.bottleneck(x, hooks);
            self.logits(&x, hooks)
        })
    }

    /// `forward(no_last_layer=True)`: `[B, D] -> [B, bottleneck]`, on the unit sphere.
    pub fn without_last_layer(&self, x: &Tensor, hooks: &mut Hooks) -> Tensor {
        self.at_home(|| self.bottleneck(x, hooks))
    }

    /// `forward(only_last_layer=True)`: `[B, bottleneck] -> [B, K]`.
    pub fn only_last_layer(&self, x: &Tensor, hooks: &mut Hooks) -> Tensor {
        self.at_home(|| self.logits(x, hooks))
    }

    /// Computes while the parameters are gathered.
    fn at_home(&self, compute: impl FnOnce() -> Tensor) -> Tensor {
        self.residence.enter();
        let x = compute();
        self.residence.leave(&[&x]);
        x
    }

    fn bottleneck(&self, x: &Tensor, hooks: &mut Hooks) -> Tensor {
        let mut x = self.mlp[0].forward(x, hooks);
        for (i, layer) in self.mlp.iter().enumerate().skip(1) {
            x = hooks.output(format_args!("{}.mlp.{}", self.name, 2 * i - 1), gelu(&x));
            x = layer.forward(&x, hooks);
        }
        normalize(&x, if x.kind() == Kind::Half { 1e-6 } else { 1e-12 })
    }

    fn logits(&self, x: &Tensor, hooks: &mut Hooks) -> Tensor {
        self.last_layer.forward_with_input(x, hooks)
    }
}

impl Resident for DinoHead {
    fn reside(&mut self, residence: &mut dyn FnMut(&str) -> Residence) {
        self.residence = residence(&self.name);
    }
}

impl Module for DinoHead {
    fn map_tensors(&self, f: &mut dyn FnMut(&str, Role, &Tensor) -> Tensor) -> Self {
        Self {
            name: self.name.clone(),
            mlp: self.mlp.map_tensors(f),
            last_layer: self.last_layer.map_tensors(f),
            residence: self.residence.clone(),
        }
    }
}
