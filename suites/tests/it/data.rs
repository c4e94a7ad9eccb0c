//! The suite `data` against the committed battery, sound and broken.

use dinov3_golden::manifest::Profile;
use dinov3_golden::{Dtype, Expectation, GoldenSet, Manifest, Precision, SetJudgement};
use dinov3_reports::message::Remark;
use dinov3_reports::{Event, Reporter, Section};
use dinov3_suites::data::Data;
use dinov3_suites::judging::pipeline::Pipeline;
use dinov3_suites::judging::replay::{self, Notes, Replay};
use dinov3_suites::judging::{self, Judging};
use dinov3_suites::{Ranks, Request, Source, SuiteError, SuiteInfo, run_alone, sets};
use dinov3_torch::device::Device;
use dinov3_vit::hook::Hook;
use tch::{Kind, Tensor};

use crate::fixture;

/// The suite with one element of one tensor off by one.
struct OffByOne(&'static str);

impl Judging for OffByOne {
    fn info(&self) -> SuiteInfo {
        Judging::info(&Data)
    }

    fn takes(&self, manifest: &Manifest) -> bool {
        Data.takes(manifest)
    }

    fn remarks(&self, set: &GoldenSet) -> Result<Vec<Remark>, SuiteError> {
        Data.remarks(set)
    }

    fn replay(
        &self,
        set: &GoldenSet,
        replay: &Replay,
        ranks: Option<&Ranks>,
        hook: &mut dyn Hook,
    ) -> Result<(), SuiteError> {
        let mut breaking = |name: &str, value: &Tensor| {
            if name != self.0 {
                return hook.summary(name, value);
            }
            let broken = value.copy();
            let last = broken.view(-1).get(-1);
            let other = if last.kind() == Kind::Bool { last.logical_not() } else { (&last + 1).to_kind(last.kind()) };
            broken.view(-1).get(-1).copy_(&other);
            hook.summary(name, &broken);
        };
        Data.replay(set, replay, ranks, &mut breaking)
    }

    fn sections(&self, judgements: &[SetJudgement]) -> Vec<Section> {
        Data.sections(judgements)
    }
}

fn judged(suite: &dyn Judging) -> SetJudgement {
    let replay = Replay {
        precision: Precision::Fp32,
        device: Device::Cpu,
        plant: None,
        free_run: false,
        notes: Notes::default(),
    };
    let set = fixture::set("data");
    judging::judge(suite, &set, replay, Expectation::Identical, &mut |_| Ok(())).unwrap()
}

#[test]
fn everything_is_the_references_to_the_last_bit_on_any_machine() {
    let _stream = fixture::libtorch();
    let judgement = judged(&Data);
    assert!(judgement.passes(), "{:?}", judgement.first_wrong());
    assert_eq!(judgement.identical(), judgement.entries.len());
    assert!(judgement.unexpected.is_empty());
}

/// One of each kind: draws, parameters, masks, orders, pixels, crops, tables.
#[test]
fn one_wrong_element_is_named() {
    let _stream = fixture::libtorch();
    for name in [
        "data:rng.numpy.choice",
        "data:parameters.subset",
        "data:masks.shifted",
        "data:sampler.sharded_new",
        "data:pixels.hue.2",
        "data:pixels.blurred.1",
        "data:crops.gram.coffee.gram",
        "data:tables.class-names-VAL.npy",
    ] {
        let judgement = judged(&OffByOne(name));
        assert!(!judgement.passes(), "{name}");
        let wrong: Vec<_> = judgement.entries.iter().filter(|it| it.fails()).map(|it| it.name.as_str()).collect();
        assert_eq!(wrong, [name]);
    }
}

/// A suite that has something to say before it fails, as a loader has of images that it cannot use.
struct Speaking;

impl Judging for Speaking {
    fn info(&self) -> SuiteInfo {
        Judging::info(&Data)
    }

    fn takes(&self, manifest: &Manifest) -> bool {
        Data.takes(manifest)
    }

    fn remarks(&self, set: &GoldenSet) -> Result<Vec<Remark>, SuiteError> {
        Data.remarks(set)
    }

    fn replay(&self, set: &GoldenSet, replay: &Replay, _: Option<&Ranks>, _: &mut dyn Hook) -> Result<(), SuiteError> {
        replay.notes.add(Remark::StoredCrops);
        Err(SuiteError::NoSteps { set: set.manifest().name.clone() })
    }

    fn sections(&self, judgements: &[SetJudgement]) -> Vec<Section> {
        Data.sections(judgements)
    }
}

/// Collects notes.
struct Listener(Vec<String>);

impl Reporter for Listener {
    fn event(&mut self, event: &Event) -> std::io::Result<()> {
        if let Event::Note { note } = event {
            self.0.push(note.to_string());
        }
        Ok(())
    }
}

/// What a replay had to say went nowhere once.
#[test]
fn what_a_replay_notes_is_an_event_also_of_one_that_fails() {
    let _stream = fixture::libtorch();
    let source = Source::Trainer { device: Device::Cpu, plant: None };
    let request = Request::of_sets(vec![fixture::sets().join("data")], Profile::Quick, source);
    let mut listener = Listener(Vec::new());
    let outcome = run_alone(&Speaking, &request, &mut listener);
    assert!(matches!(outcome, Err(SuiteError::NoSteps { .. })));
    assert_eq!(listener.0.len(), 1);
    assert!(listener.0[0].starts_with("data: the photographs are not beside it"), "{:?}", listener.0);
}

/// The crops that a set stores, normalised as its config says.
fn stored_crops(set: &GoldenSet, name: &str) -> Option<Tensor> {
    let file = replay::inputs(set).unwrap();
    file.get(name)?;
    let crops = replay::stored(set, file, name, &[Dtype::U8, Dtype::F32, Dtype::Bool], file.get(name)?.shape().len());
    let crops = crops.unwrap();
    let pixels = crops.kind() == Kind::Uint8;
    Some(if pixels { replay::normalised(&crops, &replay::config(set).unwrap()) } else { crops })
}

/// What the other suites feed the trainer is what the reference's trainer was fed, in every committed set.
#[test]
fn every_sets_photographs_give_its_batches() {
    let _stream = fixture::libtorch();
    let mut batches = 0;
    for set in sets::open_all(&[fixture::sets()]).unwrap() {
        let Some(pipeline) = Pipeline::of(&set).unwrap() else { continue };
        let recipe = &set.manifest().recipe;
        let numbered = recipe.training.as_ref().map_or(0, |training| training.batches);
        let all = (0..numbered).map(|number| (format!("{number}."), number, 100 + number as u32));
        let all = all.chain((numbered == 0 && recipe.data_battery.is_none()).then(|| (String::new(), 0, 0)));
        for (prefix, number, seed) in all {
            let batch = pipeline.batch(number, seed);
            let same = |part: &str, ours: &Tensor| {
                let theirs = stored_crops(&set, &format!("{prefix}{part}")).unwrap();
                assert!(*ours == theirs, "{}: {prefix}{part}", set.manifest().name);
            };
            same("global_crops", &batch.global_crops);
            same("local_crops", &batch.local_crops);
            same("masks", &batch.masks);
            if let Some(crops) = &batch.gram_teacher_crops {
                same("gram_teacher_crops", crops);
            }
            batches += 1;
        }
        if let Some(wanted) = &recipe.intermediate {
            assert!(pipeline.intermediate(wanted) == stored_crops(&set, "intermediate").unwrap());
        }
    }
    assert!(batches > 30, "{batches} batches");
}
