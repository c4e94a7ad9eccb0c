//! The file of the published scripts, and JSON reports.

use std::path::Path;

use dinov3_reports::message::{Between, ComparedWord, Message, Pen, Say};
use dinov3_reports::{Check, Lang, RunReport, Verdict};

use crate::{CompareError, Side};

/// The value of a key of the nine lines; none where the key is missing.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (found, value) = line.split_once('=')?;
        (found.trim() == key).then(|| value.trim())
    })
}

/// Whether a text is the file `….log` of nine lines that the published scripts write.
pub(crate) fn is_script_file(text: &str) -> bool {
    text.len() < 10_000 && value(text, "ActualFPS").is_some() && value(text, "CaseName").is_some()
}

/// What the file of nine lines says. The scripts write it whatever happened: an empty `ActualFPS` is a run that failed.
pub(crate) fn of_script_file(text: &str, file: &Path, side: &mut Side) -> Result<(), CompareError> {
    let wanted = |key| value(text, key).ok_or(CompareError::Key { file: file.to_owned(), key });
    let number = |key| value(text, key).and_then(|value| value.parse::<u64>().ok());
    let fps = wanted("ActualFPS")?;
    let speeds = fps.parse::<f64>().is_ok_and(|fps| fps.is_finite() && fps > 0.0);
    side.by = Some(ComparedWord::ByTheScripts);
    side.failed = !speeds;
    side.fps = speeds.then(|| fps.to_owned());
    side.cards = side.cards.or_else(|| number("RankSize"));
    side.batch = side.batch.or_else(|| Some(number("RankSize")? * number("BatchSize")?));
    // The scripts print the word itself where the loss is no number.
    side.loss = Some(match wanted("ActualLoss")? {
        "" | "total_loss:" => "NaN".to_owned(),
        loss => loss.to_owned(),
    });
    if side.chip.is_none() {
        side.chip = value(text, "DeviceType").filter(|it| !it.is_empty()).map(Message::name);
    }
    Ok(())
}

/// What the report of a performance suite says.
pub(crate) fn of_report(report: &RunReport, file: &Path, side: &mut Side) -> Result<(), CompareError> {
    let figure = |check: &Check, key: &str| check.figures.iter().find(|it| it.key == key).map(|it| it.value);
    let timed = report.checks().find(|check| figure(check, "fps_median").or(figure(check, "fps_script")).is_some());
    let Some(check) = timed else { return Err(CompareError::NothingToCompare(file.to_owned())) };
    let of = |key: &str| figure(check, key).filter(|value| value.is_finite());
    let whole = |key: &str| of(key).map(|value| value as u64);
    side.fps = of("fps_script").map(digits);
    side.speed = of("fps_median").map(|median| Between {
        value: median.into(),
        low: of("fps_low").unwrap_or(median).into(),
        high: of("fps_high").unwrap_or(median).into(),
    });
    // Reports of before count the steps that count alone.
    let steps = whole("steps_taken").or_else(|| whole("steps"));
    (side.cards, side.batch, side.steps) = (whole("world_size"), whole("global_batch_size"), steps);
    side.by = Some(ComparedWord::ByThisProgram);
    side.alone = of("fps_one_rank");
    let judged = report.environment.judged.say(Lang::En, Pen::Plain);
    side.device = Some(format!("{judged}, {}", report.environment.cpu));
    side.loss = of("final_loss").map(|loss| format!("{loss:.4}"));
    if side.chip.is_none() {
        side.chip = Some(Message::name(chip(report).unwrap_or(judged)));
    }
    let phases = check.figures.iter().filter(|it| it.key.starts_with("phase_"));
    side.phases = phases.map(|it| (it.key.clone(), it.name.clone(), it.value)).collect();
    let doubts = check.findings.iter().map(|finding| finding.text.clone()).collect();
    if matches!(check.verdict, Verdict::Pass) {
        side.allowed = doubts;
    } else {
        side.doubts = doubts;
        side.doubts.extend(check.verdict.reason().filter(|_| check.findings.is_empty()).cloned());
    }
    Ok(())
}

