//! The registry: one row per defect. The help, the table of `run --plant help` and the tests follow from it.

use dinov3_golden::Stage;

use super::CaughtBy::{Checks, Tensor};
use super::How::{Config, Group, Hook, Operands, Parts};
use super::caught::{at_bf16, in_training, layers, training};
use super::{Defect, Site, block, caught, collectives, step};

/// Every collective of `reduce-op` at every dtype.
const ALL: &[&str] = &[
    "all_reduce/f64",
    "all_reduce/f32",
    "all_reduce/f16",
    "all_reduce/bf16",
    "reduce_scatter/f64",
    "reduce_scatter/f32",
    "reduce_scatter/f16",
    "reduce_scatter/bf16",
];

const fn checks(red: &'static [&'static str], finding: &'static str) -> super::CaughtBy {
    Checks(caught::Checks { red, finding })
}

/// All defects, in the order of their names on the command line.
pub const DEFECTS: &[Defect] = &[
    Defect {
        name: "gelu-tanh",
        breaks: "GELU is its tanh approximation in place of the exact one",
        site: Site::Block,
        how: Hook(block::gelu_tanh),
        caught_by: Tensor(layers("micro", "teacher.backbone.blocks.1.mlp.act").elsewhere(&[at_bf16("micro", None)])),
    },
    Defect {
        name: "layer-norm-eps",
        breaks: "norms add the other epsilon: 1e-5 for 1e-6, or the reverse",
        site: Site::Block,
        how: Operands(&["norm1:eps", "norm2:eps"], |eps| if eps == 1e-6 { 1e-5 } else { 1e-6 }),
        caught_by: Tensor(layers("micro", "teacher.backbone.blocks.1.norm1").elsewhere(&[at_bf16("micro", None)])),
    },
    Defect {
        name: "rope-on-prefix",
        breaks: "RoPE rotates the prefix tokens (CLS and storage) too",
        site: Site::Block,
        how: Hook(block::rope_on_prefix),
        caught_by: Tensor(
            layers("opt_storage", "teacher.backbone.blocks.1.attn.apply_rope:0")
                .elsewhere(&[at_bf16("opt_storage", Some("teacher.backbone.blocks.1.attn.apply_rope:0"))]),
        ),
    },
    Defect {
        name: "rope-fp32",
        breaks: "RoPE's tables and rotation are fp32 in place of `pos_embed_rope_dtype`",
        site: Site::Block,
        how: Hook(block::rope_fp32),
        caught_by: Tensor(
            layers("micro", "teacher.backbone.rope_embed#1:0")
                .elsewhere(&[at_bf16("opt_storage", Some("teacher.backbone.rope_embed#1:0"))]),
        ),
    },
    Defect {
        name: "no-k-bias-mask",
        breaks: "`mask_k_bias` goes without its mask: the keys keep their bias",
        site: Site::Block,
        how: Operands(&["attn.qkv:bias_mask"], |_| 1.0),
        caught_by: Tensor(
            layers("opt_storage", "teacher.backbone.blocks.1.attn.qkv")
                .elsewhere(&[at_bf16("opt_storage", Some("teacher.backbone.blocks.1.attn.qkv"))]),
        ),
    },
    Defect {
        name: "swapped-qkv",
        breaks: "queries and keys are taken from the qkv projection in the wrong order",
        site: Site::Block,
        how: Hook(block::swapped_qkv),
        caught_by: Tensor(layers("micro", "teacher.backbone.blocks.1.attn.apply_rope:0").elsewhere(&[
            at_bf16("opt_storage", Some("teacher.backbone.blocks.1.attn.apply_rope:0")),
            // A wrong loss; the suite `layers` says which layer.
            in_training("train_micro_1", "sinkhorn:dino"),
        ])),
    },
    Defect {
        name: "no-layer-scale",
        breaks: "LayerScale is left out of the attention and MLP branches",
        site: Site::Block,
        how: Operands(&["ls1:gamma", "ls2:gamma"], |_| 1.0),
        caught_by: Tensor(
            layers("micro", "teacher.backbone.blocks.1.ls1")
                .elsewhere(&[at_bf16("opt_storage", Some("teacher.backbone.blocks.1.ls1"))]),
        ),
    },
    Defect {
        name: "stochastic-depth-scale",
        breaks: "stochastic depth adds the kept branches without the scale that makes up for the dropped ones",
        site: Site::Block,
        how: Operands(&[":residual_scale"], |_| 1.0),
        caught_by: Tensor(layers("micro", "student.backbone.blocks.1.norm2:in")),
    },
    Defect {
        name: "ema-without-student",
        breaks: "the teacher's moving average only decays: the published Ascend port adds the student into a list that nobody reads",
        site: Site::Step,
        how: Operands(&["average:student"], |_| 0.0),
        caught_by: Tensor(training("train_micro", Stage::Ema, "param:teacher.backbone.cls_token")),
    },
    Defect {
        name: "weight-decay-on-biases",
        breaks: "biases decay like weights",
        site: Site::Step,
        how: Parts(step::weight_decay_on_biases),
        caught_by: Tensor(
            training("train_micro_10", Stage::Optimizer, "groups:wd_multiplier")
                .also(&["param:student.backbone.blocks.1.mlp.fc1.bias", "param:student.dino_head.mlp.0.bias"]),
        ),
    },
    Defect {
        name: "gradient-averaged",
        breaks: "gradients are averaged over the ranks, where the reference sums them",
        site: Site::Step,
        how: Hook(step::gradient_averaged),
        // The gradient that the backward pass completes first.
        caught_by: Tensor(training("train_ranks", Stage::Backward, "grad:student.dino_head.last_layer.weight")),
    },
    Defect {
        name: "clip-all-together",
        breaks: "gradients are clipped by the norm of all of them, not a submodule at a time",
        site: Site::Step,
        how: Hook(step::clip_all_together),
        caught_by: Tensor(
            training("train_micro", Stage::Optimizer, "grad_norm:backbone")
                .also(&["exp_avg:student.backbone.cls_token", "exp_avg_sq:student.backbone.cls_token"]),
        ),
    },
    Defect {
        name: "last-layer-not-frozen",
        breaks: "the prototypes learn from the first step on",
        site: Site::Step,
        how: Config(step::last_layer_not_frozen),
        // The curve shows it before the step does.
        caught_by: Tensor(
            training("train_micro_10", Stage::Schedule, "schedule:last_layer_lr")
                .also(&["param:student.dino_head.last_layer.weight", "param:student.ibot_head.last_layer.weight"]),
        ),
    },
    Defect {
        name: "two-sinkhorn-iterations",
        breaks: "Sinkhorn-Knopp goes two rounds in place of three",
        site: Site::Step,
        how: Operands(&["sinkhorn:iterations"], |_| 2.0),
        // Fresh prototypes make even assignments, which a third round hardly changes: those of the CLS tokens by less than rounding.
        caught_by: Tensor(training("train_micro", Stage::Loss, "sinkhorn:ibot").by_bits("sinkhorn:dino")),
    },
    Defect {
        name: "koleo-not-normalised",
        breaks: "KoLeo is computed on features that are not on the unit sphere",
        site: Site::Step,
        how: Hook(step::koleo_not_normalised),
        caught_by: Tensor(training("train_micro", Stage::Loss, "loss:koleo_loss")),
    },
    Defect {
        name: "ibot-divided-by-masked-images",
        breaks: "iBOT's loss is divided by the images that have a mask, not by all",
        site: Site::Step,
        how: Hook(step::ibot_divided_by_masked_images),
        caught_by: Tensor(training("train_micro", Stage::Loss, "loss:ibot_loss")),
    },
    Defect {
        name: "constant-teacher-temperature",
        breaks: "the teacher's temperature has no warm-up",
        site: Site::Step,
        how: Config(step::constant_teacher_temperature),
        caught_by: Tensor(training("train_micro", Stage::Schedule, "schedule:teacher_temp").also(&[
            "sinkhorn:dino",
            "sinkhorn:ibot",
            "loss:ibot_loss",
        ])),
    },
    Defect {
        name: "float32-metric-totals",
        breaks: "the sums behind logged averages are float32, as in the published Ascend port",
        site: Site::Step,
        how: Group(collectives::float32_totals),
        // The meters are fed with the recorded values of all steps, so they are judged by the bits on every machine.
        caught_by: Tensor(training("train_micro", Stage::Trajectory, "metric:total_loss")),
    },
    Defect {
        name: "weight-decay-on-untied-norms",
        breaks: "the norm of the CLS tokens of local crops decays like a weight",
        site: Site::Step,
        how: Parts(step::weight_decay_on_untied_norms),
        caught_by: Tensor(training("train_options", Stage::Optimizer, "groups:wd_multiplier")),
    },
    Defect {
        name: "no-longer-curve",
        breaks: "curves end with the run although `schedule_trunc_extra` makes them longer",
        site: Site::Step,
        how: Config(step::no_longer_curve),
        caught_by: Tensor(training("train_plain", Stage::Schedule, "schedule:lr")),
    },
    Defect {
        name: "koleo-of-one-image-is-nothing",
        breaks: "KoLeo is 0 for an image that has no neighbour, which the reference holds against itself",
        site: Site::Step,
        how: Hook(step::koleo_of_one_image_is_nothing),
        caught_by: Tensor(training("train_alone", Stage::Loss, "loss:koleo_loss")),
    },
    Defect {
        name: "koleo-without-groups",
        breaks: "KoLeo finds neighbours over all ranks, whatever `koleo_distributed_loss_group_size` says",
        site: Site::Step,
        how: Config(step::koleo_without_groups),
        caught_by: Tensor(training("train_ranks_v2", Stage::Loss, "loss:koleo_loss")),
    },
    Defect {
        name: "gram-divided-by-ranks",
        breaks: "the Gram loss is divided by the ranks, as if its gradients were summed",
        site: Site::Step,
        how: Hook(step::gram_divided_by_ranks),
        caught_by: Tensor(training("train_ranks_gram", Stage::Loss, "loss:gram_loss")),
    },
    Defect {
        name: "targets-divided-by-ranks",
        breaks: "a frozen teacher's targets are divided by the ranks, as if they were summed over them",
        site: Site::Step,
        how: Hook(step::targets_divided_by_ranks),
        caught_by: Tensor(training("train_ranks_distill", Stage::Loss, "sinkhorn:dino")),
    },
    Defect {
        name: "other-draws-on-other-ranks",
        breaks: "ranks other than the first draw more numbers than the reference's do",
        site: Site::Step,
        how: Group(collectives::draws_aside),
        caught_by: Tensor(training("train_ranks_draws", Stage::Backward, "grad:student.dino_head.last_layer.weight")),
    },
    Defect {
        name: "global-batch-on-each-rank",
        breaks: "each rank of several students counts the images of all as its own, by which the learning rate is scaled",
        site: Site::Step,
        how: Config(step::global_batch_on_each_rank),
        caught_by: Tensor(training("train_students", Stage::Schedule, "schedule:lr")),
    },
    Defect {
        name: "premul-ignored",
        breaks: "PREMUL_SUM ignores its factor, as c10d's Gloo does in `reduce_scatter`",
        site: Site::Collectives,
        how: Group(collectives::premul_ignored),
        caught_by: checks(ALL, "PREMUL_SUM(1/2), world 1, whole numbers (1 element)"),
    },
    Defect {
        name: "premul-twice",
        breaks: "PREMUL_SUM applies its factor twice",
        site: Site::Collectives,
        how: Group(collectives::premul_twice),
        caught_by: checks(ALL, "PREMUL_SUM(1/2), world 1, whole numbers (1 element)"),
    },
    Defect {
        name: "premul-bf16-zeros",
        breaks: "PREMUL_SUM gives zeros for bf16 tensors and factors that are powers of two, as NCCL has been reported to",
        site: Site::Collectives,
        how: Group(collectives::premul_bf16_zeros),
        caught_by: checks(
            &["all_reduce/bf16", "reduce_scatter/bf16"],
            "PREMUL_SUM(1/2), world 1, whole numbers (1 element)",
        ),
    },
    Defect {
        name: "avg-for-sum",
        breaks: "AVG stands for SUM and PREMUL_SUM(1)",
        site: Site::Collectives,
        how: Group(collectives::avg_for_sum),
        caught_by: checks(ALL, "SUM, world 2, whole numbers (1 element)"),
    },
    Defect {
        name: "wrong-chunk",
        breaks: "`reduce_scatter` gives the next rank's chunk",
        site: Site::Collectives,
        how: Group(collectives::wrong_chunk),
        caught_by: checks(
            &["reduce_scatter/f64", "reduce_scatter/f32", "reduce_scatter/f16", "reduce_scatter/bf16"],
            "SUM, world 2, whole numbers (1 element)",
        ),
    },
    Defect {
        name: "lost-element",
        breaks: "the last element of a tensor of an odd length stays what it was on each rank",
        site: Site::Collectives,
        how: Group(collectives::lost_element),
        // Lost under every factor; where there is one element, it is all there is.
        caught_by: checks(ALL, "SUM, world 2, whole numbers (1 element)"),
    },
    Defect {
        name: "bf16-accumulation",
        breaks: "fp32 tensors are summed in bf16",
        site: Site::Collectives,
        how: Group(collectives::bf16_accumulation),
        caught_by: checks(&["all_reduce/f32", "reduce_scatter/f32"], "SUM, world 1, whole numbers (1 element)"),
    },
];
