//! Weights that a run starts from.
//!
//! `checkpoint.pth` was written by Python: `torch.save({"teacher": {"backbone.norm.weight": torch.arange(4.),
//! "dino_loss.center": torch.zeros(1, 2), "backbone.rope_embed.periods": torch.ones(2, dtype=torch.bfloat16)}, "iteration": 3}, …)`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dinov3_config::SslConfig;
use dinov3_ground::Hint;
use dinov3_ranks::Alone;
use dinov3_torch::device::Device;
use dinov3_torch::runtime;
use dinov3_train::weights::{WeightsError, read_checkpoint, save, save_pth};
use dinov3_train::{TrainError, Trainer};
use dinov3_vit::hook::Hooks;
use dinov3_vit::meta_arch::Network;
use dinov3_vit::module::Module;
use dinov3_weights::{Checkpoint, FileError, Format, convert};
use serde_json::{Value, json};
use tch::{Kind, Tensor};

use crate::fixture::{self, stream};

#[test]
fn what_torch_save_wrote_is_read() {
    let found = read_checkpoint(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/checkpoint.pth"))).unwrap();
    assert_eq!(found["backbone.norm.weight"], Tensor::from_slice(&[0.0f32, 1.0, 2.0, 3.0]));
    assert_eq!(found["backbone.rope_embed.periods"].kind(), Kind::BFloat16);
    assert_eq!(found.len(), 3);
}

#[test]
fn a_file_that_is_no_checkpoint_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.pth");
    std::fs::write(&path, "not a checkpoint").unwrap();
    for path in [&path, folder.path()] {
        assert!(matches!(read_checkpoint(path), Err(WeightsError::File(FileError::Invalid { .. }))));
    }
    assert!(matches!(read_checkpoint(&folder.path().join("none")), Err(WeightsError::File(FileError::Io { .. }))));
}

fn trainer(config: &Value) -> Trainer {
    let config = SslConfig::from_merged(config).unwrap();
    Trainer::new(&config, Kind::Float, Device::Cpu, Arc::new(Alone)).unwrap()
}

fn gram_config(checkpoint: &Path) -> Value {
    let mut config = fixture::merged_config();
    config["gram"]["use_loss"] = json!(true);
    config["gram"]["ckpt"] = json!(checkpoint.to_str().unwrap());
    config["crops"]["gram_teacher_crops_size"] = json!(32);
    config
}

/// A teacher like no other, and the file in `folder` that holds it.
fn saved_teacher(folder: &Path) -> (PathBuf, Network) {
    let path = folder.join("teacher.safetensors");
    let teacher = fixture::arch(&fixture::merged_config()).teacher;
    teacher.warm(1.0);
    save(&teacher, "teacher", &path).unwrap();
    (path, teacher)
}

/// The Gram teacher takes the backbone of a checkpoint that has heads too; without one the step is refused.
#[test]
fn a_gram_teacher_takes_a_backbone() {
    let _stream = stream();
    let folder = tempfile::tempdir().unwrap();
    let (path, teacher) = saved_teacher(folder.path());
    let mut trainer = trainer(&gram_config(&path));
    runtime::manual_seed(0);
    trainer.init_weights();
    let batch = fixture::batch();
    let crops = batch.global_crops.shallow_clone();
    let batch = batch.with_gram_teacher_crops(Some(crops));
    assert!(matches!(trainer.step(&batch, 10, &mut Hooks::none()), Err(TrainError::GramTeacher)));
    trainer.load_checkpoints().unwrap();
    let gram = trainer.arch().gram_teacher.as_ref().unwrap();
    for ((name, _, mine), (_, _, theirs)) in gram.state_dict().into_iter().zip(teacher.backbone.state_dict()) {
        assert_eq!(mine, theirs, "{name}");
    }
    trainer.step(&batch, 10, &mut Hooks::none()).unwrap();
}

/// Heads and centers are skipped by name; anything else that is no part of a backbone is refused, as in the reference.
#[test]
fn a_gram_checkpoint_with_other_weights_is_refused() {
    let _stream = stream();
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = saved_teacher(folder.path());
    let mut tensors = Tensor::read_safetensors(&path).unwrap();
    tensors.push(("projector.weight".to_owned(), Tensor::zeros([2], (Kind::Float, tch::Device::Cpu))));
    let named: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    Tensor::write_safetensors(&named, &path).unwrap();
    let mut trainer = trainer(&gram_config(&path));
    trainer.init_weights();
    let error = trainer.load_checkpoints().unwrap_err().to_string();
    assert!(error.contains("projector.weight"), "{error}");
}

/// `student.resume_from_teacher_chkpt` starts student and average from the same weights.
#[test]
fn a_student_resumes_from_a_teacher() {
    let _stream = stream();
    let folder = tempfile::tempdir().unwrap();
    let (path, teacher) = saved_teacher(folder.path());
    let mut trainer = trainer(&fixture::with_student("resume_from_teacher_chkpt", json!(path.to_str().unwrap())));
    trainer.init_weights();
    trainer.load_checkpoints().unwrap();
    let arch = trainer.arch();
    let networks = arch.student.state_dict().into_iter().zip(arch.teacher.state_dict()).zip(teacher.state_dict());
    for (((name, _, student), (_, _, average)), (_, _, saved)) in networks {
        assert!(student.detach() == saved && average == saved, "{name}");
    }
}

