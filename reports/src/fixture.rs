//! A hand-made run with one check of every verdict, for the tests of all renderers.

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
        schema_version: SCHEMA_VERSION,
        tool: Tool {
            name: "dinov3-harness".to_owned(),
            version: "1.2.3".to_owned(),
            revision: Some("3f2a9c1".to_owned()),
        },
        environment: Environment {
            libtorch: "2.8.0".to_owned(),
            device: "cpu".to_owned(),
            cpu: "Example CPU @ 2.0 GHz".to_owned(),
            cpu_capability: "AVX2".to_owned(),
            threads: 2,
            os: "linux".to_owned(),
            architecture: "x86_64".to_owned(),
            pins: vec![
                ("ATEN_CPU_CAPABILITY".to_owned(), "avx2".to_owned()),
                ("MKL_CBWR".to_owned(), "AVX2".to_owned()),
            ],
            started: Some("2026-11-23T14:38:00Z".to_owned()),
            seconds: 23.4,
        },
        allow_vacuous: Vec::new(),
        suites: vec![layers(), reduce_op()],
    }
}

fn layers() -> SuiteResult {
    let mut passed = Check::new(
        "layers/micro/fp32/forward",
        "forward pass of micro in fp32",
        Verdict::Pass,
        "412 of 412 tensors identical",
    );
    passed.seconds = 0.413;
    passed.figure = Some(Quantity::new(0.0, "x the yardstick"));
    passed.limit = Some(Quantity::new(4.0, "x the yardstick"));
    let skipped = Check::new(
        "layers/vit_small/bf16/forward",
        "forward pass of vit_small in bf16",
        Verdict::Skipped { reason: "the set records no bf16".to_owned() },
        "",
    );
    SuiteResult {
        suite: "layers".to_owned(),
        group: Some("precision".to_owned()),
        proves: "every tensor of the forward pass is the reference's, bit for bit or within its own rounding"
            .to_owned(),
        checks: vec![passed, failed(), skipped],
        sections: vec![growth(), stages()],
        seconds: 1.613,
    }
}

fn failed() -> Check {
    let mut check = Check::new(
        "layers/vit_small/fp32/forward",
        "forward pass of vit_small in fp32",
        Verdict::Fail { reason: "3 of 412 tensors break the yardstick".to_owned() },
        "first divergence: blocks.3.attn.qkv, 410 x the yardstick",
    );
    check.figure = Some(Quantity::new(410.2, "x the yardstick"));
    check.limit = Some(Quantity::new(4.0, "x the yardstick"));
    check.seconds = 1.2;
    check.findings = vec![
        Finding::new(
            "student.backbone.blocks.3.attn.qkv",
            "relative l2 3.21e-3, the reference's own rounding is 7.8e-6 | shape [68, 192]",
        )
        .with_hint("are q, k and v in the order of the reference?"),
        Finding::new("student.backbone.blocks.3.attn.apply_rope:0", "relative l2 4.4e-3 <- grows"),
        Finding::new("student.backbone.blocks.4.norm1", "7 elements are not finite")
            .with_hint("look at the divergence above first"),
    ];
    check
}

fn reduce_op() -> SuiteResult {
    let mut vacuous = Check::new(
        "reduce_op/premul_sum",
        "PREMUL_SUM scales before it adds",
        Verdict::Vacuous { reason: "at world size 1 the factor is 1".to_owned() },
        "sums agree",
    );
    vacuous.figure = Some(Quantity::new(f64::NAN, ""));
    vacuous.seconds = 0.002;
    SuiteResult {
        suite: "reduce_op".to_owned(),
        group: None,
        proves: "gradients are averaged as the reference averages them".to_owned(),
        checks: vec![vacuous],
        sections: Vec::new(),
        seconds: 0.002,
    }
}

/// A table with a pipe, markup, an empty and a missing cell.
pub(crate) fn table() -> Table {
    let mut table = Table::new([Column::left("tensor"), Column::right("relative l2"), Column::right("ULP")]);
    table.push(["student.backbone.patch_embed", "0", "0"]);
    table.push(["a | b <script> *x* `c|d`", "3.21e-7", ""]);
    table.push(["student.backbone.blocks.0.norm1"]);
    table
}

fn stages() -> Section {
    let mut section = Section::new("Stage forward of vit_small <fp32>");
    section.text = Some("Worst first.\n\nEmpty cells: not measured.".to_owned());
    section.table = Some(table());
    section.collapsed = true;
    section
}

fn growth() -> Section {
    let mut section = Section::new("Error growth");
    section.plot = Some(plot());
    section
}

/// Two lines over 26 layers; the first has a zero, a negative and two values that are not finite.
pub(crate) fn plot() -> Plot {
    let ticks = (0..13).flat_map(|block| [format!("blocks.{block}.attn.qkv"), format!("blocks.{block}.mlp.fc2")]);
    let error = |x: f64, scale: f64| (x, scale * 1e-7 * (x * 0.22).exp() * (1.3 + (x * 1.9).sin()));
    let mut ours = Series::new("candidate", (0..26).map(|x| error(f64::from(x), 1.4)));
    ours.points[2].1 = 0.0;
    ours.points[7].1 = -1e-9;
    ours.points[16].1 = f64::NAN;
    ours.points[17].1 = f64::INFINITY;
    Plot {
        title: "Error growth of vit_small, fp32".to_owned(),
        x_label: "tensor, in execution order".to_owned(),
        y_label: "relative l2 against truth".to_owned(),
        log_y: true,
        x_ticks: ticks.collect(),
        series: vec![ours, Series::new("reference's own rounding", (0..26).map(|x| error(f64::from(x), 0.9)))],
        file_stem: "error growth/vit_small".to_owned(),
    }
}

/// The events that make this report.
pub(crate) fn events(report: &RunReport) -> Vec<Event> {
    let mut events = vec![Event::RunStarted { tool: report.tool.clone(), environment: report.environment.clone() }];
    for suite in &report.suites {
        events.push(Event::SuiteStarted {
            suite: suite.suite.clone(),
            group: suite.group.clone(),
            proves: suite.proves.clone(),
            planned: suite.checks.iter().map(|check| check.id.clone()).collect(),
        });
        for check in &suite.checks {
            events.push(Event::CheckStarted { id: check.id.clone(), title: check.title.clone(), steps: Some(2) });
            events.push(Event::Progress { done: 1 });
            events.push(Event::CheckFinished(check.clone()));
        }
        events.push(Event::SuiteFinished {
            suite: suite.suite.clone(),
            sections: suite.sections.clone(),
            seconds: suite.seconds,
        });
    }
    events.push(Event::Note("one remark\nof two lines".to_owned()));
    events.push(Event::RunFinished { gate: report.gate(), seconds: report.environment.seconds });
    events
}
