//! What a run needs of its machine, line by line: the findings of `doctor`.

use crate::Lang;
use crate::message::Ailment;
use crate::message::Pen;
use owo_colors::{OwoColorize, Style};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is known of one thing that a run needs. In JSON, `says` is the finding; everything else follows from it, for people and for scripts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "Written", into = "Written")]
#[schemars(with = "Written")]
pub struct DoctorLine {
    finding: Ailment,
    said: Said,
}

/// The state of one thing that a run needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is as it should be.
    Ok,
    /// A run of this kind does not need it.
    NotApplicable,
    /// The run works; it would be better, or nearer to the published run, with the fix.
    Advice,
    /// It is here and not as it must be.
    Wrong,
    /// It is not here.
    Missing,
}

impl State {
    /// Every state, the good ones first.
    pub const ALL: [Self; 5] = [Self::Ok, Self::NotApplicable, Self::Advice, Self::Wrong, Self::Missing];

    /// Whether the run cannot be trusted until this is mended.
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Wrong | Self::Missing)
    }

    /// The word for it.
    pub fn word(self, lang: Lang) -> &'static str {
        match self {
            Self::Ok => lang.of("ok", "正常"),
            Self::NotApplicable => lang.of("-", "不适用"),
            Self::Advice => lang.of("advice", "建议"),
            Self::Wrong => lang.of("wrong", "错误"),
            Self::Missing => lang.of("missing", "缺失"),
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Ok => Style::new().green(),
            Self::NotApplicable => Style::new().dimmed(),
            Self::Advice => Style::new().yellow(),
            Self::Wrong | Self::Missing => Style::new().red().bold(),
        }
    }
}

/// What a finding means: one text per language, made in one place, so that none is missing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    /// The name of the thing: the same in every language, as names of checks are.
    pub item: &'static str,
    /// Its state.
    pub state: State,
    /// What was found, in English and in Chinese.
    pub found: [String; 2],
    /// What to do, in English and in Chinese.
    pub fix: Option<[String; 2]>,
}

impl Said {
    fn new(item: &'static str, state: State, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { item, state, found: [en.into(), zh.into()], fix: None }
    }

    pub(crate) fn ok(item: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::new(item, State::Ok, en, zh)
    }

    pub(crate) fn idle(item: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::new(item, State::NotApplicable, en, zh)
    }

    pub(crate) fn advice(item: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::new(item, State::Advice, en, zh)
    }

    pub(crate) fn wrong(item: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::new(item, State::Wrong, en, zh)
    }

    pub(crate) fn missing(item: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::new(item, State::Missing, en, zh)
    }

    /// With what to do about it.
    pub(crate) fn fix(mut self, en: impl Into<String>, zh: impl Into<String>) -> Self {
        self.fix = Some([en.into(), zh.into()]);
        self
    }
}

/// The JSON form of a line.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DoctorLine")]
struct Written {
    /// The thing, for example `cann`.
    item: String,
    /// Its state.
    state: State,
    /// What was found, in English, for a person who reads the file.
    en: String,
    /// What to do, in English.
    fix: Option<String>,
    /// The finding.
    says: Ailment,
}

impl From<Ailment> for DoctorLine {
    fn from(finding: Ailment) -> Self {
        Self { said: finding.said(), finding }
    }
}

impl From<Written> for DoctorLine {
    fn from(written: Written) -> Self {
        written.says.into()
    }
}

impl From<DoctorLine> for Written {
    fn from(line: DoctorLine) -> Self {
        let DoctorLine { finding, said: Said { item, state, found: [en, _], fix } } = line;
        Self { item: item.to_owned(), state, en, fix: fix.map(|[en, _]| en), says: finding }
    }
}

impl DoctorLine {
    /// The finding.
    pub fn finding(&self) -> &Ailment {
        &self.finding
    }

    /// The thing, for example `cann`.
    pub fn item(&self) -> &'static str {
        self.said.item
    }

    /// Its state.
    pub fn state(&self) -> State {
        self.said.state
    }

    /// What was found.
    pub fn found(&self, lang: Lang, pen: Pen) -> String {
        pen.text(in_lang(&self.said.found, lang))
    }

    /// What to do, if anything.
    pub fn fix(&self, lang: Lang, pen: Pen) -> Option<String> {
        self.said.fix.as_ref().map(|fix| pen.text(in_lang(fix, lang)))
    }

    /// `cann: no CANN toolkit is in …`, for an error that quotes the line.
    pub fn quoted(&self, lang: Lang) -> String {
        format!("{}{}{}", self.item(), lang.colon(), self.found(lang, Pen::Plain))
    }
}

fn in_lang([en, zh]: &[String; 2], lang: Lang) -> &str {
    match lang {
        Lang::En => en,
        Lang::Zh => zh,
    }
}

/// The columns of the state and of the thing.
const STATE: usize = 8;
const ITEM: usize = 23;

