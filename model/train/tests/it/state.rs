//! What lasts between two steps, in one process: that all of it is needed, that it is taken whole or not at all, and what is refused.
//! That new processes go on to the bit is in `suites/fixtures/tests/it/ranks/resume.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use dinov3_config::SslConfig;
use dinov3_ranks::{Alone, Group, threads};
use dinov3_torch::device::Device;
use dinov3_torch::runtime;
use dinov3_train::micro::{self, MicroRun};
use dinov3_train::phases::Phases;
use dinov3_train::weights::read_checkpoint;
use dinov3_train::{Part, State, StateError, Stateful, TrainError, Trainer, checkpoint};
use dinov3_vit::hook::Hooks;
use dinov3_vit::meta_arch::Batch;
use dinov3_vit::module::{Module, Role};
use dinov3_weights::{Checkpoint, Format, convert};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};

use crate::fixture::{self, merged_config, stream};

fn alone() -> Arc<dyn Group> {
    Arc::new(Alone)
}

fn digests(run: &MicroRun) -> BTreeMap<String, String> {
    run.state().digests().unwrap()
}

/// RoPE's periods are not those of the config, as after weights from a checkpoint with others.
fn with_other_periods(run: &MicroRun) {
    let arch = run.trainer.arch();
    let gram = arch.gram_teacher.as_ref().unwrap().state_dict();
    let all = arch.student.state_dict().into_iter().chain(arch.teacher.state_dict()).chain(gram);
    for (_, _, mut tensor) in all.filter(|(name, role, _)| *role == Role::Buffer && name.ends_with("periods")) {
        let _ = tensor.g_mul_scalar_(1.5);
    }
}

/// Ten steps are four, and six of another run that took its state, if it took all of it.
///
/// Seen red with each row: that is what the table asserts.
#[test]
fn each_part_of_a_state_is_needed() {
    let _stream = stream();
    let config = micro::config();
    let mut whole = micro::run(&config, Kind::Float, &alone(), 0);
    with_other_periods(&whole);
    whole.until(4, &mut Phases::none()).unwrap();
    let state = whole.state();
    whole.until(10, &mut Phases::none()).unwrap();
    let (expected, losses) = (digests(&whole), whole.log.0.split_off(4));
    let resume = |take: &dyn Fn(&mut MicroRun)| {
        let mut run = micro::run(&config, Kind::Float, &alone(), 5);
        run.it = 4;
        take(&mut run);
        run.until(10, &mut Phases::none()).unwrap();
        run
    };
    let all = resume(&|run| run.load(&state).unwrap());
    assert_eq!(digests(&all), expected);
    assert_eq!(all.log.0, losses);
    let bits = [
        Part::Student,
        Part::Average,
        Part::FirstMoment,
        Part::SecondMoment,
        Part::Steps,
        Part::GramTeacher,
        Part::GramUpdates,
        Part::Buffers,
        Part::Generator,
    ];
    for dropped in bits {
        let parts: Vec<Part> = Part::ALL.into_iter().filter(|part| *part != dropped).collect();
        let without = resume(&|run| {
            run.trainer.load_parts(&parts, &state).unwrap();
            run.loader.load(&state).unwrap();
            run.meters.load(&state).unwrap();
        });
        let differs = digests(&without)
            .into_iter()
            .any(|(name, digest)| name.starts_with("param.student") && expected[&name] != digest);
        assert!(differs, "without {dropped:?} the student is the same");
    }
    let without_loader = resume(&|run| {
        run.trainer.load(&state).unwrap();
        run.meters.load(&state).unwrap();
    });
    assert_ne!(without_loader.log.0, losses, "other batches");
    let without_meters = resume(&|run| {
        run.trainer.load(&state).unwrap();
        run.loader.load(&state).unwrap();
    });
    assert_eq!(without_meters.log.0, losses);
    assert_ne!(digests(&without_meters)["meter.total_loss"], expected["meter.total_loss"]);
}

