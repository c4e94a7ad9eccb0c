//! A hand-made run with one check of every verdict, for the tests of all renderers.

use crate::message::*;
use crate::tensor::{Error, Held};
use crate::*;
use std::io::{self, Write};

/// A writer that refuses everything with this error.
pub(crate) struct Refuses(pub io::ErrorKind);

impl Write for Refuses {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A run that fails: two suites; a pass, a failure with findings, a skipped and a vacuous check.
pub(crate) fn report() -> RunReport {
    RunReport {
        tool: Tool {
            name: "dinov3-harness".to_owned(),
            version: "1.2.3".to_owned(),
            revision: Some("3f2a9c1".to_owned()),
        },
        environment: Environment {
            libtorch: "2.8.0".to_owned(),
            judged: Judged::Trainer { device: "cpu".to_owned(), planted: Some("gelu-tanh@3".to_owned()) },
            cpu: "Example CPU @ 2.0 GHz <b>".to_owned(),
            cpu_capability: "AVX2".to_owned(),
            threads: 2,
            os: "linux".to_owned(),
            architecture: "x86_64".to_owned(),
            pins: vec![
                ("ATEN_CPU_CAPABILITY".to_owned(), "avx2".to_owned()),
                ("MKL_CBWR".to_owned(), "AVX2".to_owned()),
            ],
            doctor: Vec::new(),
            started: Some("2026-11-23T14:38:00Z".to_owned()),
            seconds: 23.4,
        },
        allow_vacuous: Vec::new(),
        complete: true,
        notes: vec![remark(Remark::StoredCrops), remark(unusable())],
        suites: vec![layers(), reduce_op()],
    }
}

fn remark(remark: Remark) -> Message {
    Judging::Remark { set: "micro".to_owned(), remark }.into()
}

fn unusable() -> Remark {
    let reason = Damage::Broken { format: "PNG".to_owned(), why: "CRC error: expected 0x1".to_owned() };
    Remark::Unusable { image: "train/n01440764/a.JPEG".to_owned(), reason }
}

/// A recording of a patched port on an accelerator.
pub(crate) fn subject() -> Subject {
    let changed = |path: &str, added, removed| ChangedFile { path: path.to_owned(), added, removed };
    Subject {
        folder: Some("candidate/micro".to_owned()),
        device: "npu".to_owned(),
        torch: "2.8.0".to_owned(),
        architecture: "aarch64".to_owned(),
        cpu_vendor: None,
        cpu_capability: "DEFAULT".to_owned(),
        threads: 2,
        pins: Vec::new(),
        ranks: RanksOf { world_size: 1, processes: None, backend: None },
        recorded: Some("2026-11-23T14:00:00Z".to_owned()),
        software: [("torch_npu", "2.8.0.post4"), ("mode", "compiled")]
            .map(|(name, version)| (name.to_owned(), version.to_owned()))
            .into(),
        manifest: Some("5".repeat(64)),
        code: Some(Code {
            commit: Some("cb054165e9ec6bd86dbae674416eb36c8349adcb".to_owned()),
            tree: Some("a1".repeat(20)),
            examined: true,
            changed: vec![changed("dinov3/train/ssl_meta_arch.py", 3, 1), changed("dinov3/train/train.py", 4, 0)],
            diff: Some("d".repeat(64)),
            text: Some("--- a/dinov3/train/train.py\n+++ b/dinov3/train/train.py\n+import torch_npu\n".to_owned()),
        }),
    }
}

/// The id, title and golden set of a check.
fn check(set: &str, precision: Precision, verdict: Verdict) -> Check {
    let title = Judging::EveryTensor { set: set.to_owned(), precision };
    let golden =
        Some(Golden { set: set.to_owned(), precision, manifest: Some("9".repeat(64)), commit: Some("c".repeat(40)) });
    Check { golden, ..Check::new(format!("layers/{set}/{}", precision.name()), title, verdict) }
}

/// A tensor of the forward pass.
fn tensor(name: &str, outcome: Outcome, error: f64, reason: Option<Reason>) -> Tensor {
    let held = |metric, error: f64, k: f64| Held {
        metric,
        error: error.into(),
        yardstick: 7.8e-6.into(),
        k: k.into(),
        limit: (k * 7.8e-6).into(),
    };
    let held = match outcome {
        Outcome::Identical | Outcome::NonFinite => Vec::new(),
        _ => vec![held(Metric::RelativeL2, error, 4.0), held(Metric::MaxAbs, error, 8.0)],
    };
    let of = |error: f64| Error {
        relative_l2: error.into(),
        max_abs: (error * 3.0).into(),
        mean_abs: (error / 2.0).into(),
        cosine: 0.999_999.into(),
        ulp: 41,
        elements: 4096,
    };
    let mut tensor = Tensor {
        name: name.to_owned(),
        stage: Some(Stage::Forward),
        outcome,
        error: Some(of(error)),
        reference: Some(7.8e-6.into()),
        ratio_to_limit: None,
        ratio_to_yardstick: Some((error / 7.8e-6).into()),
        held,
        borrowed_from: None,
        own: None,
        reason,
    };
    tensor.ratio_to_limit = tensor.nearest().map(|held| held.ratio().into());
    tensor
}

const ROTATED: &str = "student.backbone.blocks.3.attn.apply_rope:0";

fn layers() -> SuiteResult {
    let mut passed = check("micro", Precision::Fp32, Verdict::Pass);
    passed.judged = Some(Box::new(subject()));
    passed.seconds = 0.413;
    passed.tensors = vec![
        tensor("student.backbone.patch_embed", Outcome::Identical, 7.8e-6, None),
        tensor("student.backbone.blocks.0.norm1", Outcome::Identical, 7.8e-6, None),
    ];
    passed.figures = vec![Figure::new(Key::DifferentBits, 0.0).with_limit(0.0)];
    passed.summary = Some(Judging::Tally(Tally::of(&passed.tensors)).into());
    let remark = Reduce::NoTrainer { device: "npu:0".to_owned() };
    let skipped = check("vit_small", Precision::Bf16, Verdict::Skipped { reason: remark.into() });
    SuiteResult {
        suite: "layers".to_owned(),
        group: Some("precision".to_owned()),
        proves: PROVES.into(),
        checks: vec![passed, failed(), skipped],
        sections: vec![growth(), stages(), quiet()],
        seconds: 1.613,
    }
}

const PROVES: Bilingual = Bilingual {
    en: "every tensor of the forward pass is the reference's",
    zh: "前向计算的每个张量都与标杆一致",
};

fn failed() -> Check {
    let qkv = "student.backbone.blocks.3.attn.qkv".to_owned();
    let reason = Judging::FirstDivergence { tensor: qkv.clone(), stage: Some(Stage::Forward) };
    let mut check = check("vit_small", Precision::Fp32, Verdict::Fail { reason: reason.into() });
    let beyond = |error: f64| Reason::Limit {
        metric: Metric::RelativeL2,
        error: error.into(),
        yardstick: 7.8e-6.into(),
        k: 4.0.into(),
        limit: 3.12e-5.into(),
    };
    let not_finite = Reason::NonFiniteElements { count: 7 };
    check.tensors = vec![
        tensor("student.backbone.patch_embed", Outcome::Identical, 7.8e-6, None),
        tensor("student.backbone.blocks.3.norm1", Outcome::WithinTheLimit, 8.3e-6, None),
        tensor(&qkv, Outcome::BeyondTheLimit, 3.21e-3, Some(beyond(3.21e-3))),
        tensor(ROTATED, Outcome::BeyondTheLimit, 4.4e-3, Some(beyond(4.4e-3))),
        tensor("student.backbone.blocks.4.norm1", Outcome::NonFinite, f64::INFINITY, Some(not_finite.clone())),
    ];
    check.summary = Some(Judging::Tally(Tally::of(&check.tensors)).into());
    check.figures = vec![
        Figure::new(Key::ErrorOverLimit, 141.03).with_limit(1.0),
        Figure::new(Key::WrongTensors, 3.0).with_limit(0.0),
    ];
    check.seconds = 1.2;
    let wrong = |outcome, reason| Judging::Wrong { outcome, reason: Some(reason) };
    let look = Judging::Look { agrees: Some("student.backbone.blocks.3.norm1".to_owned()), backward: None };
    check.findings = vec![
        Finding::new(Message::name(&qkv), wrong(Outcome::BeyondTheLimit, beyond(3.21e-3))).with_hint(look),
        Finding::new(Message::name(ROTATED), wrong(Outcome::BeyondTheLimit, beyond(4.4e-3))),
        Finding::new(Message::name("student.backbone.blocks.4.norm1"), wrong(Outcome::NonFinite, not_finite)),
    ];
    check
}

fn reduce_op() -> SuiteResult {
    let title = Reduce::FactorOne { call: "all_reduce".to_owned() };
    let mut vacuous =
        Check::new("reduce-op/factor-1/all_reduce", title, Verdict::Vacuous { reason: Reduce::OneRank.into() });
    vacuous.summary = Some(Reduce::BitForBit { count: 28 }.into());
    vacuous.figures = vec![Figure::new(Key::RoundingOverLimit, f64::NAN)];
    vacuous.seconds = 0.002;
    SuiteResult {
        suite: "reduce-op".to_owned(),
        group: None,
        proves: Bilingual { en: "sums are exact", zh: "归约结果精确" }.into(),
        checks: vec![vacuous],
        sections: Vec::new(),
        seconds: 0.002,
    }
}

/// A table with a pipe, markup, a missing and a quiet row.
pub(crate) fn table() -> Table {
    let mut table = Table::new([
        Column::text(Heading::Tensor),
        Column::new(Heading::Error, Kind::Error),
        Column::new(Heading::Ulp, Kind::Count),
    ]);
    let name = |name: &str| Cell::Name(name.to_owned());
    table.push_quiet([name("student.backbone.patch_embed"), Cell::Number(0.0.into()), Cell::Count(0)], true);
    table.push([name("a | b <script> *x*"), Cell::Number(3.21e-7.into()), Cell::Absent]);
    table.push([name("student.backbone.blocks.0.norm1")]);
    table
}

fn stages() -> Section {
    let mut section = Section::new(Sections::Stage { stage: Stage::Forward });
    section.text = Some(Sections::AboutStage { stage: Stage::Forward }.into());
    section.table = Some(table());
    section.collapsed = true;
    section
}

fn growth() -> Section {
    let mut section = Section::new(grows());
    section.plot = Some(plot());
    section
}

fn quiet() -> Section {
    let title = Sections::ErrorGrowth { set: "micro".to_owned(), precision: Precision::Fp32 };
    Section { quiet: true, table: Some(table()), ..Section::new(title) }
}

fn grows() -> Sections {
    Sections::ErrorGrowth { set: "vit_small".to_owned(), precision: Precision::Fp32 }
}

/// Two lines over 26 layers; the first has a zero, a negative and two values that are not finite.
pub(crate) fn plot() -> Plot {
    let ticks = (0..13).flat_map(|block| [format!("blocks.{block}.attn.qkv"), format!("blocks.{block}.mlp.fc2")]);
    let error = |x: f64, scale: f64| (x, scale * 1e-7 * (x * 0.22).exp() * (1.3 + (x * 1.9).sin()));
    let line = |side| Sections::Line { network: Network::Student, side };
    let mut ours = Series::new(line(Side::Candidate), (0..26).map(|x| error(f64::from(x), 1.4)));
    ours.points[2].1 = 0.0.into();
    ours.points[7].1 = (-1e-9).into();
    ours.points[16].1 = f64::NAN.into();
    ours.points[17].1 = f64::INFINITY.into();
    Plot {
        title: Sections::ErrorAgainstTruth { set: "vit_small".to_owned(), precision: Precision::Fp32 }.into(),
        x_label: Sections::ResidualStream.into(),
        y_label: Sections::RelativeError.into(),
        log_y: true,
        x_ticks: ticks.collect(),
        series: vec![ours, Series::new(line(Side::Reference), (0..26).map(|x| error(f64::from(x), 0.9)))],
        band: None,
        file_stem: "error growth/vit_small".to_owned(),
    }
}

/// The events that make this report.
pub(crate) fn events(report: &RunReport) -> Vec<Event> {
    let mut events = Vec::new();
    for event in crate::events::of_report(report) {
        match event {
            Event::CheckFinished { check } => {
                let (id, title) = (check.id.clone(), check.title.clone());
                events.push(Event::CheckStarted { id, title, steps: Some(2) });
                events.push(Event::Progress { done: 1 });
                events.push(Event::CheckFinished { check });
            }
            event => events.push(event),
        }
    }
    events
}
