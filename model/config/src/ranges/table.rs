//! The table of ranges.
//!
//! The limits of this harness are 64 times the largest value of any published config, or more.

use super::{Range, Read};

/// The longest curve, in iterations: a gigabyte of float64. The published runs have at most 1.2 million.
pub const MOST_ITERATIONS: usize = 1 << 27;

/// The longest side of a crop in pixels: 200 megabytes of float32. The published configs have at most 1152.
const MOST_PIXELS: usize = 4096;

const NONE: f64 = f64::INFINITY;

const LIMIT: &str = "a limit of this harness, 64 times the largest published value";
const WIDTH: &str = "a width of a layer";
const SHARE: &str = "a share";
const FINITE: &str = "a number of float32";
const EPOCHS: &str = "the curves hold a value for each iteration, at most 134217728";
const FROM_ZERO: &str = "NumPy takes a negative count from the end, or refuses it";
const DIVISOR: &str = "the reference takes the remainder of a division by it";
const CROP: &str =
    "the side of a square in pixels, at least the reach of a blur of 9x9, at most a limit of this harness";
const LARGEST: f64 = f32::MAX as f64;

const fn from(key: &'static str, least: f64, most: f64, why: &'static str) -> Range {
    Range { key, least, above: false, most, why, read: Read::Always }
}

const fn above(key: &'static str, least: f64, most: f64, why: &'static str) -> Range {
    Range { key, least, above: true, most, why, read: Read::Always }
}

/// Any number that fits float32, which the reference's tensors hold.
const fn finite(key: &'static str) -> Range {
    from(key, -LARGEST, LARGEST, FINITE)
}

impl Range {
    const fn with(self, key: &'static str) -> Self {
        Self { read: Read::With(key), ..self }
    }

    const fn v1(self) -> Self {
        Self { read: Read::V1, ..self }
    }

    const fn v2(self) -> Self {
        Self { read: Read::V2, ..self }
    }
}

const ITERATIONS: f64 = MOST_ITERATIONS as f64;
const REWEIGHT: &str = "dino.reweight_dino_local_loss";
const KOLEO: &str = "dino.koleo_loss_distributed";
const GRAM: &str = "gram.use_loss";
const GRAM_CURVE: &str = "gram.loss_weight_schedule";
const UPDATES: &str = "gram.rep_update";
const STUDENTS: &str = "multidistillation.enabled";