/// Whatever is missing is named, and nothing is changed.
#[test]
fn a_state_that_lacks_anything_is_refused() {
    let _stream = stream();
    let config = micro::config();
    let mut saved = micro::run(&config, Kind::Float, &alone(), 0);
    saved.until(1, &mut Phases::none()).unwrap();
    let mut run = micro::run(&config, Kind::Float, &alone(), 5);
    let before = digests(&run);
    let state = saved.state();
    let values = ["config", "arithmetic", "gram_updates", "nans_in_a_row", "gram_teacher_has_weights"];
    for name in state.names().chain(values).chain(["iteration", "loader", "meters"]) {
        let mut lacking = saved.state();
        lacking.remove(|it| it == name);
        let error = run.load(&lacking).unwrap_err();
        assert!(matches!(&error, StateError::Missing(it) if it == name), "without {name}: {error}");
    }
    assert_eq!(digests(&run), before, "a state that was refused has changed something");
    run.load(&state).unwrap();
    assert_eq!(digests(&run), digests(&saved));
}

#[test]
fn a_state_of_another_config_is_refused() {
    let _stream = stream();
    let config = micro::config();
    let mut saved = micro::run(&config, Kind::Float, &alone(), 0);
    saved.until(1, &mut Phases::none()).unwrap();
    let state = saved.state();
    let refused = |pointer: &str, value: Value| {
        let mut config = config.clone();
        *config.pointer_mut(pointer).unwrap() = value;
        micro::run(&config, Kind::Float, &alone(), 0).load(&state).unwrap_err().to_string()
    };
    insta::assert_snapshot!(refused("/optim/adamw_beta2", json!(0.95)), @"the state was saved with another config: `training.optim.betas.1` was 0.999, is 0.95");
    insta::assert_snapshot!(refused("/student/drop_path_rate", json!(0.2)), @"the state was saved with another config: `student.drop_path_rate` was 0.3, is 0.2");
    insta::assert_snapshot!(refused("/gram/max_updates", json!(null)), @"the state was saved with another config: `training.gram.teacher.Own.updates.at_most` was 2, is null");
    insta::assert_snapshot!(refused("/train/num_workers", json!(2)), @"`loader` of the state cannot be used: the saved position is one of another loader: the size of the random streams in bytes is 44928 there, and 29952 here");
    let other = micro::run(&config, Kind::BFloat16, &alone(), 0).load(&state).unwrap_err().to_string();
    insta::assert_snapshot!(other, @"the state was saved with another config: the dtype that computes was Float, is BFloat16");
}

fn distilled(seed: u64, group: &Arc<dyn Group>) -> Trainer {
    let mut config = merged_config();
    config["distillation"]["enabled"] = json!(true);
    config["distillation"]["checkpoint_path"] = json!("ignore");
    let config = SslConfig::from_merged(&config).unwrap().with_teacher(&merged_config()).unwrap();
    let mut trainer = Trainer::new(&config, Kind::Float, Device::Cpu, Arc::clone(group)).unwrap();
    runtime::manual_seed(seed);
    trainer.init_weights();
    trainer
}

/// The frozen teacher is not in a state. Whoever resumes loads it again, and another one is refused, on any number of ranks.
#[test]
fn another_frozen_teacher_is_refused() {
    let _stream = stream();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("4");
    let on_ranks = |ranks: usize, what: &(dyn Fn(Trainer, &Arc<dyn Group>) + Sync), seed| {
        let trainers: Vec<_> = threads(ranks).into_iter().map(|group| (distilled(seed, &group), group)).collect();
        std::thread::scope(|scope| {
            for (trainer, group) in trainers {
                scope.spawn(move || what(trainer, &group));
            }
        });
    };
    let save = |trainer: Trainer, group: &Arc<dyn Group>| {
        let state = State::of(&trainer, group.rank(), group.size());
        assert!(state.names().all(|name| !name.contains("distilled") && !name.starts_with("param.frozen")));
        checkpoint::save(&state, &path, group.as_ref()).unwrap();
    };
    let accepted = |mut trainer: Trainer, group: &Arc<dyn Group>| {
        checkpoint::resume(&path, &mut trainer, group.as_ref()).unwrap();
    };
    let refused = |mut trainer: Trainer, group: &Arc<dyn Group>| {
        let error = checkpoint::resume(&path, &mut trainer, group.as_ref()).unwrap_err();
        assert!(error.to_string().ends_with(&StateError::FrozenTeacher.to_string()), "{error}");
    };
    for (saved_by, resumed_by) in [(2, 1), (2, 2), (1, 3)] {
        on_ranks(saved_by, &save, 0);
        on_ranks(resumed_by, &accepted, 0);
        on_ranks(resumed_by, &refused, 1);
    }
}

