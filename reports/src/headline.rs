//! The sentence that matters first, and the summary for whoever reads nothing else. Both are read off verdicts that suites have reached.

use crate::message::{Brief, ComparedWord, Headline, Message, Mode, Outcome, Page, Pen, Precision, Say, Stage};
use crate::{Check, Gate, Judged, Lang, RUN, RunReport, Subject, SuiteResult, Verdict, growth};

/// What is said first of a run that failed, in order; nothing of one that passed.
pub(crate) fn headline(report: &RunReport, lang: Lang, pen: Pen) -> Vec<String> {
    let failing: Vec<&Check> = report.checks().filter(|check| report.gates_as_failure(check)).collect();
    let Some(check) = failing.iter().copied().min_by_key(|check| rank(check)) else { return Vec::new() };
    let mut said = match growth::first_wrong(check) {
        Some(first) => of_tensor(check, first, lang, pen),
        None => {
            let why = check.findings.first().map(|finding| {
                format!("{}{}{}", finding.subject.say(lang, pen), lang.colon(), finding.text.say(lang, pen))
            });
            let why = why.or_else(|| check.line().map(|line| line.say(lang, pen))).unwrap_or_default();
            vec![
                Headline::Failed { check: check.id.clone(), why: why.trim_end_matches(['.', '。']).to_owned() }
                    .say(lang, pen),
            ]
        }
    };
    if failing.len() > 1 {
        said.push(Headline::More(failing.len() - 1).say(lang, pen));
    }
    said
}

/// What is said first of runs that are laid beside each other: the speed of each in multiples of the first.
pub(crate) fn compared(report: &RunReport) -> Vec<&Message> {
    let ratio = |check: &&Check| check.figures.iter().any(|figure| figure.key == "ratio");
    report.checks().filter(ratio).filter_map(|check| check.summary.as_ref()).collect()
}

/// The earliest part of the step that is wrong comes first, since what follows it follows from it.
fn rank(check: &Check) -> u8 {
    let Some(first) = growth::first_wrong(check) else { return 9 };
    match check.tensors[first].stage {
        Some(Stage::Init) => 0,
        Some(Stage::Data) => 1,
        Some(Stage::Forward) => 2,
        Some(Stage::Loss) => 3,
        Some(Stage::Backward) => 4,
        Some(Stage::Optimizer) => 5,
        Some(Stage::Ema) => 6,
        Some(Stage::Schedule) => 7,
        Some(Stage::Trajectory) | None => 8,
    }
}

fn of_tensor(check: &Check, first: usize, lang: Lang, pen: Pen) -> Vec<String> {
    let tensor = &check.tensors[first];
    let wrong = check.tensors.iter().filter(|tensor| tensor.outcome.fails()).count();
    let agrees = check.tensors[..first].iter().rev().find(|it| !it.outcome.fails() && it.outcome != Outcome::NotJudged);
    let sentence = Headline::FirstWrong {
        check: check.id.clone(),
        tensor: tensor.name.clone(),
        stage: tensor.stage,
        outcome: tensor.outcome,
        ratio: tensor.ratio_to_limit.map(|ratio| ratio.0),
    };
    let since = Headline::Since {
        place: first + 1,
        of: check.tensors.len(),
        wrong,
        agrees: agrees.map(|tensor| tensor.name.clone()),
    };
    let cause = check.findings.first().filter(|it| it.subject.as_name() == Some(tensor.name.as_str()));
    let cause = cause.map(|finding| finding.text.say(lang, pen));
    [Some(sentence.say(lang, pen)), cause, Some(since.say(lang, pen))].into_iter().flatten().collect()
}

/// The suite that times trainings.
const PERFORMANCE: &str = "performance";

/// A line of the summary: what it is about, and what it says.
pub(crate) type Line = (Page, Vec<Brief>);

