//! AdamW (Loshchilov and Hutter, 2019) as `torch.optim.AdamW` steps it on the groups that the reference makes.

use dinov3_torch::device::{HOST, beside};
use dinov3_torch::shim::{self, AdamWStep, AdamWTensors, ShimError};
use tch::{Kind, Tensor, no_grad};

use super::Multipliers;
use crate::schedule::Settings;

/// `eps` of `torch.optim.AdamW`.
pub const EPS: f64 = 1e-8;

/// One parameter and its moments.
#[derive(Debug)]
pub struct Slot {
    /// The parameter, fp32 (float64 for the truth).
    pub param: Tensor,
    /// The multipliers of learning rate and weight decay.
    pub multipliers: Multipliers,
    /// First moment; zero until the first step.
    pub exp_avg: Tensor,
    /// Second moment.
    pub exp_avg_sq: Tensor,
    /// The number of steps: fp32, without dimensions, on the parameter's device, as the fused kernel needs it.
    pub steps: Tensor,
}

/// The optimizer of all of the student's parameters.
#[derive(Debug)]
pub struct AdamW {
    slots: Vec<Slot>,
    /// Indices of the slots that share learning rate and weight decay: `fuse_params_groups`.
    groups: Vec<Vec<usize>>,
    betas: (f64, f64),
    fused: bool,
}

impl AdamW {
    /// An optimizer for `parameters` with their multipliers, in the reference's order. With `fused`, the fused kernel steps groups of equal
    /// multipliers. Otherwise parameters are stepped one after another, as with `optim.multi_tensor_optim: false`.
    pub fn new(parameters: Vec<(Tensor, Multipliers)>, betas: (f64, f64), fused: bool) -> Self {
        let slot = |(param, multipliers): (Tensor, Multipliers)| Slot {
            exp_avg: param.zeros_like().set_requires_grad(false),
            exp_avg_sq: param.zeros_like().set_requires_grad(false),
            steps: beside(&Tensor::zeros([0i64; 0], (Kind::Float, HOST)), &param),
            param,
            multipliers,
        };
        let slots: Vec<Slot> = parameters.into_iter().map(slot).collect();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (i, slot) in slots.iter().enumerate() {
            let same = |group: &&mut Vec<usize>| slots[group[0]].multipliers == slot.multipliers;
            match groups.iter_mut().find(same).filter(|_| fused) {
                Some(group) => group.push(i),
                None => groups.push(vec![i]),
            }
        }
        Self { slots, groups, betas, fused }
    }

    /// Parameters and moments, in order.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Takes one step with `grads`, one per slot. A parameter without a gradient keeps its value and its moments.
    ///
    /// # Errors
    /// If libtorch throws.
    pub fn step(&self, grads: &[Option<Tensor>], settings: &Settings) -> Result<(), ShimError> {
        no_grad(|| {
            self.groups.iter().try_for_each(|group| {
                let with_grad = |i: &usize| grads[*i].as_ref().map(|grad| (&self.slots[*i], grad));
                let stepped: Vec<(&Slot, &Tensor)> = group.iter().filter_map(with_grad).collect();
                let Some((first, _)) = stepped.first() else { return Ok(()) };
                let step = self.hyperparameters(first.multipliers, settings);
                if self.fused {
                    fused(&stepped, step)
                } else {
                    stepped.iter().try_for_each(|(slot, grad)| single(slot, grad, step))
                }
            })
        })
    }

    /// `apply_optim_scheduler` for one group.
    fn hyperparameters(&self, multipliers: Multipliers, settings: &Settings) -> AdamWStep {
        let lr = if multipliers.is_last_layer { settings.last_layer_lr } else { settings.lr };
        AdamWStep {
            lr: lr * multipliers.lr,
            beta1: self.betas.0,
            beta2: self.betas.1,
            weight_decay: settings.weight_decay * multipliers.weight_decay,
            eps: EPS,
        }
    }
}

fn fused(stepped: &[(&Slot, &Tensor)], step: AdamWStep) -> Result<(), ShimError> {
    let all =
        |f: fn(&Slot) -> &Tensor| -> Vec<Tensor> { stepped.iter().map(|(slot, _)| f(slot).shallow_clone()).collect() };
    let steps = all(|slot| &slot.steps);
    for count in &steps {
        let _ = count.shallow_clone().g_add_scalar_(1.0);
    }
    let grads: Vec<Tensor> = stepped.iter().map(|(_, grad)| grad.shallow_clone()).collect();
    let tensors = AdamWTensors {
        params: &all(|slot| &slot.param),
        grads: &grads,
        exp_avgs: &all(|slot| &slot.exp_avg),
        exp_avg_sqs: &all(|slot| &slot.exp_avg_sq),
        steps: &steps,
    };
    shim::fused_adamw_(tensors, step)
}

/// `torch.optim.adam._single_tensor_adam`, which PyTorch uses for an unfused group on a CPU.
fn single(slot: &Slot, grad: &Tensor, step: AdamWStep) -> Result<(), ShimError> {
    let AdamWStep { lr, beta1, beta2, weight_decay, eps } = step;
    let [mut param, mut exp_avg, mut exp_avg_sq, mut steps] =
        [&slot.param, &slot.exp_avg, &slot.exp_avg_sq, &slot.steps].map(Tensor::shallow_clone);
    let _ = steps.g_add_scalar_(1.0);
    let count = steps.double_value(&[]);
    let _ = param.g_mul_scalar_(1.0 - lr * weight_decay);
    let _ = exp_avg.lerp_(grad, 1.0 - beta1);
    let _ = exp_avg_sq.g_mul_scalar_(beta2);
    shim::addcmul_(&exp_avg_sq, grad, grad, 1.0 - beta2)?;
    let step_size = lr / (1.0 - beta1.powf(count));
    let root_of_correction = (1.0 - beta2.powf(count)).powf(0.5);
    let denominator = exp_avg_sq.sqrt().g_div_scalar_(root_of_correction).g_add_scalar_(eps);
    shim::addcdiv_(&param, &exp_avg, &denominator, -step_size)
}