/// A checkpoint of two ranks, which have their rows of each tensor, becomes one file: the average as a network that is read, and the whole
/// state under the reference's names.
#[test]
fn a_checkpoint_of_ranks_becomes_a_file() {
    let _stream = stream();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("9");
    let config = SslConfig::from_merged(&merged_config()).unwrap();
    let made = |group: &Arc<dyn Group>| {
        let mut trainer = Trainer::new(&config, Kind::Float, Device::Cpu, Arc::clone(group)).unwrap();
        runtime::manual_seed(0);
        trainer.init_weights();
        trainer.warm(0.02);
        trainer
    };
    let trainers: Vec<_> = threads(2).into_iter().map(|group| (made(&group), group)).collect();
    std::thread::scope(|scope| {
        for (trainer, group) in trainers {
            let path = &path;
            scope.spawn(move || {
                let mut state = State::of(&trainer, group.rank(), 2);
                state.put("iteration", 10);
                checkpoint::save(&state, path, group.as_ref()).unwrap();
            });
        }
    });
    let whole = made(&alone());
    let saved = Checkpoint::open(&path).unwrap();
    let pth = folder.path().join("teacher.pth");
    let average = whole.teacher_state_dict().unwrap();
    assert_eq!(convert(&saved, Some("model_ema"), &pth, Format::Pth).unwrap().tensors, average.len());
    let read = read_checkpoint(&pth).unwrap();
    for (name, tensor) in average {
        assert_eq!(read[&name], tensor, "{name}");
    }
    let all = folder.path().join("dcp");
    convert(&saved, None, &all, Format::Dcp).unwrap();
    let all = Checkpoint::open(&all).unwrap();
    // The last iteration that was done.
    assert_eq!(all.value("iteration"), Some(&dinov3_weights::Value::Int(9)));
    let shape = |name: &str| {
        let entry = all.entries.iter().find(|entry| entry.name() == name);
        entry.and_then(|entry| entry.tensor()).map(|it| it.shape.clone())
    };
    let weight = Some(vec![64, 3, 8, 8]);
    for name in ["model.student", "model.model_ema", "model.teacher", "optimizer.state.student"] {
        let of_moments = if name.starts_with("optimizer") { ".exp_avg" } else { "" };
        let name = format!("{name}.backbone.patch_embed.proj.weight{of_moments}");
        assert_eq!(shape(&name), weight, "{name}");
    }
    assert_eq!(shape("optimizer.state.student.backbone.norm.weight.step"), Some(vec![]));
}

/// Three NaN losses in a row end a run, wherever it was resumed.
#[test]
fn losses_that_are_no_number_are_counted_on() {
    let _stream = stream();
    let make = || {
        let config = SslConfig::from_merged(&merged_config()).unwrap();
        let mut trainer = Trainer::new(&config, Kind::Float, Device::Cpu, alone()).unwrap();
        runtime::manual_seed(0);
        trainer.init_weights();
        trainer
    };
    let batch = fixture::batch();
    let nan = Batch::new(&batch.global_crops * f64::NAN, &batch.local_crops * 1.0, batch.masks.shallow_clone());
    let mut trainer = make();
    trainer.step(&nan, 0, &mut Hooks::none()).unwrap();
    trainer.step(&nan, 1, &mut Hooks::none()).unwrap();
    let state = State::of(&trainer, 0, 1);
    let mut resumed = make();
    resumed.load(&state).unwrap();
    let error = resumed.step(&nan, 2, &mut Hooks::none()).unwrap_err();
    assert!(matches!(error, TrainError::TooManyNans { count: 3, .. }), "{error}");
    let all_but = |dropped: Part| Part::ALL.into_iter().filter(move |part| *part != dropped).collect::<Vec<_>>();
    let mut forgetful = make();
    forgetful.load_parts(&all_but(Part::Nans), &state).unwrap();
    forgetful.step(&nan, 2, &mut Hooks::none()).unwrap();
}