/// The summary that can be handed to somebody who reads nothing else.
pub(crate) fn brief(report: &RunReport, lang: Lang, pen: Pen) -> Vec<Line> {
    let vacuous = report.counts().vacuous;
    let looked = std::iter::once(covered(report)).chain((vacuous > 0).then_some(Brief::Vacuous(vacuous)));
    let mut lines = vec![(Page::WhoWasJudged, vec![judged(report)]), (Page::Covered, looked.collect())];
    let tensors = report.checks().any(|check| !check.tensors.is_empty());
    lines.push((Page::WorstUse, tensors.then(|| worst(report)).into_iter().collect()));
    let published = published(report);
    lines.push((Page::Published, (!published.is_empty()).then_some(Brief::Published(published)).into_iter().collect()));
    let speeds = timed(report).filter_map(|check| {
        let said = check.summary.as_ref()?.say(lang, pen);
        Some(Brief::Speeds { check: check.id.clone(), said })
    });
    lines.push((Page::Speed, speeds.collect()));
    let passed = report.gate() == Gate::Pass;
    let claim = |suite: &SuiteResult| {
        let proves = suite.proves.say(lang, pen).trim_end_matches(['.', '。']).to_owned();
        Brief::Claim { proves, allowed: allowed(suite) }.say(lang, pen)
    };
    let claims = report.suites.iter().filter(|suite| suite.proved()).map(claim).collect();
    let claims = Brief::Proves { claims, in_part: report.counts().skipped > 0 };
    lines.push((Page::Entitles, vec![if passed { claims } else { Brief::Nothing }]));
    lines.push((Page::DoesNot, limits(report)));
    lines.retain(|(_, says)| !says.is_empty());
    lines
}

/// Who was judged; our own trainer by its processor too, since that is what computes or feeds it.
fn judged(report: &RunReport) -> Brief {
    Brief::Judged { who: report.environment.judged.clone(), cpu: report.environment.cpu.clone() }
}

/// The runs of a comparison of which nothing was measured here.
fn published(report: &RunReport) -> Vec<String> {
    let unmeasured = Message::from(ComparedWord::NotMeasuredHere);
    let of = |check: &&Check| check.verdict.reason() == Some(&unmeasured);
    // `compare/NAME/speed`.
    let name = |check: &Check| {
        let (_, name) = check.id.split_once('/')?;
        name.rsplit_once('/').map(|(name, _)| name.to_owned())
    };
    report.checks().filter(of).filter_map(name).collect()
}

/// The checks that timed a training of this run.
fn timed(report: &RunReport) -> impl Iterator<Item = &Check> {
    let suites = report.suites.iter().filter(|suite| suite.suite == PERFORMANCE);
    let has = |check: &&Check| check.figures.iter().any(|figure| figure.key == "fps_median");
    suites.flat_map(|suite| &suite.checks).filter(has)
}

