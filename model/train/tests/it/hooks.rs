//! What hooks do to a step. That observing changes no bit is in `forward.rs` and `training.rs`.

use std::sync::Arc;

use dinov3_config::SslConfig;
use dinov3_ranks::Alone;
use dinov3_torch::runtime;
use dinov3_train::Trainer;
use dinov3_vit::hook::{Hook, Hooks};
use dinov3_vit::meta_arch::Batch;

use dinov3_torch::device::Device;
use serde_json::{Value, json};
use tch::{Kind, Tensor};

use crate::fixture::{batch, merged_config, stream};

/// With everything that a step can show: stochastic depth, storage tokens, LayerScale, a mask of the keys' bias, and a Gram loss.
fn config() -> Value {
    let mut config = merged_config();
    config["gram"]["use_loss"] = json!(true);
    config["gram"]["ema_teacher"] = json!(true);
    config["gram"]["it_load_ema_teacher"] = json!(0);
    config["gram"]["rep_update"] = json!(false);
    config
}

/// What one step leaves behind: what it logged, then weights and moments.
fn after_a_step(kind: Kind, batch: Batch, hook: &mut dyn Hook) -> Vec<Tensor> {
    let config = SslConfig::from_merged(&config()).unwrap();
    let mut trainer = Trainer::new(&config, kind, Device::Cpu, Arc::new(Alone)).unwrap();
    runtime::manual_seed(0);
    trainer.init_weights();
    trainer.warm(0.02);
    runtime::manual_seed(2);
    let log = trainer.step(&batch, 60, &mut Hooks::to(hook)).unwrap();
    let mut left = vec![Tensor::from_slice(&log.metrics.iter().map(|(_, value)| *value).collect::<Vec<_>>())];
    trainer.show_final(&mut Hooks::to(&mut |_: &str, value: &Tensor| left.push(value.copy()))).unwrap();
    left
}

/// `student.backbone.blocks.0.mlp.act#1` and `student.backbone.blocks.1.mlp.act` are of one kind.
fn kind_of(name: &str) -> String {
    let counted: String = name.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    counted.replace("#0", "")
}

/// Notes one name of each kind.
#[derive(Default)]
struct Names(Vec<(String, String)>);

impl Names {
    fn note(&mut self, name: &str) -> Option<Tensor> {
        let kind = kind_of(name);
        if self.0.iter().all(|(it, _)| *it != kind) {
            self.0.push((kind, name.to_owned()));
        }
        None
    }
}

impl Hook for Names {
    fn tensor(&mut self, name: &str, _: &Tensor) -> Option<Tensor> {
        self.note(name)
    }

    fn operand(&mut self, name: &str, _: &Tensor) -> Option<Tensor> {
        self.note(name)
    }
}

/// Puts another tensor in the place of one.
struct Changed<'a>(&'a str);

impl Changed<'_> {
    fn change(&self, name: &str, value: &Tensor) -> Option<Tensor> {
        let changed = || match value.kind() {
            Kind::Bool => value.logical_not(),
            Kind::Int64 => value.roll(1, 0),
            _ => value * 1.5 + 0.01,
        };
        (name == self.0).then(changed)
    }
}

impl Hook for Changed<'_> {
    fn tensor(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        self.change(name, value)
    }

    fn operand(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        self.change(name, value)
    }
}

/// What a step computes and uses for nothing: features that no loss is of, and the mask token where nothing is masked.
const UNUSED: [&str; 7] = [
    "teacher.backbone:x_storage_tokens",
    "teacher.backbone:x_prenorm",
    "teacher.backbone:mask_token",
    "student.backbone:0.x_storage_tokens",
    "student.backbone:0.x_prenorm",
    "student.backbone:1.x_storage_tokens",
    "student.backbone:1.x_norm_patchtokens",
];

/// Whatever a step shows, of every kind: with another tensor in its place, the step leaves something else behind.
///
/// Seen red: a tensor that is shown where what comes back is dropped (`attn.proj:in`).
#[test]
fn what_comes_back_is_what_computes_on() {
    let _stream = stream();
    // In mixed precision weights are rows of a unit, also on one rank: of what is shown there, the rows are of interest.
    let of_rows =
        |name: &str| ["grad", "exp_avg", "exp_avg_sq", "param"].contains(&name.split(':').next().unwrap_or(name));
    for kind in [Kind::Float, Kind::BFloat16] {
        let mut names = Names::default();
        let plain = after_a_step(kind, batch(), &mut names);
        assert!(names.0.len() > 120, "{} kinds were shown", names.0.len());
        let mut unchanged = Vec::new();
        for (_, name) in &names.0 {
            if kind == Kind::BFloat16 && !of_rows(name) {
                continue;
            }
            if after_a_step(kind, batch(), &mut Changed(name)) == plain && !UNUSED.contains(&name.as_str()) {
                unchanged.push(name.as_str());
            }
        }
        assert!(unchanged.is_empty(), "{kind:?}: nothing computes on what comes back for {unchanged:?}");
    }
}

/// Of two factors of an average one is put to zero: it then only shrinks.
#[test]
fn an_operand_of_the_average_is_what_it_is_computed_with() {
    struct WithoutStudent;
    impl Hook for WithoutStudent {
        fn tensor(&mut self, _: &str, _: &Tensor) -> Option<Tensor> {
            None
        }

        fn operand(&mut self, name: &str, _: &Tensor) -> Option<Tensor> {
            (name == "average:student").then(|| Tensor::from(0.0))
        }
    }
    let _stream = stream();
    let run = |hook: &mut dyn Hook| {
        let config = SslConfig::from_merged(&merged_config()).unwrap();
        let mut trainer = Trainer::new(&config, Kind::Float, Device::Cpu, Arc::new(Alone)).unwrap();
        runtime::manual_seed(0);
        trainer.init_weights();
        runtime::manual_seed(2);
        for it in 60..70 {
            trainer.step(&batch(), it, &mut Hooks::to(&mut *hook)).unwrap();
        }
        trainer.teacher().unwrap().iter().map(|(_, tensor)| tensor.norm().double_value(&[])).sum::<f64>()
    };
    let (whole, shrunk) = (run(&mut |_: &str, _: &Tensor| {}), run(&mut WithoutStudent));
    assert!(shrunk < 0.99 * whole, "{shrunk} against {whole}");
}
