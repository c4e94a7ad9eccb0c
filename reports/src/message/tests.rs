use super::*;
use crate::Float;

/// What is said of what was not judged or not observed.
fn of_coverage() -> Vec<Message> {
    let of = |words: Coverage| Message::from(words);
    let name = |name: &str| name.to_owned();
    vec![
        of(Coverage::NoRecording),
        of(Coverage::NoPrecision { precision: Precision::Fp32 }),
        of(Coverage::NoPrecision { precision: Precision::Bf16 }),
        of(Coverage::NoRecordings),
        of(Coverage::RanksOnOneDevice { ranks: 2 }),
        of(Coverage::NothingForSuite { suite: name("training") }),
        of(Coverage::OnlyPrecision { judged: Precision::Fp32 }),
        of(Coverage::OnlyPrecision { judged: Precision::Bf16 }),
        of(Coverage::SameFolder),
        of(Coverage::SameRecords),
        of(Coverage::Required { why: Box::new(of(Coverage::NoRecording)) }),
        of(Coverage::Demand { pattern: name("layers/*") }),
        of(Coverage::NothingOfThatName),
        of(Coverage::TheRun),
        of(Coverage::Interrupted { signal: name("SIGINT") }),
        of(Coverage::NotObserved { count: 24 }),
        of(Coverage::Unseen { count: 24, first: name("a.attn.apply_rope:0") }),
        of(Coverage::AllowMissing { patterns: vec![name("*.attn.apply_rope*"), name("*.norm1")] }),
        of(Coverage::Spans { set: name("micro"), count: 12, tensor: name("a.proj:in"), with: vec![name("a.rope:0")] }),
        Judging::ForwardWrong { check: name("layers/micro/fp32"), tensor: name("a.mlp.act") }.into(),
        Judging::ForwardRight { check: name("layers/micro/fp32") }.into(),
        Judging::ForwardUnseen { record: name("micro") }.into(),
        Judging::ByConfig.into(),
        Judging::Remark { set: name("train_ranks_4"), remark: Remark::RanksAsThreads { ranks: 4, processes: 2 } }
            .into(),
        Judging::Tally(Tally { identical: 294, missing: 20, waived: 4, ..Tally::default() }).into(),
    ]
}

/// What a log says beside its figures.
fn of_logs() -> Vec<Message> {
    let name = |name: &str| name.to_owned();
    let at = |line, what| Message::from(Logged { log: name("npu.log"), line, what });
    vec![
        at(Some(3), LogRemark::CutLine),
        at(Some(3), LogRemark::NoLineEnd),
        at(Some(120_001), LogRemark::Malformed { column: 45, more: 0 }),
        at(Some(120_001), LogRemark::Malformed { column: 45, more: 2 }),
        at(Some(70), LogRemark::Traceback { exception: name("RuntimeError: out of memory") }),
        at(Some(70), LogRemark::Traceback { exception: String::new() }),
        at(Some(9), LogRemark::MixedProcesses { kept: name("rank 0"), dropped: 12 }),
        at(Some(9), LogRemark::NanLoss { lines: 1 }),
        at(Some(9), LogRemark::NanLoss { lines: 3 }),
        at(None, LogRemark::Assumed { column: name("loss"), meter: name("total_loss") }),
        at(None, LogRemark::NotNumbers { columns: vec![name("host"), name("date")] }),
        at(None, LogRemark::ConfigBeside { path: name("out/config.yaml") }),
        at(Some(9), LogRemark::OtherHorizon { before: 125_000 }),
    ]
}

