//! How many tensors became what.

use super::{Pen, Say};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many tensors became what. All but `unexpected` add up to the tensors of the golden set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tally {
    /// They have the reference's bits.
    pub identical: usize,
    /// They have other bits, which rounding explains.
    pub within: usize,
    /// They have other bits, which rounding would explain, where the same were expected.
    pub not_identical: usize,
    /// They are wrong in any other way but by missing.
    pub wrong: usize,
    /// The candidate did not show them.
    pub missing: usize,
    /// The candidate did not show them, which was allowed by name.
    #[serde(default)]
    pub waived: usize,
    /// Nothing is said of them.
    pub not_judged: usize,
    /// The candidate showed them, and the golden set does not have them: not among its tensors.
    pub unexpected: usize,
}

impl Tally {
    /// The tensors of the golden set.
    pub fn tensors(&self) -> usize {
        self.judged() + self.not_judged + self.missing + self.waived
    }

    /// Those of them that were judged.
    fn judged(&self) -> usize {
        self.identical + self.within + self.not_identical + self.wrong
    }

    /// Those that were shown and make the check fail.
    pub fn failing(&self) -> usize {
        self.wrong_of_the_set() + self.unexpected
    }

    /// Those of the golden set that make the check fail.
    fn wrong_of_the_set(&self) -> usize {
        self.not_identical + self.wrong
    }

    /// How many are wrong, and in which way: `102 wrong (77 by rounding alone, 25 otherwise)`.
    fn ways(&self, words: &Ways) -> Option<String> {
        let ways = [(self.not_identical, words.not_identical), (self.wrong, words.otherwise)];
        let ways: Vec<_> = ways.into_iter().filter(|(count, _)| *count > 0).collect();
        let all = (self.wrong_of_the_set(), words.wrong);
        let told = |(count, what): (usize, &str)| format!("{count}{}{what}", words.of);
        match ways.as_slice() {
            [] => None,
            // That it is wrong otherwise says nothing where nothing else is wrong.
            [(_, what)] if *what == words.otherwise => Some(told(all)),
            [(_, what)] => Some(format!("{}{}{what}{}", told(all), words.open, words.close)),
            ways => {
                let ways = ways.iter().map(|way| told(*way)).collect::<Vec<_>>().join(words.comma);
                Some(format!("{}{}{ways}{}", told(all), words.open, words.close))
            }
        }
    }
}

impl Say for Tally {
    fn en(&self, _: Pen) -> String {
        let mut text = if self.identical == self.judged() {
            format!("{} tensors, all identical", self.judged())
        } else {
            let parts = [(self.identical, "identical"), (self.within, "within the limit")];
            let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
            let parts: Vec<String> = parts.chain(self.ways(&EN)).collect();
            format!("{} tensors: {}", self.judged(), parts.join(", "))
        };
        if self.missing > 0 {
            text += &format!("; {} more not observed", self.missing);
        }
        if self.waived > 0 {
            text += &format!("; {} more not observed, which is allowed", self.waived);
        }
        if self.not_judged > 0 {
            text += &format!("; {} more not judged", self.not_judged);
        }
        if self.unexpected > 0 {
            text += &format!("; {} more that the golden set does not have", self.unexpected);
        }
        text
    }

    fn zh(&self, _: Pen) -> String {
        let mut text = if self.identical == self.judged() {
            format!("{} 个张量全部二进制一致", self.judged())
        } else {
            let parts = [(self.identical, "二进制一致"), (self.within, "误差在阈值内")];
            let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} 个{what}"));
            let parts: Vec<String> = parts.chain(self.ways(&ZH)).collect();
            format!("{} 个张量：{}", self.judged(), parts.join("，"))
        };
        if self.missing > 0 {
            text += &format!("；另有 {} 个未采集", self.missing);
        }
        if self.waived > 0 {
            text += &format!("；另有 {} 个未采集（已允许）", self.waived);
        }
        if self.not_judged > 0 {
            text += &format!("；另有 {} 个未判定", self.not_judged);
        }
        if self.unexpected > 0 {
            text += &format!("；另有 {} 个不在标杆数据集中", self.unexpected);
        }
        text
    }
}

/// The words of a language for the ways to be wrong.
struct Ways {
    wrong: &'static str,
    not_identical: &'static str,
    otherwise: &'static str,
    /// Between a number and what it counts.
    of: &'static str,
    comma: &'static str,
    open: &'static str,
    close: &'static str,
}

const EN: Ways = Ways {
    wrong: "wrong",
    not_identical: "by rounding alone",
    otherwise: "otherwise",
    of: " ",
    comma: ", ",
    open: " (",
    close: ")",
};

const ZH: Ways = Ways {
    wrong: "不达标",
    not_identical: "仅有舍入误差",
    otherwise: "其他问题",
    of: " 个",
    comma: "，",
    open: "（",
    close: "）",
};
