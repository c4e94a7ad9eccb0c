//! Runs on the simulated NPU (`model/plugins/simulated_npu`): a sound one has the host's bits, and each of its faults is found by the suite that
//! should find it, at the tensor that the broken kernel computes.

use std::os::unix::fs::symlink;

use dinov3_reports::message::Outcome as Found;
use dinov3_reports::{Check, RunReport, Tensor, Verdict, json};

use crate::support::{Outcome, Place, check};

/// Breaks the simulated NPU; see `model/plugins/simulated_npu/faults.h`.
const FAULT: &str = "DINOV3_SIMULATED_NPU_FAULT";

/// A folder with the plugin in it.
fn with_a_plugin() -> Place {
    let place = Place::empty();
    symlink(dinov3_plugins::simulated_npu(), place.path("npu.so")).unwrap();
    place
}

fn reported(line: &str, environment: &[(&str, &str)]) -> (Outcome, RunReport) {
    let line = format!("run {line} --plugin ./npu.so --format json");
    let outcome = with_a_plugin().run_in(&line, environment);
    let report = json::from_json(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {}", outcome.transcript()));
    (outcome, report)
}

/// The check of this id, and the tensor of its first finding about one.
fn first<'a>(report: &'a RunReport, id: &str) -> (&'a Check, Option<String>) {
    let check = report.checks().find(|check| check.id == id).unwrap_or_else(|| panic!("no check {id}"));
    let mut subjects = check.findings.iter().map(|finding| finding.subject.to_string());
    (check, subjects.find(|subject| subject != "other tensors"))
}

/// Whether all tensors that are judged have the recording's bits. Steps behind the first are judged on the host alone.
fn all_identical(report: &RunReport) -> bool {
    let judged = |tensor: &&Tensor| tensor.outcome != Found::NotJudged;
    let mut tensors = report.checks().flat_map(|check| &check.tensors).filter(judged).peekable();
    tensors.peek().is_some() && tensors.all(|tensor| tensor.outcome == Found::Identical)
}

const LAYERS: &str = "--suite layers --golden REFERENCE/opt_plain --device npu:0";
const TRAINING: &str = "--suite training --golden REFERENCE/train_micro_1 --device npu:0";

#[test]
fn a_sound_npu_has_the_hosts_bits() {
    let (outcome, report) = reported(LAYERS, &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.transcript());
    assert!(all_identical(&report), "{}", outcome.transcript());
    // Without masked patches, of which a backward pass then has an empty tensor.
    for line in ["train_alone --device npu:0", "train_ranks --nproc 2 --device npu"] {
        let (outcome, report) = reported(&format!("--suite training --golden REFERENCE/{line}"), &[]);
        assert_eq!(outcome.code, 0, "{}", outcome.transcript());
        assert!(all_identical(&report), "{}", outcome.transcript());
    }
}

/// Seen to wait for ever: the backward passes of both ranks are work of the device's one thread.
#[test]
fn ranks_as_threads_of_one_device_are_not_run() {
    let sets = "--golden REFERENCE/train_alone --golden REFERENCE/train_ranks";
    let (outcome, report) = reported(&format!("--suite training {sets} --device npu:0"), &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.transcript());
    let skipped = report.checks().filter(|check| matches!(check.verdict, Verdict::Skipped { .. }));
    assert_eq!(
        skipped.map(|check| check.id.as_str()).collect::<Vec<_>>(),
        ["training/train_ranks/fp32", "training/train_ranks/bf16"]
    );
    assert!(outcome.stdout.contains("ranks_on_one_device"), "{}", outcome.transcript());
}

/// The training program writes the losses, and the hashes of weights, moments and random stream, that it writes on the host.
#[test]
fn a_training_on_a_sound_npu_is_the_hosts() {
    let place = with_a_plugin();
    let line = "train --recipe micro-125k --steps 2 --trace 1 --output-dir";
    for (folder, device) in [("host", "--device cpu"), ("npu", "--device npu:0 --plugin ./npu.so")] {
        let outcome = place.run(&format!("{line} {folder} {device}"));
        assert_eq!(outcome.code, 0, "{}", outcome.transcript());
    }
    for file in ["steps.jsonl", "states.jsonl"] {
        let [host, npu] = ["host", "npu"].map(|folder| std::fs::read(place.path(folder).join(file)).unwrap());
        assert!(!host.is_empty() && host == npu, "{file}");
    }
    let failed =
        place.run_in(&format!("{line} failed --device npu:0 --plugin ./npu.so"), &[(FAULT, "out-of-memory=500")]);
    assert!(failed.code == 3 && failed.stderr.contains("npu:0 failed: "), "{}", failed.transcript());
}

/// Each broken kernel is named by the first tensor that it computes.
#[test]
fn a_broken_kernel_is_found_at_the_tensor_that_it_computes() {
    for (fault, line, id, tensor) in [
        ("wrong=aten::silu", LAYERS, "layers/opt_plain/fp32", "teacher.backbone.blocks.0.mlp.w3:in"),
        ("low-precision=aten::addmm", LAYERS, "layers/opt_plain/fp32", "teacher.ibot_head.mlp.0"),
        ("flushes=aten::mm", TRAINING, "training/train_micro_1/fp32", "sinkhorn:ibot"),
        ("lost-sync", LAYERS, "layers/opt_plain/fp32", "data:global_crops"),
    ] {
        let (outcome, report) = reported(line, &[(FAULT, fault)]);
        let (found, subject) = first(&report, id);
        assert_eq!((outcome.code, found.verdict.name()), (1, "fail"), "{fault}: {}", outcome.transcript());
        assert!(subject.as_deref().is_some_and(|it| it.starts_with(tensor)), "{fault}: {subject:?}");
    }
}

#[test]
fn a_backend_that_does_not_multiply_as_it_should_is_found() {
    let line = "--suite reduce-op --nproc 2 --device npu";
    let (outcome, report) = reported(line, &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.transcript());
    assert!(report.checks().any(|check| check.verdict.name() == "pass"));
    let (outcome, _) = reported(line, &[(FAULT, "factor-ignored")]);
    assert_eq!(outcome.code, 1, "{}", outcome.transcript());
}

/// A device that has no memory, or does not answer, ends the run with exit code 3, and the tensor before it is named.
#[test]
fn a_device_that_fails_is_named_with_the_last_tensor_before() {
    let place = with_a_plugin();
    let line = format!("run {LAYERS} --plugin ./npu.so");
    let limit = ("DINOV3_SIMULATED_NPU_PATIENCE", "200");
    let outcomes = [
        place.run_in(&line, &[(FAULT, "out-of-memory=300")]),
        place.run_in(&line, &[(FAULT, "hangs=500"), limit]),
        place.run("run --suite layers --golden REFERENCE/opt_plain --device npu:8 --plugin ./npu.so"),
        place.run("run --suite layers --golden REFERENCE/opt_plain --device xpu:0 --plugin ./npu.so"),
        place.run("run --suite layers --golden REFERENCE/opt_plain --device cpu --plugin ./npu.so"),
        place.run("run --suite layers --golden REFERENCE/opt_plain --device npu:0 --plugin ./nowhere.so"),
    ];
    check("error-npu", &outcomes);
    assert_eq!(outcomes.each_ref().map(|it| it.code), [3, 3, 3, 2, 2, 2]);
}
