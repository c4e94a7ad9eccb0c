//! Who is judged: the circumstances of a recording, or of our own trainer.

use std::collections::BTreeMap;

use dinov3_golden::manifest::MANIFEST;
use dinov3_golden::{Fingerprint, GoldenSet, Precision, sha256_hex};
use dinov3_reports::message::Coverage;
use dinov3_reports::{ChangedFile, Code, Pins, RanksOf, Subject};
use dinov3_torch::device::Device;
use serde_json::Value;

use super::replay::this_machine;

/// The key of a recorder's table that says when it recorded.
const RECORDED: &str = "recorded";

/// SHA-256 of the manifest of a set; none if the file is gone.
pub fn manifest(set: &GoldenSet) -> Option<String> {
    std::fs::read(set.dir().join(MANIFEST)).ok().map(|bytes| sha256_hex(&bytes))
}

/// Who recorded a set at a precision, under the circumstances `made`.
pub fn of_recording(set: &GoldenSet, made: &Fingerprint) -> Subject {
    let manifest = set.manifest();
    let exporter = ("exporter".to_owned(), manifest.recorder.exporter.to_string());
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let others = manifest.recorder.software.iter().filter(|(name, _)| *name != RECORDED);
    let software: BTreeMap<String, String> =
        others.map(|(name, version)| (name.clone(), text(version))).chain([exporter]).collect();
    Subject {
        folder: Some(set.dir().display().to_string()),
        ranks: RanksOf { world_size: manifest.recipe.world_size, processes: None, backend: None },
        recorded: recorded(set).map(str::to_owned),
        software,
        manifest: self::manifest(set),
        code: Some(code(set)),
        ..of(made)
    }
}

/// Our own trainer, here and now, as so many ranks.
pub fn of_trainer(device: Device, threads: u32, ranks: RanksOf) -> Subject {
    Subject { ranks, ..of(&Fingerprint { threads, ..this_machine(device) }) }
}

fn of(made: &Fingerprint) -> Subject {
    let pins = [("MKL_CBWR", &made.mkl_cbwr), ("ONEDNN_MAX_CPU_ISA", &made.onednn_max_cpu_isa)];
    let pins: Pins = pins.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect();
    Subject {
        folder: None,
        device: made.device.clone(),
        torch: made.torch.clone(),
        architecture: made.architecture.clone(),
        cpu_vendor: made.cpu_vendor.clone(),
        cpu_capability: made.cpu_capability.clone(),
        threads: made.threads,
        pins,
        ranks: RanksOf::default(),
        recorded: None,
        software: BTreeMap::new(),
        manifest: None,
        code: None,
    }
}

/// When a set was recorded, where its recorder says so.
fn recorded(set: &GoldenSet) -> Option<&str> {
    set.manifest().recorder.software.get(RECORDED).and_then(Value::as_str)
}

/// Whether a candidate is the golden set itself at a precision, and how that shows. A recording made anew has no records of further runs, and
/// another time.
pub fn is_itself(golden: &GoldenSet, candidate: &GoldenSet, precision: Precision) -> Option<Coverage> {
    let folder = |set: &GoldenSet| set.dir().canonicalize().ok();
    if folder(golden).is_some_and(|it| folder(candidate) == Some(it)) {
        return Some(Coverage::SameFolder);
    }
    if recorded(golden) != recorded(candidate) {
        return None;
    }
    let (ours, theirs) = (golden.manifest(), candidate.manifest());
    let records = |set: &'_ GoldenSet| -> Vec<_> {
        let of = |entry: &dinov3_golden::Entry| Some((entry.name.clone(), entry.records.get(precision)?.clone()));
        set.manifest().entries.iter().filter_map(of).collect()
    };
    let made = ours.precisions.get(precision).map(|it| &it.fingerprint);
    let alike = made == theirs.precisions.get(precision).map(|it| &it.fingerprint);
    let ours = records(golden);
    let repeated = ours.iter().any(|(_, record)| record.spread.is_some());
    let same = alike && ours == records(candidate) && (repeated || manifest(golden) == manifest(candidate));
    same.then_some(Coverage::SameRecords)
}

/// The code that recorded a set.
fn code(set: &GoldenSet) -> Code {
    let manifest = set.manifest();
    let Some(checkout) = &manifest.checkout else {
        return Code { commit: Some(manifest.reference.commit.clone()), ..Code::default() };
    };
    let changed = |file: &dinov3_golden::ChangedFile| ChangedFile {
        path: file.path.clone(),
        added: file.added,
        removed: file.removed,
    };
    let diff = checkout.diff.as_ref();
    Code {
        commit: checkout.commit.clone(),
        tree: Some(checkout.tree.clone()),
        examined: true,
        changed: diff.iter().flat_map(|diff| &diff.files).map(changed).collect(),
        diff: diff.map(|diff| diff.sha256.clone()),
        text: diff.and_then(|diff| diff.text.clone()),
    }
}