/// The ranges, in the order of the defaults.
pub(super) const RANGES: &[Range] = &[
    finite("dino.loss_weight"),
    from("dino.head_n_prototypes", 1.0, 16_777_216.0, WIDTH),
    from("dino.head_bottleneck_dim", 1.0, 32_768.0, WIDTH),
    from("dino.head_nlayers", -NONE, 192.0, LIMIT),
    from("dino.head_hidden_dim", 1.0, 524_288.0, WIDTH),
    finite("dino.koleo_loss_weight"),
    from("dino.koleo_topk", 1.0, 16_777_216.0, "the number of nearest neighbours").with(KOLEO),
    from("dino.koleo_distributed_loss_group_size", 1.0, 16_777_216.0, "a number of images").with(KOLEO),
    finite("dino.local_loss_weight_schedule.start").with(REWEIGHT),
    finite("dino.local_loss_weight_schedule.peak").with(REWEIGHT),
    finite("dino.local_loss_weight_schedule.end").with(REWEIGHT),
    from("dino.local_loss_weight_schedule.warmup_epochs", 0.0, ITERATIONS, EPOCHS).with(REWEIGHT),
    from("dino.local_loss_weight_schedule.cosine_epochs", 0.0, ITERATIONS, EPOCHS).with(REWEIGHT),
    finite("ibot.loss_weight"),
    from("ibot.mask_sample_probability", 0.0, 1.0, "the reference asserts it"),
    from("ibot.mask_ratio_min_max", 0.0, 1.0, "the reference asserts it"),
    from("ibot.head_n_prototypes", 1.0, 16_777_216.0, WIDTH),
    from("ibot.head_bottleneck_dim", 1.0, 32_768.0, WIDTH),
    from("ibot.head_nlayers", -NONE, 192.0, LIMIT),
    from("ibot.head_hidden_dim", 1.0, 524_288.0, WIDTH),
    finite("gram.loss_weight").with(GRAM),
    from("gram.update_frequency", 1.0, NONE, DIVISOR).with(UPDATES),
    finite("gram.loss_weight_schedule.start").with(GRAM_CURVE),
    finite("gram.loss_weight_schedule.peak").with(GRAM_CURVE),
    finite("gram.loss_weight_schedule.end").with(GRAM_CURVE),
    from("gram.loss_weight_schedule.warmup_epochs", 0.0, ITERATIONS, EPOCHS).with(GRAM_CURVE),
    from("gram.loss_weight_schedule.cosine_epochs", 0.0, ITERATIONS, EPOCHS).with(GRAM_CURVE),
    from("train.batch_size_per_gpu", 1.0, 65_536.0, "images of a rank; the most is a limit of this harness"),
    from("train.seed", 0.0, 4_611_686_018_427_387_904.0, "the seed of an epoch is a sum that must fit 64 bits"),
    from("train.num_workers", 0.0, 4096.0, "threads; the most is a limit of this harness"),
    from("train.OFFICIAL_EPOCH_LENGTH", 1.0, ITERATIONS, EPOCHS),
    from("student.patch_size", 1.0, 1024.0, "the side of a patch in pixels"),
    from("student.drop_path_rate", 0.0, 1.0, SHARE),
    finite("student.layerscale"),
    from("student.n_storage_tokens", 0.0, 256.0, LIMIT),
    above("student.pos_embed_rope_base", 0.0, LARGEST, "periods are its powers"),
    above("student.pos_embed_rope_min_period", 0.0, LARGEST, "angles are divided by periods"),
    above("student.pos_embed_rope_max_period", 0.0, LARGEST, "angles are divided by periods"),
    from("student.pos_embed_rope_shift_coords", 0.0, 1e38, "a draw from ± this value, within bfloat16"),
    from("student.pos_embed_rope_jitter_coords", 1.0, 1e38, "the logarithm of a draw lies between ± its own"),
    from("student.pos_embed_rope_rescale_coords", 1.0, 1e38, "the logarithm of a draw lies between ± its own"),
    finite("teacher.momentum_teacher").v1(),
    finite("teacher.final_momentum_teacher").v1(),
    above("teacher.warmup_teacher_temp", 0.0, LARGEST, "the teacher's logits are divided by it").v1(),
    above("teacher.teacher_temp", 0.0, LARGEST, "the teacher's logits are divided by it").v1(),
    from("teacher.warmup_teacher_temp_epochs", 0.0, ITERATIONS, EPOCHS).v1(),
    from("multidistillation.global_batch_size", 1.0, 16_777_216.0, "images of all ranks").with(STUDENTS),
    from("optim.epochs", 1.0, ITERATIONS, EPOCHS),
    finite("optim.weight_decay").v1(),
    finite("optim.weight_decay_end").v1(),
    finite("optim.lr").v1(),
    from("optim.warmup_epochs", 0.0, ITERATIONS, EPOCHS).v1(),
    finite("optim.min_lr").v1(),
    from("optim.schedule_trunc_extra", 0.0, ITERATIONS, "with less, the reference draws a curve that is too short")
        .v1(),
    finite("optim.clip_grad"),
    from("optim.freeze_last_layer_epochs", 0.0, ITERATIONS, FROM_ZERO).v1(),
    finite("optim.patch_embed_lr_mult"),
    finite("optim.dino_head_wd_multiplier"),
    finite("optim.layerwise_decay"),
    Range { most: 1.0 - f64::EPSILON / 2.0, ..from("optim.adamw_beta1", 0.0, 1.0, "AdamW takes 0 to just below 1") },
    Range { most: 1.0 - f64::EPSILON / 2.0, ..from("optim.adamw_beta2", 0.0, 1.0, "AdamW takes 0 to just below 1") },
    from("crops.global_crops_scale", 0.0, LARGEST, "a share of the image's area"),
    from(
        "crops.local_crops_number",
        1.0,
        512.0,
        "the reference asserts that it is above zero; the most is 64 times the largest published value",
    ),
    from("crops.local_crops_scale", 0.0, LARGEST, "a share of the image's area"),
    from("crops.global_crops_size", 5.0, MOST_PIXELS as f64, CROP),
    from("crops.local_crops_size", 5.0, MOST_PIXELS as f64, CROP),
    from("crops.gram_teacher_crops_size", 5.0, MOST_PIXELS as f64, CROP),
    finite("crops.rgb_mean"),
    above("crops.rgb_std", 0.0, LARGEST, "pixels are divided by it"),
    from("checkpointing.period", 1.0, NONE, DIVISOR),
    from("checkpointing.keep_every", 1.0, NONE, DIVISOR),
    finite("schedules.lr.start").v2(),
    finite("schedules.lr.peak").v2(),
    finite("schedules.lr.end").v2(),
    from("schedules.lr.warmup_epochs", 0.0, ITERATIONS, EPOCHS).v2(),
    from("schedules.lr.cosine_epochs", 0.0, ITERATIONS, EPOCHS).v2(),
    from("schedules.lr.freeze_last_layer_epochs", 0.0, ITERATIONS, FROM_ZERO).v2(),
    finite("schedules.weight_decay.start").v2(),
    finite("schedules.weight_decay.peak").v2(),
    finite("schedules.weight_decay.end").v2(),
    from("schedules.weight_decay.warmup_epochs", 0.0, ITERATIONS, EPOCHS).v2(),
    from("schedules.weight_decay.cosine_epochs", 0.0, ITERATIONS, EPOCHS).v2(),
    finite("schedules.momentum.start").v2(),
    finite("schedules.momentum.peak").v2(),
    finite("schedules.momentum.end").v2(),
    from("schedules.momentum.warmup_epochs", 0.0, ITERATIONS, EPOCHS).v2(),
    from("schedules.momentum.cosine_epochs", 0.0, ITERATIONS, EPOCHS).v2(),
    above("schedules.teacher_temp.start", 0.0, LARGEST, "the teacher's logits are divided by it").v2(),
    above("schedules.teacher_temp.peak", 0.0, LARGEST, "the teacher's logits are divided by it").v2(),
    above("schedules.teacher_temp.end", 0.0, LARGEST, "the teacher's logits are divided by it").v2(),
    from("schedules.teacher_temp.warmup_epochs", 0.0, ITERATIONS, EPOCHS).v2(),
    from("schedules.teacher_temp.cosine_epochs", 0.0, ITERATIONS, EPOCHS).v2(),
];