/// A folder of `torch.distributed.checkpoint` serves where a `.pth` does, as in the reference.
#[test]
fn a_student_resumes_from_a_distributed_checkpoint() {
    let _stream = stream();
    let folder = tempfile::tempdir().unwrap();
    let (path, teacher) = saved_teacher(folder.path());
    let dcp = folder.path().join("sharded_teacher_checkpoint");
    convert(&Checkpoint::open(&path).unwrap(), None, &dcp, Format::Dcp).unwrap();
    let mut trainer = trainer(&fixture::with_student("resume_from_teacher_chkpt", json!(dcp.to_str().unwrap())));
    trainer.init_weights();
    let loaded = trainer.load_checkpoints().unwrap();
    assert_eq!((loaded.len(), loaded[0].tensors, loaded[0].casts.len()), (1, teacher.state_dict().len(), 0));
    for ((name, _, student), (_, _, saved)) in trainer.arch().student.state_dict().into_iter().zip(teacher.state_dict())
    {
        assert!(student.detach() == saved, "{name}");
    }
}

/// The state of a whole training is none of a network; the hint says how to make one of it.
#[test]
fn a_state_is_told_from_a_network() {
    let _stream = stream();
    let folder = tempfile::tempdir().unwrap();
    let (path, teacher) = saved_teacher(folder.path());
    let tensors: Vec<(String, Tensor)> =
        teacher.state_dict().into_iter().map(|(name, _, it)| (name.replacen("teacher", "model_ema", 1), it)).collect();
    save_pth(&path.with_extension("pth"), "model", &tensors).unwrap();
    let path = path.with_extension("pth");
    let mut trainer = trainer(&fixture::with_student("resume_from_teacher_chkpt", json!(path.to_str().unwrap())));
    trainer.init_weights();
    let error = trainer.load_checkpoints().unwrap_err();
    assert!(error.hints().iter().any(|hint| hint.contains("--part model_ema")), "{error}");
}

#[test]
fn a_checkpoint_of_another_network_is_refused() {
    let _stream = stream();
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/checkpoint.pth"));
    let mut trainer = trainer(&gram_config(path));
    trainer.init_weights();
    let error = trainer.load_checkpoints().unwrap_err().to_string();
    let said = error.strip_prefix(&path.display().to_string()).unwrap_or(&error);
    insta::assert_snapshot!(said, @" does not fit the model: 55 tensors are missing (backbone.cls_token, backbone.storage_tokens, backbone.mask_token, backbone.patch_embed.proj.weight, backbone.patch_embed.proj.bias, …); no tensor is unexpected");
}

/// A frozen teacher whose config was not read would leave the average in its place.
#[test]
fn distillation_without_its_teacher_is_refused() {
    let mut config = fixture::merged_config();
    config["distillation"]["enabled"] = json!(true);
    config["distillation"]["checkpoint_path"] = json!("ignore");
    let config = SslConfig::from_merged(&config).unwrap();
    let error = Trainer::new(&config, Kind::Float, Device::Cpu, Arc::new(Alone)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`distillation.enabled` cannot be used here: the frozen teacher's config, `distillation.full_cfg_path`, has not been read"
    );
}

/// A distillation from `checkpoint`.
fn distilled(checkpoint: &str) -> Trainer {
    let mut config = fixture::merged_config();
    config["distillation"]["enabled"] = json!(true);
    config["distillation"]["checkpoint_path"] = json!(checkpoint);
    let ssl = SslConfig::from_merged(&config).unwrap().with_teacher(&fixture::merged_config()).unwrap();
    Trainer::new(&ssl, Kind::Float, Device::Cpu, Arc::new(Alone)).unwrap()
}

/// Only `ignore` has the frozen teacher drawn: a file leaves the stream where the student's weights end. Drawn all the same, it was where
/// the teacher's end, and everything that comes after differed.
#[test]
fn a_frozen_teacher_that_is_read_takes_nothing_from_the_stream() {
    let _stream = stream();
    let folder = tempfile::tempdir().unwrap();
    let (path, teacher) = saved_teacher(folder.path());
    let after = |mut trainer: Trainer| {
        runtime::manual_seed(0);
        trainer.init_weights();
        (runtime::rng_state(), trainer)
    };
    let (without, _) = after(trainer(&fixture::merged_config()));
    let (read, mut of_file) = after(distilled(path.to_str().unwrap()));
    let (drawn, _) = after(distilled("ignore"));
    assert!(read == without && drawn != without);
    of_file.load_checkpoints().unwrap();
    let frozen = of_file.arch().distilled.as_ref().unwrap();
    for ((name, _, mine), (_, _, theirs)) in frozen.state_dict().into_iter().zip(teacher.state_dict()) {
        assert_eq!(mine, theirs, "{name}");
    }
}
