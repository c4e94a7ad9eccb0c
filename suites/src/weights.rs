//! What a golden set starts from, as one list of tensors: for a recording by another version of torch, which would draw
//! other weights from the same seed, compute other periods of RoPE in bfloat16, or draw other numbers within the step.
//!
//! Names: `student.…`, `teacher.…` (the moving average), `distilled.…` (a frozen teacher) and `gram_teacher.…` with the names of
//! a network's `state_dict`; `init.student.…` for weights before noise was added to them, where a set recorded these;
//! `uniform.0`, … and `randperm.0`, … for the draws of the forward pass, or of the first step, in their order. Of several students it is the
//! first, whose steps are recorded.

use std::path::Path;

use dinov3_golden::{EntryName, GoldenSet, Kind, Precision, Stage};
use dinov3_torch::device::Device;
use dinov3_torch::runtime;
use dinov3_train::weights::save_tensors;
use dinov3_vit::hook::Hook;
use dinov3_vit::meta_arch::SslMetaArch;
use dinov3_vit::module::Module;
use tch::Tensor;

use crate::judging::replay::{Notes, Replay, config, with_view};
use crate::{SuiteError, layers, training};

/// Under this key, the file's metadata holds the name of the set.
pub const SET: &str = "set";

/// Writes what `set` starts from to `path`, as safetensors. Gives the number of tensors.
///
/// # Errors
/// When the set starts from no weights, cannot be replayed, or recorded other initial weights than this machine draws; or when the file
/// cannot be written.
pub fn write(set: &GoldenSet, path: &Path) -> Result<usize, SuiteError> {
    let tensors = of(set)?;
    let metadata = [(SET, &set.manifest().name)].map(|(key, value)| (key.to_owned(), value.clone()));
    save_tensors(path, &tensors, Some(metadata.into()))
        .map_err(|source| SuiteError::WeightsNotWritten { source: Box::new(source) })?;
    Ok(tensors.len())
}

/// What `set` starts from.
fn of(set: &GoldenSet) -> Result<Vec<(String, Tensor)>, SuiteError> {
    let recipe = &set.manifest().recipe;
    if recipe.loss_battery.is_some() || recipe.data_battery.is_some() {
        return Err(SuiteError::NoWeights { set: set.manifest().name.clone() });
    }
    let (precision, device, notes) = (Precision::Fp32, Device::Cpu, Notes::default());
    let replay = Replay { precision, device, plant: None, free_run: false, notes };
    if let Some(file) = set.manifest().precisions.iter().map(|(_, file)| file).next() {
        runtime::set_threads(file.fingerprint.threads);
    }
    let mut found = Vec::new();
    match &recipe.training {
        Some(steps) => networks(training::replay::before(set, steps)?.1.arch(), &mut found),
        None => {
            let prepared = layers::replay::prepare(set, &replay, &mut |name: &str, value: &Tensor| {
                if let Some(path) = Kind::Param.path_in(name) {
                    found.push((format!("init.{path}"), value.copy()));
                }
            })?;
            same_as_recorded(set, &found)?;
            if recipe.warm == 0.0 || !recipe.stages.contains(&Stage::Init) {
                found.clear();
            }
            networks(prepared.arch(), &mut found);
        }
    }
    found.extend(draws(set, &replay)?);
    Ok(found)
}

fn networks(arch: &SslMetaArch, found: &mut Vec<(String, Tensor)>) {
    let mut add = |root: &str, all: Vec<(String, _, Tensor)>| {
        let within = |name: String| name.split_once('.').map_or(name.clone(), |(_, within)| within.to_owned());
        found.extend(all.into_iter().map(|(name, _, tensor)| (format!("{root}.{}", within(name)), tensor.copy())));
    };
    add("student", arch.student.state_dict());
    add("teacher", arch.teacher.state_dict());
    if let Some(distilled) = &arch.distilled {
        add("distilled", distilled.state_dict());
    }
    if let Some(backbone) = &arch.gram_teacher {
        add("gram_teacher", backbone.state_dict());
    }
}

/// Refuses to hand out other initial weights than the set recorded.
fn same_as_recorded(set: &GoldenSet, init: &[(String, Tensor)]) -> Result<(), SuiteError> {
    for (name, tensor) in init {
        let name = Kind::Param.of(name.trim_start_matches("init.")).to_string();
        let recorded = set.manifest().entry(&name).and_then(|(_, entry)| entry.records.get(Precision::Fp32));
        let hash = with_view(tensor, |view| dinov3_golden::sha256_hex(view.bytes()));
        if recorded.is_some_and(|record| record.sha256 != hash) {
            return Err(SuiteError::OtherWeights { set: set.manifest().name.clone(), tensor: name });
        }
    }
    Ok(())
}

/// The draws of the forward pass, or of the first step.
fn draws(set: &GoldenSet, replay: &Replay) -> Result<Vec<(String, Tensor)>, SuiteError> {
    let permutes = set.manifest().entries.iter().any(|entry| entry.name.kind() == Kind::Rng);
    let mut draws = Draws::default();
    if permutes || config(set)?.student.rope.is_random() {
        match set.manifest().recipe.training {
            Some(_) => training::replay::run(set, replay, None, &mut draws)?,
            None => layers::replay::run(set, replay, &mut draws)?,
        }
    }
    let numbered = |kind: &'static str, all: Vec<Tensor>| {
        all.into_iter().enumerate().map(move |(i, tensor)| (format!("{kind}.{i}"), tensor))
    };
    Ok(numbered("uniform", draws.uniform).chain(numbered("randperm", draws.permutations)).collect())
}

/// Collects what is drawn, in its order.
#[derive(Default)]
struct Draws {
    uniform: Vec<Tensor>,
    permutations: Vec<Tensor>,
}

impl Hook for Draws {
    fn tensor(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        if name.parse::<EntryName>().is_ok_and(|name| name.kind() == Kind::Rng) {
            self.permutations.push(value.copy());
        }
        None
    }

    fn operand(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        if [".rope_embed:shift", ".rope_embed:jitter", ".rope_embed:rescale"].iter().any(|end| name.ends_with(end)) {
            self.uniform.push(value.copy());
        }
        None
    }
}
