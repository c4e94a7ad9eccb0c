//! What several tests need: a report with a speed, and draws that are the same on every machine.

use dinov3_reports::message::Message;
use dinov3_reports::{Bilingual, Check, Environment, Figure, Judged, RunReport, SuiteResult, Tool, Verdict};

/// Draws by Knuth's linear congruential generator.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end
    }

    /// A number that is normal enough: a sum of twelve.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.below(1_000_000) as f64 / 1e6).sum::<f64>() - 6.0
    }
}

/// A report of one check with a speed, of a run that began then.
pub(crate) fn report(started: &str, fps: f64) -> RunReport {
    let environment = Environment {
        libtorch: "2.8.0".to_owned(),
        judged: Judged::Trainer { device: "cpu".to_owned(), planted: None },
        cpu: "Example".to_owned(),
        cpu_capability: "AVX2".to_owned(),
        threads: 2,
        os: "linux".to_owned(),
        architecture: "x86_64".to_owned(),
        pins: Vec::new(),
        started: Some(started.to_owned()),
        doctor: Vec::new(),
        seconds: 1.0,
    };
    let name = Bilingual { en: "images/s", zh: "每秒图像数" };
    let figures = vec![Figure::own("fps_median", name, fps)];
    let check = Check { figures, ..Check::new("performance/micro/fp32", Message::name("speed"), Verdict::Pass) };
    let suite = SuiteResult {
        suite: "performance".to_owned(),
        group: None,
        proves: Message::name("speed"),
        checks: vec![check],
        sections: Vec::new(),
        seconds: 1.0,
    };
    RunReport {
        tool: Tool { name: "dinov3-harness".to_owned(), version: "1".to_owned(), revision: None },
        environment,
        allow_vacuous: Vec::new(),
        complete: true,
        notes: Vec::new(),
        suites: vec![suite],
    }
}
