//! The suite `data` against the committed battery, sound and broken.

use dinov3_golden::{Expectation, GoldenSet, Manifest, Precision, SetJudgement};
use dinov3_model::tap::Tap;
use dinov3_reports::Section;
use dinov3_suites::data::Data;
use dinov3_suites::judging::replay::Replay;
use dinov3_suites::judging::{self, Judging};
use dinov3_suites::{SuiteError, SuiteInfo};
use tch::{Device, Kind, Tensor};

use crate::fixture;

/// The suite with one element of one tensor off by one.
struct OffByOne(&'static str);

impl Judging for OffByOne {
    fn info(&self) -> SuiteInfo {
        Data.info()
    }

    fn takes(&self, manifest: &Manifest) -> bool {
        Data.takes(manifest)
    }

    fn remarks(&self, set: &GoldenSet) -> Result<Vec<String>, SuiteError> {
        Data.remarks(set)
    }

    fn replay(&self, set: &GoldenSet, replay: &Replay, tap: &mut dyn Tap) -> Result<(), SuiteError> {
        let mut breaking = |name: &str, value: &Tensor| {
            if name != self.0 {
                return tap.tensor(name, value);
            }
            let broken = value.copy();
            let last = broken.view(-1).get(-1);
            let other = if last.kind() == Kind::Bool { last.logical_not() } else { (&last + 1).to_kind(last.kind()) };
            broken.view(-1).get(-1).copy_(&other);
            tap.tensor(name, &broken);
        };
        Data.replay(set, replay, &mut breaking)
    }

    fn sections(&self, judgements: &[SetJudgement]) -> Vec<Section> {
        Data.sections(judgements)
    }
}

fn judged(suite: &dyn Judging) -> SetJudgement {
    let replay = Replay { precision: Precision::Fp32, device: Device::Cpu, plant: None, free_run: false };
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