/// The name of the card that a report was measured on, which `doctor` found: `NVIDIA H200` of `1 x NVIDIA H200`.
fn chip(report: &RunReport) -> Option<String> {
    let device = report.environment.judged.say(Lang::En, Pen::Plain);
    let item = match device.split(':').next()? {
        "cuda" => "gpus",
        "npu" => "npus",
        _ => return None,
    };
    let found = report.environment.doctor.iter().find(|line| line.item() == item)?.found(Lang::En, Pen::Plain);
    let name = found.split_once(" x ")?.1.split(['(', ';', ',']).next()?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Six significant digits, as `awk` prints a number.
fn digits(value: f64) -> String {
    let decimals = (5 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NINE: &str = "Network = DinoV3\nRankSize = 8\nBatchSize = 64\nDeviceType = aarch64\nCaseName = DinoV3_bs64_8p_perf\n\
                        ActualFPS = 393.8\nTrainingTime = 1.30015\nActualLoss = 9.9374\nE2ETrainingTime = 1893\n";

    fn side() -> Side {
        Side::of_file("a".to_owned(), "a".to_owned())
    }

    #[test]
    fn nine_lines() {
        assert!(is_script_file(NINE));
        let mut found = side();
        of_script_file(NINE, Path::new("x"), &mut found).unwrap();
        assert_eq!((found.fps.as_deref(), found.loss.as_deref()), (Some("393.8"), Some("9.9374")));
        assert_eq!((found.cards, found.batch, found.failed), (Some(8), Some(512), false));
    }

    /// The scripts end with 0 and write their file even where no step was taken.
    #[test]
    fn an_empty_figure_is_a_run_that_failed() {
        let mut found = side();
        let failed = NINE.replace("393.8", "").replace("9.9374", "total_loss:");
        of_script_file(&failed, Path::new("x"), &mut found).unwrap();
        assert!(found.failed && found.fps.is_none());
        assert_eq!(found.loss.as_deref(), Some("NaN"));
        let cut = NINE.split_inclusive('\n').take(6).collect::<String>();
        assert!(matches!(of_script_file(&cut, Path::new("x"), &mut side()), Err(CompareError::Key { .. })));
    }

    /// Seen to be called trusted without a word.
    #[test]
    fn a_doubt_that_was_allowed_goes_with_the_speed() {
        let mut report = crate::testing::report("2026-11-01T00:00:00Z", 400.0);
        report.suites[0].checks[0].findings =
            vec![dinov3_reports::Finding::new(Message::name("busy"), Message::name("others"))];
        let mut found = side();
        of_report(&report, Path::new("x"), &mut found).unwrap();
        assert!(found.doubts.is_empty() && found.allowed == [Message::name("others")], "{found:?}");
        report.suites[0].checks[0].verdict = Verdict::Fail { reason: Message::name("busy") };
        let mut found = side();
        of_report(&report, Path::new("x"), &mut found).unwrap();
        assert!(found.doubts == [Message::name("others")] && found.allowed.is_empty(), "{found:?}");
    }

    /// `cuda:0` says nothing of the chip.
    #[test]
    fn a_card_has_the_name_that_doctor_found() {
        use dinov3_reports::Judged;
        use dinov3_reports::message::{Ailment, Item, Plain};
        let chip_of = |device: &str, item, found: &str| {
            let mut report = crate::testing::report("2026-11-01T00:00:00Z", 400.0);
            report.environment.judged = Judged::Trainer { device: device.to_owned(), planted: None };
            report.environment.doctor = vec![Ailment::from(Plain::Fine { item, found: found.to_owned() }).into()];
            chip(&report)
        };
        assert_eq!(chip_of("cuda:0", Item::Gpus, "1 x NVIDIA H200").as_deref(), Some("NVIDIA H200"));
        assert_eq!(chip_of("npu:3", Item::Npus, "8 x 910B3 (NPU 0,1,2)").as_deref(), Some("910B3"));
        assert_eq!(chip_of("cpu", Item::Gpus, "1 x NVIDIA H200"), None);
        assert_eq!(chip_of("cuda:0", Item::Gpus, "nvidia-smi hangs"), None);
    }

    #[test]
    fn digits_are_those_of_awk() {
        assert_eq!([393.8, 616.798_4, 2.0, 0.123_456_78].map(digits), ["393.8", "616.798", "2", "0.123457"]);
    }
}
