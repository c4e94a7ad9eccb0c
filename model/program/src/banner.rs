//! What the reference's program says before its first step, from the config: a line of the log each, in its order.
//!
//! Left out is what only a Python program has to say: its packages and paths, and the model as `torch.nn` prints it.

use dinov3_train::Trainer;
use serde_json::Value;

use crate::journal::{At, Journal};
use crate::python::{float, str, thousands};

const VIT: &str = "vision_transformer.py";
const ARCH: &str = "ssl_meta_arch.py";
const AUGMENTATIONS: &str = "augmentations.py";
const LOADERS: &str = "loaders.py";
const LOADING: &str = "Loading pretrained weights from";

/// The value at a dotted key; null where there is none.
pub fn at<'a>(config: &'a Value, key: &str) -> &'a Value {
    dinov3_config::at(config, key).unwrap_or(&Value::Null)
}

/// A config and who is told of it.
pub struct Banner<'a> {
    /// The merged config, its learning rate scaled.
    pub config: &'a Value,
    /// The log.
    pub journal: &'a Journal,
}

impl Banner<'_> {
    fn text(&self, key: &str) -> String {
        str(at(self.config, key))
    }

    fn is_true(&self, key: &str) -> bool {
        dinov3_config::holds(self.config, key)
    }

    fn say(&self, at: At, message: impl AsRef<str>) {
        self.journal.info(at, message.as_ref());
    }

    /// `OPTIONS -- {about} -- {name}: {the value of key}`, each.
    fn options(&self, about: &str, all: &[(u32, &str, &str)]) {
        for (line, name, key) in all {
            self.say((ARCH, *line), format!("OPTIONS -- {about} -- {name}: {}", self.text(key)));
        }
    }

    /// The constructors of all networks, then FSDP2's preparation; `parameters` of the student's backbone, of this width.
    pub fn networks(&self, parameters: usize, embed_dim: i64) {
        self.say(("train.py", 609), format!("Making meta arch {}", self.text("MODEL.META_ARCHITECTURE")));
        // Average, student, and the Gram teacher, which is built whether there is one or not.
        (0..3).for_each(|_| self.backbone());
        self.say((ARCH, 56), format!("Number of parameters: {parameters}"));
        self.say((ARCH, 60), format!("OPTIONS -- architecture : embed_dim: {embed_dim}"));
        self.losses();
        self.say(
            (ARCH, 132),
            format!("Student and Teacher are built: they are both {} network.", self.text("student.arch")),
        );
        if self.is_true("distillation.enabled") {
            self.say((ARCH, 264), format!("Performing distillation from {}", self.text("distillation.full_cfg_path")));
        }
        if self.is_true("gram.use_loss") {
            self.gram();
        }
        self.say(("ac_compile_parallelize.py", 52), "DISTRIBUTED FSDP -- preparing model for distributed training");
    }

    fn backbone(&self) {
        for (line, name) in [
            (116, "base"),
            (117, "min_period"),
            (118, "max_period"),
            (119, "normalize_coords"),
            (120, "shift_coords"),
            (121, "rescale_coords"),
            (122, "jitter_coords"),
        ] {
            let value = self.text(&format!("student.pos_embed_rope_{name}"));
            self.say((VIT, line), format!("using {name}={value} for rope new"));
        }
        // `student.pos_embed_rope_dtype` does not get there: the constructor's default holds.
        self.say((VIT, 123), "using dtype=bf16 for rope new");
        self.say((VIT, 137), format!("using {} layer as FFN", self.text("student.ffn_layer")));
        self.say(("__init__.py", 23), "fp8 matmuls: OFF (disabled in config)");
    }

    fn losses(&self) {
        self.say((ARCH, 65), "OPTIONS -- DINO");
        self.options(
            "DINO",
            &[
                (66, "loss_weight", "dino.loss_weight"),
                (67, "global_ignore_diagonal", "dino.global_ignore_diagonal"),
                (68, "head_n_prototypes", "dino.head_n_prototypes"),
                (69, "head_bottleneck_dim", "dino.head_bottleneck_dim"),
                (70, "head_hidden_dim", "dino.head_hidden_dim"),
                (71, "head_norm_last_layer", "dino.head_norm_last_layer"),
            ],
        );
        self.say((ARCH, 84), "OPTIONS -- KOLEO");
        self.options(
            "KOLEO",
            &[(85, "loss_weight", "dino.koleo_loss_weight"), (86, "distributed", "dino.koleo_loss_distributed")],
        );
        if self.is_true("dino.koleo_loss_distributed") {
            let group_size = "dino.koleo_distributed_loss_group_size";
            self.options("KOLEO", &[(88, "topk", "dino.koleo_topk"), (89, "distributed_loss_group_size", group_size)]);
        }
        self.say((ARCH, 103), "OPTIONS -- IBOT");
        self.options("IBOT", &[(104, "loss_weight", "ibot.loss_weight")]);
        let probability = "ibot.mask_sample_probability";
        self.options(
            "IBOT masking",
            &[
                (105, "ibot_mask_ratio_tuple", "ibot.mask_ratio_min_max"),
                (106, "ibot_mask_sample_probability", probability),
            ],
        );
        self.options(
            "IBOT",
            &[
                (112, "head_n_prototypes", "ibot.head_n_prototypes"),
                (113, "head_bottleneck_dim", "ibot.head_bottleneck_dim"),
                (114, "head_hidden_dim", "ibot.head_hidden_dim"),
                (115, "head_norm_last_layer", "ibot.head_norm_last_layer"),
            ],
        );
    }

    fn gram(&self) {
        let schedule = at(self.config, "gram.loss_weight_schedule");
        if schedule.is_object() {
            let text = "Applying gram loss weight schedule instead of `cfg.gram.loss_weight`:";
            self.say((ARCH, 201), format!("{text} {}", str(schedule)));
        }
        self.say((ARCH, 233), "OPTIONS -- GRAM");
        self.options(
            "GRAM",
            &[
                (234, "loss_weight", "gram.loss_weight"),
                (235, "ema teacher", "gram.ema_teacher"),
                (236, "ckpt", "gram.ckpt"),
            ],
        );
        if self.is_true("gram.rep_update") {
            self.options(
                "GRAM",
                &[
                    (238, "repeated update", "gram.rep_update"),
                    (239, "update freq", "gram.update_frequency"),
                    (240, "iteration first update", "gram.it_first_update"),
                ],
            );
        }
        self.options(
            "GRAM",
            &[
                (242, "tokens_used", "gram.tokens_used"),
                (243, "apply normalization", "gram.normalized"),
                (244, "img_level", "gram.img_level"),
                (245, "remove_neg", "gram.remove_neg"),
                (246, "remove_only_teacher_neg", "gram.remove_only_teacher_neg"),
            ],
        );
        for (line, name, key) in [
            (256, "student/teacher size", "crops.global_crops_size"),
            (257, "GRAM teacher size", "crops.gram_teacher_crops_size"),
            (258, "GRAM teacher resize method", "gram.global_teacher_resize_method"),
            (259, "GRAM teacher resize antialias", "gram.global_teacher_resize_antialias"),
        ] {
            self.say((ARCH, line), format!("OPTIONS -- global crops {name}: {}", self.text(key)));
        }
    }

    /// The optimizer's groups.
    pub fn groups(&self, trainer: &Trainer) {
        let fused = self.is_true("optim.multi_tensor_optim");
        for submodule in dinov3_train::SUBMODULES {
            self.say((ARCH, 779), format!("Getting paramer groups for {submodule}"));
            let prefix = format!("student.{submodule}.");
            for (name, _, multipliers) in trainer.groups() {
                if let Some(name) = name.strip_prefix(&prefix) {
                    let (lr, wd) = (float(multipliers.lr), float(multipliers.weight_decay));
                    self.say(("param_groups.py", 168), format!("{name}: lr_multiplier: {lr}, wd_multiplier: {wd}"));
                }
            }
            if fused {
                self.say((ARCH, 767), "fusing param groups");
            }
        }
    }

    /// The schedules; `global_batch` images a step over all ranks.
    pub fn schedules(&self, global_batch: f64) {
        if self.config.get("schedules").is_none() {
            return self.say(("train.py", 145), "Schedulers ready.");
        }
        self.say(("train.py", 104), "Using schedules v2");
        let iterations =
            ["train.OFFICIAL_EPOCH_LENGTH", "optim.epochs"].map(|key| at(self.config, key).as_u64().unwrap_or(0));
        self.say(("train.py", 158), format!("Total training iterations {}", iterations[0] * iterations[1]));
        let rule = self.text("optim.scaling_rule");
        let factor = match rule.as_str() {
            "linear_wrt_256" => global_batch / 256.0,
            "sqrt_wrt_1024" => 4.0 * (global_batch / 1024.0).sqrt(),
            _ => {
                let message =
                    format!("No scaling rule for cfg.optim.scaling_rule={}", crate::python::repr(&rule.into()));
                return self.say(("train.py", 176), message);
            }
        };
        let [peak, end] = ["schedules.lr.peak", "schedules.lr.end"].map(|key| {
            let scaled = at(self.config, key).as_f64().unwrap_or(f64::NAN) * factor;
            format!("{} -> {}", self.text(key), float(scaled))
        });
        let line = if rule == "linear_wrt_256" { 166 } else { 172 };
        self.say(("train.py", line), format!("Scaling rule {rule}, LR peak {peak}, LR end {end}"));
    }

    /// The files that first weights are read from, after fresh ones were drawn.
    pub fn checkpoints(&self) {
        let set = |key: &str| at(self.config, key).as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let read = |line: u32, text: &str, path: &str| {
            self.say((ARCH, line), format!("{text} {path}"));
            self.say(("checkpointer.py", 276), format!("{LOADING} {path}"));
        };
        if let Some(path) = set("gram.ckpt").filter(|_| self.is_true("gram.use_loss")) {
            read(306, LOADING, &path);
        }
        if let Some(path) = set("student.resume_from_teacher_chkpt") {
            read(325, LOADING, &path);
        }
        if self.is_true("distillation.enabled") {
            match set("distillation.checkpoint_path").as_deref() {
                Some("ignore") => self.say((ARCH, 344), "Init teacher to distil from, used for testing purpose only"),
                Some(path) => read(336, "Loading teacher to distil from :", path),
                None => {}
            }
        }
    }

    /// The loaders of all resolutions of a dataset of so many images.
    pub fn loaders(&self, images: usize) {
        let list = |key: &str| match at(self.config, key) {
            Value::Array(items) => items.clone(),
            one => vec![one.clone()],
        };
        let [globals, locals, grams] = ["global_crops_size", "local_crops_size", "gram_teacher_crops_size"]
            .map(|key| list(&format!("crops.{key}")));
        for ((global, local), gram) in globals.iter().zip(&locals).zip(&grams) {
            self.augmentation([global, local, gram]);
            self.say((LOADERS, 96), format!("using dataset: \"{}\"", self.text("train.dataset_path")));
            self.say((LOADERS, 101), format!("# of dataset samples: {}", thousands(images)));
            match self.is_true("train.cache_dataset") {
                true => self.say((LOADERS, 136), "sampler: sharded infinite"),
                false => self.say((LOADERS, 126), "sampler: infinite"),
            }
            self.say((LOADERS, 220), "using PyTorch data loader");
            self.say((LOADERS, 236), "infinite data loader");
        }
        if globals.len() > 1 {
            self.say(("meta_loaders.py", 47), "Initialize CDL MultiResDL with seed=65537");
        }
    }

    fn augmentation(&self, [global, local, gram]: [&Value; 3]) {
        const RULER: &str = "###################################";
        self.say((AUGMENTATIONS, 50), RULER);
        self.say((AUGMENTATIONS, 51), "Using data augmentation parameters:");
        for (line, name, value) in [
            (52, "global_crops_scale", self.text("crops.global_crops_scale")),
            (53, "local_crops_scale", self.text("crops.local_crops_scale")),
            (54, "local_crops_number", self.text("crops.local_crops_number")),
            (55, "global_crops_size", str(global)),
            (56, "local_crops_size", str(local)),
            (57, "gram_crops_size", str(gram)),
            (58, "gram_teacher_no_distortions", self.text("crops.gram_teacher_no_distortions")),
            // Neither gets there: the constructor's defaults hold.
            (59, "teacher_no_color_jitter", "False".to_owned()),
            (60, "local_crops_subset_of_global_crops", self.text("crops.localcrops_subset_of_globalcrops")),
            (61, "patch_size if local_crops_subset_of_global_crops", "16".to_owned()),
            (62, "share_color_jitter", self.text("crops.share_color_jitter")),
            (63, "horizontal flips", self.text("crops.horizontal_flips")),
        ] {
            self.say((AUGMENTATIONS, line), format!("{name}: {value}"));
        }
        self.say((AUGMENTATIONS, 64), RULER);
    }
}