/// The doubts about a speed that a suite passes in spite of.
fn allowed(suite: &SuiteResult) -> Vec<String> {
    let passing = suite.checks.iter().filter(|check| suite.suite == PERFORMANCE && check.verdict == Verdict::Pass);
    let mut names = Vec::new();
    for name in passing.flat_map(|check| &check.findings).filter_map(|finding| finding.subject.as_name()) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

fn covered(report: &RunReport) -> Brief {
    let figure = |check: &Check, key: &str| check.figures.iter().find(|it| it.key == key).map(|it| it.value as u64);
    let timed =
        timed(report).filter_map(|check| Some((figure(check, "steps")?, figure(check, "world_size")?))).collect();
    let counts = report.counts();
    let mut sets: Vec<(String, Vec<Precision>)> = Vec::new();
    for golden in report.checks().filter(|it| !it.tensors.is_empty()).filter_map(|it| it.golden.as_ref()) {
        match sets.iter_mut().find(|(set, _)| *set == golden.set) {
            Some((_, precisions)) if precisions.contains(&golden.precision) => {}
            Some((_, precisions)) => precisions.push(golden.precision),
            None => sets.push((golden.set.clone(), vec![golden.precision])),
        }
    }
    Brief::Covered {
        suites: report.suites.iter().filter(|suite| suite.looked()).count(),
        checks: counts.total() - counts.skipped,
        skipped: counts.skipped,
        tensors: report.checks().map(|check| check.tensors.len()).sum(),
        sets,
        timed,
    }
}

fn worst(report: &RunReport) -> Brief {
    let all = report.checks().flat_map(|check| check.tensors.iter().map(move |tensor| (check, tensor)));
    let held = all.filter_map(|(check, it)| {
        it.ratio_to_limit.filter(|ratio| ratio.0.is_finite()).map(|ratio| (ratio.0, it, check))
    });
    let worst = held.max_by(|a, b| a.0.total_cmp(&b.0));
    worst.map_or(Brief::NoneHeld, |(ratio, tensor, check)| Brief::Worst {
        ratio,
        tensor: tensor.name.clone(),
        check: check.id.clone(),
    })
}

/// What a pass of these suites says nothing of.
fn limits(report: &RunReport) -> Vec<Brief> {
    let ran = |name: &str| report.suites.iter().any(|suite| suite.suite == name && suite.looked());
    let held = report
        .suites
        .iter()
        .any(|suite| suite.looked() && ![PERFORMANCE, "gate", "history", RUN].contains(&suite.suite.as_str()));
    let precisions = || report.checks().filter_map(|check| check.golden.as_ref()).map(|golden| golden.precision);
    let only_bf16 = precisions().next().is_some() && precisions().all(|precision| precision == Precision::Bf16);
    let mut limits = Vec::new();
    limits.extend(only_bf16.then_some(Brief::OnlyBf16));
    limits.extend((!held).then_some(Brief::NothingHeld));
    let tensors = || report.checks().flat_map(|check| &check.tensors);
    let step = ran("training") || tensors().any(|tensor| tensor.stage == Some(Stage::Backward));
    let followed = ran("trajectory") || ran("compare");
    limits.extend((held && !followed && !step).then_some(Brief::NoStep));
    limits.extend((held && !followed).then_some(Brief::NoTrajectory));
    limits.extend((!ran(PERFORMANCE) && !ran("compare")).then_some(Brief::Speed));
    limits.extend((!ran("compare")).then_some([Brief::Mode(mode(report)), Brief::Hosts]).into_iter().flatten());
    limits
}

/// How the code ran that was judged, as far as it says so.
fn mode(report: &RunReport) -> Mode {
    // The trainer of this program compiles nothing.
    let of = |subject: &Subject| match (subject.mode(), &subject.folder) {
        (Some("eager"), _) | (None, None) => Mode::Eager,
        (Some("compiled"), _) => Mode::Compiled,
        _ => Mode::Unsaid,
    };
    let mut modes: Vec<Mode> = report.checks().filter_map(|check| check.judged.as_deref()).map(of).collect();
    if modes.is_empty() {
        let trainer = matches!(report.environment.judged, Judged::Trainer { .. });
        modes.push(if trainer { Mode::Eager } else { Mode::Unsaid });
    }
    match modes.iter().all(|mode| *mode == modes[0]) {
        true => modes[0],
        false if modes.contains(&Mode::Unsaid) => Mode::Unsaid,
        false => Mode::Each,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Coverage, Key};
    use crate::{Figure, Finding, Verdict, fixture};

    #[test]
    fn the_first_sentence_says_which_layer_how_bad_and_since_when() {
        let report = fixture::report();
        let said = |lang| headline(&report, lang, Pen::Plain).join("\n");
        insta::assert_snapshot!(said(Lang::En), @"
        student.backbone.blocks.3.attn.qkv is the first tensor that is wrong (layers/vit_small/fp32, stage forward): its error is 103 times the limit.
        beyond the limit: relative l2: error 3.21e-3, limit 3.12e-5 (k = 4, yardstick 7.80e-6)
        It is number 3 of 5 in the order of computation; student.backbone.blocks.3.norm1, right before it, is not wrong. 3 are wrong in all.
        1 more check fails.
        ");
        insta::assert_snapshot!(said(Lang::Zh), @"
        student.backbone.blocks.3.attn.qkv 是首个不达标的张量（layers/vit_small/fp32，前向阶段）：误差为阈值的 103 倍。
        误差超出阈值，欧氏相对距离 3.21e-3，阈值 3.12e-5（k = 4，标杆自身误差 7.80e-6）
        按计算顺序为第 3 个（共 5 个）；其前一个张量 student.backbone.blocks.3.norm1 未见异常。不达标的张量共 3 个。
        另有 1 个用例失败。
        ");
    }

    #[test]
    fn a_forward_that_is_wrong_comes_before_a_backward() {
        let mut report = fixture::report();
        let mut backward = report.suites[0].checks[1].clone();
        backward.id = "training/a/fp32".to_owned();
        backward.tensors.iter_mut().for_each(|tensor| tensor.stage = Some(Stage::Backward));
        report.suites[0].checks.insert(0, backward);
        let said = headline(&report, Lang::En, Pen::Plain);
        assert!(said[0].contains("layers/vit_small/fp32"), "{said:?}");
        assert_eq!(said.last().map(String::as_str), Some("2 more checks fail."));
    }

    /// Seen to fail: with every planned suite among the claims, a candidate proved sums of ranks that nobody looked at.
    #[test]
    fn what_no_check_looked_at_is_not_claimed() {
        let mut report = fixture::report();
        report.suites[0].checks.truncate(1);
        for check in &mut report.suites[1].checks {
            check.verdict = Verdict::Skipped { reason: Coverage::NoRecording.into() };
        }
        let said = |report: &RunReport, head: Page| {
            let lines = brief(report, Lang::En, Pen::Plain);
            let found = lines.into_iter().find(|(it, _)| *it == head).expect("the line").1;
            found.iter().map(|it| it.en(Pen::Plain)).collect::<Vec<_>>().join("; ")
        };
        let claims = said(&report, Page::Entitles);
        assert_eq!(
            claims,
            "every tensor of the forward pass is the reference's (as far as the sets and precisions above go)"
        );
        assert!(said(&report, Page::Covered).starts_with("1 suite, 1 check, "));
        let compiled = fixture::subject();
        assert_eq!(compiled.mode(), Some("compiled"));
        report.suites[0].checks[0].judged = Some(Box::new(compiled));
        assert!(said(&report, Page::DoesNot).contains("the eager mode: compiled code (torch.compile) was judged"));
        report.suites[0].checks[0].judged = None;
        assert!(said(&report, Page::DoesNot).contains("the compiled mode (torch.compile): eager code was judged"));
    }

    #[test]
    fn a_run_that_passed_has_no_headline_and_a_pass_at_bf16_alone_says_what_it_cannot_see() {
        let mut report = fixture::report();
        report.suites.truncate(1);
        report.suites[0].checks.truncate(1);
        assert!(headline(&report, Lang::En, Pen::Plain).is_empty());
        assert!(!limits(&report).contains(&Brief::OnlyBf16));
        report.suites[0].checks[0].golden.as_mut().unwrap().precision = Precision::Bf16;
        assert!(limits(&report).contains(&Brief::OnlyBf16));
        let lines = brief(&report, Lang::En, Pen::Plain);
        let text: Vec<String> = lines
            .iter()
            .map(|(head, says)| {
                let says: Vec<String> = says.iter().map(|it| it.en(Pen::Plain)).collect();
                format!("{}: {}", head.en(Pen::Plain), says.join("; "))
            })
            .collect();
        insta::assert_snapshot!(text.join("\n"), @"
        judged: the trainer of this program, with gelu-tanh@3 planted, on cpu, Example CPU @ 2.0 GHz <b>
        covered: 1 suite, 1 check, 2 tensors; sets micro (bf16)
        nearest to the limit: no tensor needed a limit
        this entitles one to claim: every tensor of the forward pass is the reference's
        this says nothing of: what bf16 hides: fp32 was not judged, so another GELU, epsilon or RoPE cannot be excluded; a training step: no gradient, no optimizer and no average of the teacher was judged (suite training); a whole training: no run was followed (suite trajectory); speed: nothing was timed; the eager mode: compiled code (torch.compile) was judged; several machines: no run over more than one was judged
        ");
    }

    /// Seen to say that nothing makes the speed untrustworthy, of a run with doubts that were allowed, and to name no speed.
    #[test]
    fn a_speed_is_told_with_the_doubts_that_were_allowed() {
        let mut report = fixture::report();
        report.suites.truncate(1);
        let suite = &mut report.suites[0];
        suite.suite = PERFORMANCE.to_owned();
        suite.checks.truncate(1);
        let check = &mut suite.checks[0];
        let figure = |key: &str, value: f64| Figure { key: key.to_owned(), ..Figure::new(Key::Measured, value) };
        check.figures = vec![figure("fps_median", 393.8), figure("steps", 1222.0), figure("world_size", 8.0)];
        check.findings = vec![Finding::new(Message::name("busy"), Message::name("others"))];
        (check.tensors, check.summary) = (Vec::new(), Some(Message::name("393.8 images/s")));
        let lines = |lang| {
            let said = brief(&report, lang, Pen::Plain).into_iter();
            said.map(|(head, says)| {
                let says: Vec<String> = says.iter().map(|it| it.say(lang, Pen::Plain)).collect();
                format!("{}: {}", head.say(lang, Pen::Plain), says.join("; "))
            })
            .collect::<Vec<_>>()
            .join("\n")
        };
        insta::assert_snapshot!(lines(Lang::En), @"
        judged: the trainer of this program, with gelu-tanh@3 planted, on cpu, Example CPU @ 2.0 GHz <b>
        covered: 1 suite, 1 check, 1222 steps timed on 8 ranks
        speed: 393.8 images/s (layers/micro/fp32)
        this entitles one to claim: every tensor of the forward pass is the reference's, but for doubts that were found and allowed: busy
        this says nothing of: whether the numbers are right: nothing was held against the reference (suites precision, trajectory); the eager mode: compiled code (torch.compile) was judged; several machines: no run over more than one was judged
        ");
        insta::assert_snapshot!(lines(Lang::Zh), @"
        待测对象: 本程序的训练器（已注入缺陷 gelu-tanh@3），运行于 cpu，Example CPU @ 2.0 GHz <b>
        覆盖范围: 1 个测试套，1 个用例，计时 1222 步（8 卡）
        速度: 393.8 images/s（layers/micro/fp32）
        据此可以声称: 前向计算的每个张量都与标杆一致，但已发现并放行的存疑项除外：busy
        据此不能声称: 数值是否正确：未与标杆比对（测试套 precision、trajectory）; eager 模式：判定的是编译模式（torch.compile）; 多机：没有判定跨机运行
        ");
    }

    /// A reader of the first half page knows what nobody has measured here.
    #[test]
    fn what_was_only_published_is_said_at_the_top() {
        let mut report = fixture::report();
        report.suites.truncate(1);
        let suite = &mut report.suites[0];
        suite.checks.truncate(1);
        suite.checks[0].id = "compare/atlas-800t-a2/speed".to_owned();
        assert!(published(&report).is_empty(), "a run that was measured");
        report.suites[0].checks[0].verdict = Verdict::Skipped { reason: ComparedWord::NotMeasuredHere.into() };
        assert_eq!(published(&report), ["atlas-800t-a2"]);
        let lines = brief(&report, Lang::En, Pen::Plain);
        let (_, says) = lines.iter().find(|(head, _)| *head == Page::Published).unwrap();
        insta::assert_snapshot!(says[0].en(Pen::Plain), @"atlas-800t-a2: Ascend DrivingSDK e667017e, model_examples/DinoV3/README.md");
    }

    /// Seen to say "eager code was judged" of a recording of compiled code, before the mode was read from the recording.
    #[test]
    fn the_mode_that_was_not_judged_is_that_of_the_recording() {
        let mut report = fixture::report();
        report.suites.truncate(1);
        report.suites[0].checks.truncate(1);
        let set = |report: &mut RunReport, mode: Option<&str>| {
            let subject = report.suites[0].checks[0].judged.as_mut().unwrap();
            subject.software = mode.map(|mode| ("mode".to_owned(), mode.to_owned())).into_iter().collect();
        };
        let said = |report: &RunReport| {
            let found = limits(report).into_iter().find(|it| matches!(it, Brief::Mode(_))).unwrap();
            [found.en(Pen::Plain), found.zh(Pen::Plain)]
        };
        set(&mut report, Some("compiled"));
        assert!(said(&report)[0].ends_with("compiled code (torch.compile) was judged"), "{:?}", said(&report));
        assert!(said(&report)[1].contains("判定的是编译模式"), "{:?}", said(&report));
        set(&mut report, Some("eager"));
        assert!(said(&report)[0].ends_with("eager code was judged"), "{:?}", said(&report));
        assert!(said(&report)[1].ends_with("判定的是 eager 模式"), "{:?}", said(&report));
        // Recordings of an older recorder do not say.
        set(&mut report, None);
        assert_eq!(mode(&report), Mode::Unsaid);
        // Two recordings of two kinds.
        set(&mut report, Some("eager"));
        let mut other = report.suites[0].checks[0].clone();
        other.judged.as_mut().unwrap().software = [("mode".to_owned(), "compiled".to_owned())].into();
        report.suites[0].checks.push(other);
        assert_eq!(mode(&report), Mode::Each);
        // Our own trainer runs as it is; the log of a training that somebody else made says nothing.
        report.suites[0].checks.truncate(1);
        report.suites[0].checks[0].judged = None;
        assert_eq!(mode(&report), Mode::Eager);
        report.environment.judged = Judged::Candidate { folder: "log.txt".to_owned() };
        assert_eq!(mode(&report), Mode::Unsaid);
    }
}