/// The lines for a person, with ANSI colours: state, thing, finding, and below it the fix.
pub fn text<'a>(lines: impl IntoIterator<Item = &'a DoctorLine>, lang: Lang) -> String {
    let mut text = String::new();
    for line in lines {
        let state = crate::width::left(line.state().word(lang), STATE);
        let found = line.found(lang, Pen::Plain).replace('\n', "\n        ");
        let item = crate::width::left(line.item(), ITEM);
        text += &format!("{} {} {found}\n", state.style(line.state().style()), item.bold());
        if let Some(fix) = line.fix(lang, Pen::Plain) {
            text += &format!("{:STATE$} {}{}{fix}\n", "", lang.of("fix", "处理"), lang.colon());
        }
    }
    text
}

/// How many lines have each state: `23 ok, 2 advice, 1 wrong`.
pub fn count(lines: &[DoctorLine], lang: Lang) -> String {
    let counts = State::ALL.map(|state| (state, lines.iter().filter(|line| line.state() == state).count()));
    let words = counts.iter().filter(|(_, count)| *count > 0).map(|(state, count)| match state {
        State::NotApplicable => format!("{count}{}", lang.of(" not applicable", " 项不适用")),
        state => format!("{count}{}{}", lang.of(" ", " 项"), state.word(lang)),
    });
    words.collect::<Vec<_>>().join(lang.of(", ", "，"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Cann, Item, Plain, Python, Why};
    use crate::{fixture, junit, markdown};

    fn lines() -> Vec<DoctorLine> {
        let findings: [Ailment; 4] = [
            Plain::Fine { item: Item::Driver, found: "25.3.rc1".to_owned() }.into(),
            Plain::Idle { item: Item::Gpus, why: Why::OtherDevice { needs: "cuda".to_owned() } }.into(),
            Cann::NoDriver { file: "/a|b/version.info".to_owned() }.into(),
            Python::NotPublished { version: "3.10.1".to_owned() }.into(),
        ];
        findings.map(Into::into).into()
    }

    /// State, thing and finding have columns; the fix stands below.
    #[test]
    fn lines_are_for_people() {
        let plain = |lang| anstream::adapter::strip_str(&text(&lines(), lang)).to_string();
        insta::assert_snapshot!(format!("{}{}\n{}{}", plain(Lang::En), count(&lines(), Lang::En), plain(Lang::Zh), count(&lines(), Lang::Zh)), @"
        ok       driver                  25.3.rc1
        -        gpus                    for --device cuda
        missing  driver                  no /a|b/version.info
                 fix: install the driver; in a container, mount /usr/local/Ascend/driver of the host
        advice   python                  3.10.1; the published run has 3.11
                 fix: use Python 3.11
        1 ok, 1 not applicable, 1 advice, 1 missing
        正常     driver                  25.3.rc1
        不适用   gpus                    仅用于 --device cuda
        缺失     driver                  没有 /a|b/version.info
                 处理：安装驱动；在容器中请挂载宿主机的 /usr/local/Ascend/driver
        建议     python                  3.10.1；公布的训练使用 3.11
                 处理：使用 Python 3.11
        1 项正常，1 项不适用，1 项建议，1 项缺失
        ");
    }

    /// What is wrong stands at the head of a report, everything in its environment, and JUnit has what is wrong as a property.
    #[test]
    fn every_report_has_them() {
        let mut report = fixture::report();
        report.environment.doctor = lines();
        let page = markdown::markdown(&report, Lang::En, None);
        let head = page.split("## What failed").next().unwrap_or_default();
        insta::assert_snapshot!(head.split("What `doctor` finds ").nth(1).unwrap_or_default(), @"
        wrong on this machine:

        * `driver` missing: no /a|b/version.info
          fix: install the driver; in a container, mount /usr/local/Ascend/driver of the host
        ");
        let cells = page.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            cells.contains("| advice | `python` | 3.10.1; the published run has 3.11 | use Python 3.11 |"),
            "{page}"
        );
        let junit = junit::junit(&report, Lang::En).unwrap();
        assert!(junit.contains(r#"value="driver: no /a|b/version.info""#), "{junit}");
        let html = crate::html::page(&report, Lang::En);
        assert!(html.contains("<code>driver</code>") && html.contains("安装驱动"), "{html}");
        let text = crate::json::to_json(&report).unwrap();
        assert_eq!(crate::json::from_json(&text).unwrap().environment.doctor, report.environment.doctor);
    }

    /// A fix that is not said, or said in one language alone, helps nobody.
    #[test]
    fn what_is_bad_has_a_fix() {
        for line in lines().iter().filter(|line| line.state() > State::NotApplicable) {
            assert!(line.fix(Lang::Zh, Pen::Plain).is_some_and(|fix| !fix.is_empty()), "{line:?}");
        }
    }
}