fn examples() -> Vec<Message> {
    let stage = Stage::Backward;
    let limit = Reason::Limit {
        metric: Metric::RelativeL2,
        error: Float(6.1e-5),
        yardstick: Float(3.97e-7),
        k: Float(4.0),
        limit: Float(1.65e-6),
    };
    let difference = |field, judged: Option<&str>| Difference {
        field,
        recorded: Some("AVX2".to_owned()),
        judged: judged.map(str::to_owned),
    };
    let differences =
        vec![difference(Circumstance::CpuCapability, Some("AVX512")), difference(Circumstance::MklCbwr, None)];
    let unusable = |reason| Judging::Remark {
        set: "data".to_owned(),
        remark: Remark::Unusable { image: "train/a.JPEG".to_owned(), reason },
    };
    let op = Op::Fraction(2);
    vec![
        Judging::EveryTensor { set: "micro".to_owned(), precision: Precision::Bf16 }.into(),
        Judging::FirstDivergence { tensor: "a.b".to_owned(), stage: Some(stage) }.into(),
        Judging::Wrong { outcome: Outcome::BeyondTheLimit, reason: Some(limit) }.into(),
        Judging::Tally(Tally { identical: 309, missing: 9, not_judged: 4, unexpected: 9, ..Tally::default() }).into(),
        Judging::Tally(Tally { identical: 318, ..Tally::default() }).into(),
        Judging::Tally(Tally { identical: 216, not_identical: 77, wrong: 25, ..Tally::default() }).into(),
        Judging::Tally(Tally { within: 231, not_identical: 87, ..Tally::default() }).into(),
        Judging::Tally(Tally { within: 1, wrong: 2, ..Tally::default() }).into(),
        Judging::OtherWeights { torch: Some("2.15.0".to_owned()) }.into(),
        Judging::OtherWeights { torch: None }.into(),
        Judging::BringWeights { set: "micro".to_owned() }.into(),
        Judging::GradientsTimes { count: 12, by: 2, divided: true }.into(),
        Judging::Remark { set: "micro".to_owned(), remark: Remark::WeightsBrought }.into(),
        Judging::Wrong { outcome: Outcome::BeyondTheLimit, reason: Some(Reason::Buffer) }.into(),
        unusable(Damage::Unsupported { format: "WebP".to_owned() }).into(),
        unusable(Damage::Unknown { length: 12 }).into(),
        unusable(Damage::TooLarge { width: 30_000, height: 20_000 }).into(),
        unusable(Damage::Truncated { format: "JPEG".to_owned() }).into(),
        unusable(Damage::Broken { format: "PNG".to_owned(), why: "CRC error".to_owned() }).into(),
        unusable(Damage::Unreadable("no such file".to_owned())).into(),
        Judging::Look {
            agrees: Some("grad:a".to_owned()),
            backward: Some(Backward { parameter: "b".to_owned(), next: vec!["grad:c".to_owned()], more: 2, wrong: 1 }),
        }
        .into(),
        Sections::WithinRounding { differences }.into(),
        Reduce::AndMore {
            first: Box::new(Reduce::WrongElements {
                rank: 1,
                wrong: 3,
                length: 5,
                place: 2,
                found: Float(1.5),
                expected: Float(f64::NAN),
            }),
            count: 13,
            op,
        }
        .into(),
        Reduce::Result { op, world: 2, values: Values::Random, length: 1 }.into(),
        Performance::Speed {
            fps: Float(393.8),
            interval: (Float(393.1), Float(394.2)),
            script: Some("366".to_owned()),
        }
        .into(),
        Performance::Untrusted { flags: vec!["jump".to_owned(), "busy".to_owned()] }.into(),
        Performance::Jump { change: Float(0.12), limit: Float(0.02), at: Some(70) }.into(),
        Performance::Outliers { share: Float(0.05), limit: Float(0.02), at: None }.into(),
        Performance::HowToAllow { flag: "busy".to_owned() }.into(),
        Performance::Window {
            lines: 5,
            span: (124_941, 124_999),
            script: Float(366.0),
            honest: Float(393.8),
            special: vec![(Special::Collection, 124_949), (Special::Evaluation, 124_999)],
            extra: Some(Float(10.0)),
            took: Some(Float(9.5)),
        }
        .into(),
    ]
    .into_iter()
    .chain(of_coverage())
    .chain(of_logs())
    .collect()
}

/// Each message once in both languages; names stand out in markdown alone.
#[test]
fn a_message_is_a_sentence_in_every_language() {
    let lines = examples()
        .into_iter()
        .map(|message| format!("{message}\n{}\n{}\n", message.plain(Lang::Zh), message.say(Lang::En, Pen::Markdown)));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_message_survives_json() {
    for message in examples() {
        let text = serde_json::to_string(&message).unwrap();
        let back: Message = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
        assert_eq!(back.to_string(), message.to_string());
    }
    let message: Message = Judging::NothingRecorded.into();
    insta::assert_snapshot!(serde_json::to_string(&message).unwrap(), @r#"{"en":"the golden set has no entries at this precision","says":{"judging":"nothing_recorded"}}"#);
}

/// Backticks are markdown's: no plain text has any, and no text in markdown lacks its pair.
#[test]
fn plain_text_has_no_markup() {
    for message in examples() {
        for lang in Lang::ALL {
            assert!(!message.plain(lang).contains('`'), "{message}");
            assert!(message.say(lang, Pen::Markdown).matches('`').count().is_multiple_of(2), "{message}");
        }
    }
}

/// Half of the sentence in one language and half in the other is a translation that was forgotten.
#[test]
fn chinese_is_chinese() {
    let is_chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    for message in examples() {
        assert!(is_chinese(&message.plain(Lang::Zh)), "{}", message.plain(Lang::Zh));
        assert!(!is_chinese(&message.to_string()), "{message}");
    }
}
