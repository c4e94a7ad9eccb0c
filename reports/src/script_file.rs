//! The file that the scripts of Ascend's examples write: lines `Key = value`. Whoever collects those files reads ours too.

use crate::{Check, Judged, Lang, Place, RenderError, Rendered, Renderer, RunReport};

/// The format `ascend`.
#[derive(Clone, Copy, Debug)]
pub struct ScriptFile;

impl Renderer for ScriptFile {
    fn name(&self) -> &'static str {
        "ascend"
    }

    fn ending(&self) -> &'static str {
        ".log"
    }

    fn about(&self) -> &'static str {
        "`Key = value` lines, as the scripts of Ascend's examples write them"
    }

    fn render(&self, report: &RunReport, _: Lang, _: &Place) -> Result<Rendered, RenderError> {
        Ok(script_file(report).into())
    }
}

/// The nine lines, of the first check that has a speed. As in the files of the scripts, an empty `ActualFPS` says that there is none.
pub fn script_file(report: &RunReport) -> String {
    let timed = report.checks().find(|check| figure(check, "fps_script").or(figure(check, "fps_median")).is_some());
    let of = |key: &str| timed.and_then(|check| figure(check, key));
    let text = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let cards = of("world_size");
    let batch = of("global_batch_size").zip(cards).map(|(batch, cards)| batch / cards);
    let count = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.0}"));
    let device = match &report.environment.judged {
        Judged::Trainer { device, .. } | Judged::Stated { device } => device.clone(),
        _ => report.environment.architecture.clone(),
    };
    let kind = if timed.is_some() { "perf" } else { "acc" };
    let lines = [
        ("Network", "DinoV3".to_owned()),
        ("RankSize", count(cards)),
        ("BatchSize", count(batch)),
        ("DeviceType", device),
        ("CaseName", format!("DinoV3_bs{}_{}p_{kind}", count(batch), count(cards))),
        ("ActualFPS", text(of("fps_script").or(of("fps_median")))),
        ("TrainingTime", text(of("step_median"))),
        ("ActualLoss", text(of("final_loss"))),
        ("E2ETrainingTime", format!("{:.0}", report.environment.seconds)),
    ];
    lines.map(|(key, value)| format!("{key} = {value}\n")).concat()
}

fn figure(check: &Check, key: &str) -> Option<f64> {
    check.figures.iter().find(|figure| figure.key == key).map(|figure| figure.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Key;
    use crate::{Figure, fixture};

    #[test]
    fn nine_lines_of_a_run_that_was_timed_and_of_one_that_was_not() {
        let mut report = fixture::report();
        insta::assert_snapshot!(script_file(&report), @"
        Network = DinoV3
        RankSize = 
        BatchSize = 
        DeviceType = cpu
        CaseName = DinoV3_bs_p_acc
        ActualFPS = 
        TrainingTime = 
        ActualLoss = 
        E2ETrainingTime = 23
        ");
        let keyed = |key: &str, value: f64| Figure { key: key.to_owned(), ..Figure::new(Key::Measured, value) };
        let figures =
            [("fps_script", 393.8), ("world_size", 8.0), ("global_batch_size", 512.0), ("final_loss", 9.9374)];
        report.suites[0].checks[0].figures = figures.map(|(key, value)| keyed(key, value)).to_vec();
        let text = script_file(&report);
        for line in [
            "RankSize = 8",
            "BatchSize = 64",
            "CaseName = DinoV3_bs64_8p_perf",
            "ActualFPS = 393.8",
            "ActualLoss = 9.9374",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}: {text}");
        }
    }
}