/// Where training starts after iteration 0 without a state, the Gram teacher's updates count as the reference counts them: before iteration 4
/// there were two, and no third one comes. (`golden/export/tests/test_steps.py` has the same cases.)
///
/// Seen red: a trainer that is not told counts none, and takes new weights after iteration 5.
#[test]
fn updates_of_the_gram_teacher_before_the_start_count() {
    let _stream = stream();
    let updated = |told: bool, at_most: usize| {
        let mut config = micro::config();
        config["gram"]["max_updates"] = json!(at_most);
        let mut run = micro::run(&config, Kind::Float, &alone(), 0);
        if told {
            run.trainer.start_at(4);
        }
        run.it = 4;
        let mut updated = Vec::new();
        while run.it < 8 {
            let it = run.it;
            let mut look = |name: &str, _: &Tensor| {
                if name == "param:gram_teacher.backbone.cls_token" {
                    updated.push(it);
                }
            };
            run.step(&mut Hooks::to(&mut look), &mut Phases::none()).unwrap();
        }
        updated
    };
    assert_eq!(updated(true, 2), [0; 0]);
    assert_eq!(updated(true, 3), [5]);
    assert_eq!(updated(false, 2), [5, 7]);
}

fn write(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// A checkpoint that is not what was written is refused, and the trainer goes on as it was.
#[test]
fn a_damaged_checkpoint_is_refused() {
    const FILE: &str = "rank-00000.safetensors";
    const MANIFEST: &str = "manifest.json";
    let _stream = stream();
    let make = |seed| {
        let config = SslConfig::from_merged(&merged_config()).unwrap();
        let mut trainer = Trainer::new(&config, Kind::Float, Device::Cpu, alone()).unwrap();
        runtime::manual_seed(seed);
        trainer.init_weights();
        trainer
    };
    let state = State::of(&make(0), 0, 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("9");
    let mut trainer = make(1);
    let digests = |trainer: &Trainer| State::of(trainer, 0, 1).digests().unwrap();
    let before = digests(&trainer);
    let mut refused = |damage: &dyn Fn(&Path)| {
        checkpoint::save(&state, &path, &Alone).unwrap();
        let bytes = path.join(FILE).metadata().unwrap().len();
        damage(&path);
        let error = checkpoint::resume(&path, &mut trainer, &Alone).unwrap_err().to_string();
        assert_eq!(digests(&trainer), before);
        let error = error.replace(folder.path().to_str().unwrap(), "[dir]");
        error.replace(&(bytes - 1).to_string(), "[bytes - 1]").replace(&bytes.to_string(), "[bytes]")
    };
    insta::assert_snapshot!(refused(&|path| write(&path.join(FILE), |bytes| { bytes.pop(); })), @"the checkpoint [dir]/9 is damaged: rank-00000.safetensors has [bytes - 1] bytes, not [bytes]");
    insta::assert_snapshot!(refused(&|path| write(&path.join(FILE), |bytes| bytes[100_000] ^= 1)), @"the checkpoint [dir]/9 is damaged: rank-00000.safetensors has another SHA-256 than the manifest says");
    insta::assert_snapshot!(refused(&|path| fs::remove_file(path.join(FILE)).unwrap()), @"[dir]/9/rank-00000.safetensors: No such file or directory (os error 2)");
    insta::assert_snapshot!(refused(&|path| write(&path.join(MANIFEST), |bytes| bytes.truncate(100))), @"the checkpoint [dir]/9 is damaged: manifest.json is not what manifest.sha256 says");
    insta::assert_snapshot!(refused(&|path| fs::remove_file(path.join(MANIFEST)).unwrap()), @"[dir]/9/manifest.json: No such file or directory (os error 2)");
    insta::assert_snapshot!(refused(&|path| fs::remove_dir_all(path).unwrap()), @"[dir]/9/manifest.json: No such file or directory (os error 2)");
    // Another version's is whole, and known to be another's.
    let other_schema = |path: &Path| {
        write(&path.join(MANIFEST), |bytes| {
            *bytes = String::from_utf8_lossy(bytes).replace("\"schema\": 1", "\"schema\": 2").into_bytes();
        });
        let sum = Sha256::digest(fs::read(path.join(MANIFEST)).unwrap());
        let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(path.join("manifest.sha256"), format!("{sum}  {MANIFEST}\n")).unwrap();
    };
    insta::assert_snapshot!(refused(&other_schema), @"the checkpoint [dir]/9 has schema 2; this version reads 1");
    checkpoint::save(&state, &path, &Alone).unwrap();
    checkpoint::resume(&path, &mut trainer, &Alone).unwrap();
    assert_eq!(digests(&trainer), state.digests().unwrap());
}
