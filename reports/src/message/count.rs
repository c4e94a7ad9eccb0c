//! Sentences of the renderers with numbers or names in them.

use super::label::Label;
use super::{Pen, Say};
use crate::number;

/// A sentence of a renderer with numbers or names in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Count<'a> {
    /// Whose tensors were judged.
    Judged(String),
    /// How many checks come.
    Checks(usize),
    /// What the run found.
    InTime(crate::Counts, f64),
    /// How many findings are not shown, and where they are.
    MoreFindings(usize),
    /// Where findings are when there is no report.
    MoreInAReport(usize),
    /// How many rows a table has.
    Rows(usize),
    /// The last lines of a table of tensors.
    OtherTensors { others: usize, identical: usize },
    /// What the table of tensors is of.
    WorstTensors(usize, String),
    /// Rows that have nothing to say.
    QuietRows { left_out: usize, of: usize },
    /// Sections that have nothing to say.
    QuietSections(usize),
    /// A plot that was not drawn.
    NotDrawn(String),
    /// Why the run fails.
    CountsAsFailed(Label),
    /// What a suite proves.
    Proves(String),
    /// Everything is identical.
    AllIdentical(usize),
    /// Everything is explained by rounding.
    AllWithin { tensors: usize, identical: usize },
    /// Everything that was judged is explained by rounding.
    JudgedWithin { tensors: usize, identical: usize, not_judged: usize },
    /// Something is wrong.
    SomeWrong { wrong: usize, tensors: usize },
    /// Nothing that was observed is wrong, but not all was observed.
    NotAllObserved { missing: usize, tensors: usize },
    /// How many checks were not made, of all.
    NotMade { skipped: usize, checks: usize },
    /// Checks that were not made for one reason.
    SkippedAlike { checks: usize, names: String },
    /// Whose tensors, once for those that are alike.
    Who(String),
    /// More names than are shown.
    MoreNames(usize),
    /// The suites that this run ran.
    Ran(String),
    /// The system.
    LibtorchOn { libtorch: &'a str, judged: String, cpu: &'a str, capability: &'a str, threads: u32 },
    /// Recordings, and the system that judges them.
    JudgedBy { libtorch: &'a str, judged: String, cpu: &'a str, capability: &'a str, threads: u32 },
    /// A suite.
    Suite(String),
    /// Findings beyond those shown.
    Beyond(usize),
    /// Rows that a page has no room for.
    RowsLeftOut { left_out: usize },
    /// A table that a page has no room for.
    InTheJson,
    /// A text that would have become too long.
    CutForSize,
}

impl Say for Count<'_> {
    fn en(&self, pen: Pen) -> String {
        let plural = |count: usize, one: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") };
        match self {
            Self::Judged(whose) => format!("Judged: {whose}."),
            Self::Checks(count) => plural(*count, "check"),
            Self::InTime(counts, seconds) => format!("{} in {}", counts.en(pen), number::duration(*seconds)),
            Self::MoreFindings(count) => format!("and {} in the report", plural(*count, "more finding")),
            Self::MoreInAReport(count) => {
                format!("and {}, which --report FILE.md shows", plural(*count, "more finding"))
            }
            Self::Rows(count) => plural(*count, "row"),
            Self::OtherTensors { others, identical } => format!(
                "{others} more tensors are left out, {identical} of them identical. The JSON report and the one that ends in .tensors.csv \
                 have all."
            ),
            Self::WorstTensors(count, check) => {
                format!("{} of {} nearest to the limit or beyond it", plural(*count, "tensor"), pen.name(check))
            }
            Self::QuietRows { left_out, of } if left_out == of => {
                format!("{}, each of them identical, left out; the JSON report has all.", plural(*of, "row"))
            }
            Self::QuietRows { left_out, of } => format!(
                "{left_out} of {} left out, since everything in them is identical; the JSON report has all.",
                plural(*of, "row")
            ),
            Self::QuietSections(count) => {
                format!("{} where every tensor is identical", plural(*count, "section"))
            }
            Self::NotDrawn(title) => format!("Plot: {title} (drawn in a report that is written to a file)"),
            Self::CountsAsFailed(why) => format!("The run counts as failed: {}.", why.en(pen)),
            Self::Proves(what) => format!("Proves: {what}."),
            Self::AllIdentical(tensors) => format!(
                "All {tensors} tensors have the reference's bits: for what the suites below prove, this is the reference run."
            ),
            Self::AllWithin { tensors, identical } => format!(
                "Of {tensors} tensors {identical} have the reference's bits, and rounding explains every other one: for what the suites \
                 below prove, this run is as good as the reference's."
            ),
            Self::JudgedWithin { tensors, identical, not_judged } => format!(
                "Of {tensors} tensors {identical} have the reference's bits, {not_judged} cannot be judged here, and rounding explains every \
                 other one: for what the suites below prove, this run is as good as the reference's."
            ),
            Self::SomeWrong { wrong, tensors } => {
                format!("{wrong} of {tensors} tensors are wrong: this is not the reference run.")
            }
            Self::NotAllObserved { missing, tensors } => format!(
                "{missing} of {tensors} tensors were not observed, and nothing is said of them; nothing that was observed is wrong."
            ),
            Self::NotMade { skipped, checks } => format!(
                "Checks that were not made: {skipped} of {checks}. Nothing is said of what they look at; --require NAME makes such a check fail."
            ),
            Self::SkippedAlike { checks, names } => format!("{}: {names}", plural(*checks, "check")),
            Self::Who(who) => format!("judged: {who}"),
            Self::MoreNames(count) => format!("and {count} more"),
            Self::JudgedBy { libtorch, judged, cpu, capability, threads } => format!(
                "{judged}; judged by libtorch {libtorch} on {cpu}, {capability}, {}",
                plural(*threads as usize, "thread")
            ),
            Self::Ran(suites) => format!("Suites that ran: {suites}. Nothing is said of what no suite looked at."),
            Self::LibtorchOn { libtorch, judged, cpu, capability, threads } => {
                format!("libtorch {libtorch} on {judged}; {cpu}, {capability}, {}", plural(*threads as usize, "thread"))
            }
            Self::Suite(name) => format!("Suite {name}"),
            Self::Beyond(count) => plural(*count, "more finding"),
            Self::RowsLeftOut { left_out } => {
                format!("{} left out; the JSON report has them.", plural(*left_out, "row"))
            }
            Self::InTheJson => "left out here; the JSON report has it".to_owned(),
            Self::CutForSize => {
                "Parts are left out, since a summary of a job takes a mebibyte. The JSON report has them all."
                    .to_owned()
            }
        }
    }

    fn zh(&self, pen: Pen) -> String {
        match self {
            Self::Judged(whose) => format!("待测对象：{whose}。"),
            Self::Checks(count) => format!("{count} 个用例"),
            Self::InTime(counts, seconds) => {
                format!("共 {} 个用例：{}，耗时 {}", counts.total(), counts.zh(pen), number::duration(*seconds))
            }
            Self::MoreFindings(count) => format!("另有 {count} 个问题，见报告"),
            Self::MoreInAReport(count) => format!("另有 {count} 个问题，可加 --report FILE.md 查看"),
            Self::Rows(count) => format!("{count} 行"),
            Self::OtherTensors { others, identical } => format!(
                "其余 {others} 个张量从略，其中 {identical} 个二进制一致。完整数据见 JSON 报告和以 .tensors.csv 结尾的报告。"
            ),
            Self::WorstTensors(count, check) => {
                format!("{} 中最接近阈值或已超出阈值的 {count} 个张量", pen.name(check))
            }
            Self::QuietRows { left_out, of } if left_out == of => {
                format!("全部 {of} 行均二进制一致，从略；完整数据见 JSON 报告。")
            }
            Self::QuietRows { left_out, of } => {
                format!("{of} 行中有 {left_out} 行全部二进制一致，从略；完整数据见 JSON 报告。")
            }
            Self::QuietSections(count) => format!("{count} 个小节，其中所有张量均二进制一致"),
            Self::NotDrawn(title) => format!("图：{title}（仅在写入文件的报告中绘制）"),
            Self::CountsAsFailed(why) => format!("本次运行按失败计：{}。", why.zh(pen)),
            Self::Proves(what) => format!("验证内容：{what}。"),
            Self::AllIdentical(tensors) => {
                format!("全部 {tensors} 个张量均与标杆二进制一致：在以下测试套的验证范围内，本次运行与标杆完全等同。")
            }
            Self::AllWithin { tensors, identical } => format!(
                "{tensors} 个张量中，{identical} 个与标杆二进制一致，其余张量的差异均可由舍入误差解释：在以下测试套的验证范围内，本次运行与标杆精度相当。"
            ),
            Self::JudgedWithin { tensors, identical, not_judged } => format!(
                "{tensors} 个张量中，{identical} 个与标杆二进制一致，{not_judged} 个在此环境下无法判定，其余张量的差异均可由舍入误差解释：在以下测试套的验证范围内，本次运行与标杆精度相当。"
            ),
            Self::SomeWrong { wrong, tensors } => {
                format!("{tensors} 个张量中有 {wrong} 个不达标：本次运行与标杆不一致。")
            }
            Self::NotAllObserved { missing, tensors } => {
                format!("{tensors} 个张量中有 {missing} 个未采集，对其不作结论；已采集到的均无问题。")
            }
            Self::NotMade { skipped, checks } => format!(
                "{checks} 个用例中有 {skipped} 个未执行，对其覆盖的内容不作结论；可用 --require NAME 使这样的用例判为失败。"
            ),
            Self::SkippedAlike { checks, names } => format!("{checks} 个用例：{names}"),
            Self::Who(who) => format!("待测：{who}"),
            Self::MoreNames(count) => format!("等 {count} 项"),
            Self::JudgedBy { libtorch, judged, cpu, capability, threads } => {
                format!("{judged}；由 libtorch {libtorch} 判定，{cpu}，{capability}，{threads} 个线程")
            }
            Self::Ran(suites) => format!("已执行的测试套：{suites}。未被任何测试套覆盖的内容不在结论之内。"),
            Self::LibtorchOn { libtorch, judged, cpu, capability, threads } => {
                format!("libtorch {libtorch}，待测对象：{judged}；{cpu}，{capability}，{threads} 个线程")
            }
            Self::Suite(name) => format!("测试套 {name}"),
            Self::Beyond(count) => format!("另有 {count} 个问题"),
            Self::RowsLeftOut { left_out } => format!("{left_out} 行从略；完整数据见 JSON 报告。"),
            Self::InTheJson => "此处从略；完整数据见 JSON 报告".to_owned(),
            Self::CutForSize => "为不超过作业摘要 1 MiB 的上限，部分内容从略；完整数据见 JSON 报告。".to_owned(),
        }
    }
}

impl Say for crate::Counts {
    fn en(&self, _: Pen) -> String {
        let errors = if self.errors == 1 { "error" } else { "errors" };
        let parts =
            [(self.failed, "failed"), (self.skipped, "skipped"), (self.vacuous, "vacuous"), (self.errors, errors)];
        let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!(", {count} {what}"));
        format!("{} passed{}", self.passed, parts.collect::<String>())
    }

    fn zh(&self, _: Pen) -> String {
        let parts = [(self.failed, "失败"), (self.skipped, "跳过"), (self.vacuous, "无效"), (self.errors, "出错")];
        let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("，{count} 个{what}"));
        format!("{} 个通过{}", self.passed, parts.collect::<String>())
    }
}
