//! 中文。

use super::{Basis, Trajectory, exact, listed, number, p_value};
use crate::message::{Pen, Say};

pub(super) fn sentence(message: &Trajectory, pen: Pen) -> String {
    use Trajectory as T;
    match message {
        T::Title { check, run } => format!("{}：{}", pen.name(run), check.zh(pen)),
        T::Findings { run } => format!("{}：全部结论", pen.name(run)),
        T::Plot { meter, run } => format!("{} 的 {} 曲线", pen.name(run), pen.name(meter)),
        T::Covered { both, expected, span } => match span {
            Some((first, last)) => format!("{expected} 条日志记录中有 {both} 条可比，迭代 {first} 至 {last}"),
            None => format!("{expected} 条日志记录中有 {both} 条可比"),
        },
        T::Missing(steps) => format!("缺少 {} 个迭代：{}", steps.count, listed(steps)),
        T::Repeated(steps) => format!("{} 个迭代重复出现，但程序并未重启：{}", steps.count, listed(steps)),
        T::OutOfOrder(steps) => format!("{} 个迭代排在更晚的迭代之后：{}", steps.count, listed(steps)),
        T::Restarted(steps) => format!("程序曾重启，并从以下迭代继续：{}；同一迭代以最后一行为准", listed(steps)),
        T::Truncated { last: Some(last), expected } => format!("日志止于迭代 {last}（应为 {expected}）：未跑完的运行不予通过"),
        T::Truncated { last: None, expected } => format!("两份日志没有共同的迭代；标杆的最后一个迭代为 {expected}"),
        T::BeginsLate { first, expected } => format!("日志从迭代 {first} 开始，而非 {expected}"),
        T::Longer { last, expected } => format!("日志延续到迭代 {last}；{expected} 之后的部分未作比较"),
        T::Horizon { candidate, against } => horizon(*candidate, *against),
        T::NotFinite { nan, infinite, first } => format!("{nan} 个值为 NaN，{infinite} 个值为 Inf，首次出现于迭代 {first}"),
        T::Cadence { candidate, against, medians } => {
            let medians = if *medians { "；已按标杆的方式对其取 20 步中位数" } else { "" };
            format!("日志每 {candidate} 步一条记录，标杆为每 {against} 步一条{medians}")
        }
        T::MeterMissing => "日志中没有该列".to_owned(),
        T::MeterUnknown => "标杆日志中没有该列".to_owned(),
        T::Rounded { decimals: Some(decimals) } => format!("日志只保留 {decimals} 位小数：相同仅指打印值相同，不代表二进制一致"),
        T::Rounded { decimals: None } => "日志中的数值经过舍入：相同仅指打印值相同，不代表二进制一致".to_owned(),
        T::TemperatureUnseen => "教师温度不在日志中：其错误只能体现在损失上".to_owned(),
        T::FactorUnseen { norm } => format!("{} 看不出 rank 数：正确运行之间该范数的差异已超过两倍", pen.name(norm)),
        T::ShortSpikesUnseen { steps } => format!("日志记录的是中位数：短于 {steps} 步的尖峰无法看到"),
        T::Prefix { .. } => prefix(message, pen),
        T::States { same, of, first } => match first {
            None => format!("{of} 个状态中有 {same} 个与标杆二进制一致"),
            Some((step, which)) => format!("第 {step} 步之后 {} 不一致；{of} 个状态中有 {same} 个与标杆二进制一致", which.join("、")),
        },
        T::Column { .. } => column(message),
        T::Deviation { difference, deviation, limit, p, window } => {
            let place = window.map_or(String::new(), |(from, to)| format!("迭代 {from} 至 {}：", to.saturating_sub(1)));
            format!("{place}与正确运行均值相差 {}，为 {} 个标准误，阈值 {}（p {}）", number(*difference), number(*deviation), number(*limit), p_value(*p))
        }
        T::Equivalence { difference, interval: (low, high), margin, p, smallest, mean } => format!(
            "与 {} 相差 {}，90% 区间 {} 至 {}，等效界值 {}（p {}）；该日志所能证明的最小界值为 {}",
            number(*mean), number(*difference), number(*low), number(*high), number(*margin), p_value(*p), number(*smallest)
        ),
        T::Slope { change, interval: (low, high), p } => {
            format!("差值在整个运行中变化 {}，99% 区间 {} 至 {}（p {}）", number(*change), number(*low), number(*high), p_value(*p))
        }
        T::Spike { largest, limit, height, span: (from, to), count } => {
            format!("最大残差 {}（{} 个稳健标准差，阈值 {}），位于迭代 {from} 至 {to}；{count} 个点超出阈值", number(*height), number(*largest), number(*limit))
        }
        T::Factor { .. } => factor(message),
        T::TooFew { have, need } => format!("{have} 个点所含的独立分段少于判定所需的 {need} 个"),
        T::FewRuns => "用于估计波动范围的运行中，达到这些步数的太少".to_owned(),
        T::Nothing => "日志中没有可供此项检验的内容".to_owned(),
        T::TwoNumbers { .. } => two_numbers(message),
        T::Rests(Basis::Runs { runs }) => format!("波动范围取自同一配方的 {runs} 次运行"),
        T::Rests(Basis::OwnWindows) => "波动范围仅由两份日志自身的分段估计：两次正确运行在更长时间内会相互偏离多远未知，一律计为差异；请用 --spread 提供更多运行".to_owned(),
        T::Rests(Basis::Nothing) => "每次运行只有一个数值，没有波动范围".to_owned(),
        T::Power { shift, weaker } => format!("损失偏移 {:.3}% 时十次中可检出九次（为波动完全已知时的 {:.2} 倍）", shift.0 * 100.0, weaker.0),
    }
}

fn horizon(candidate: Option<u64>, against: Option<u64>) -> String {
    let text = |length: Option<u64>| length.map_or("未知数量".to_owned(), |length| length.to_string());
    format!("整个训练共 {} 个迭代，标杆为 {} 个：两者的调度不同", text(candidate), text(against))
}

fn prefix(message: &Trajectory, pen: Pen) -> String {
    let Trajectory::Prefix { steps, of, each_step, exact: exactly, parted } = message else { return String::new() };
    let what = if *each_step { "步" } else { "条日志记录" };
    let how = if *exactly { "与标杆二进制一致" } else { "的打印值与标杆相同" };
    let all = format!("前 {steps}/{of} {what}{how}");
    match parted {
        None => all,
        Some(parted) => format!(
            "{all}；首个差异为迭代 {} 的 {}：{}，标杆为 {}",
            parted.iteration,
            pen.name(&parted.meter),
            exact(parted.candidate),
            exact(parted.against)
        ),
    }
}

fn column(message: &Trajectory) -> String {
    let Trajectory::Column { compared, differing, parted, factor } = message else { return String::new() };
    let Some(parted) = parted else { return format!("全部 {compared} 个值符合调度") };
    let factor = factor.map_or(String::new(), |factor| format!("，中位数为标杆的 {} 倍", number(factor)));
    format!(
        "{compared} 个值中有 {differing} 个不符合调度{factor}；首个在迭代 {}：{}，标杆为 {}",
        parted.iteration,
        exact(parted.candidate),
        exact(parted.against)
    )
}

fn factor(message: &Trajectory) -> String {
    let Trajectory::Factor { factor, interval: (low, high), limit, averaged, summed } = message else {
        return String::new();
    };
    let figures = format!(
        "为标杆的 {} 倍，99% 区间 {} 至 {}，阈值 {}",
        number(*factor),
        number(*low),
        number(*high),
        number(*limit)
    );
    match (averaged, summed) {
        (Some(ranks), _) => {
            format!("{figures}：梯度在 {ranks} 个 rank 上取了平均，而该提交的标杆为求和（较新的提交取平均）")
        }
        (_, Some(ranks)) => format!("{figures}：梯度在 {ranks} 个 rank 上求和，而对照运行取平均"),
        _ => figures,
    }
}

fn two_numbers(message: &Trajectory) -> String {
    let Trajectory::TwoNumbers { candidate, against, margin, rounding, needs } = message else { return String::new() };
    let difference = candidate.0 - against.0;
    let relative = 100.0 * difference / against.0;
    let needs: Vec<String> = needs
        .iter()
        .map(|(runs, spread)| match spread {
            Some(spread) => format!("若另有 {runs} 次运行且其标准差不超过 {}，则可判为等效", number(*spread)),
            None => format!("另有 {runs} 次运行时，无论波动多小都不足以判为等效"),
        })
        .collect();
    format!(
        "{} 与 {} 相差 {}（{relative:.3}%），舍入误差 {}；等效界值 {}。每次运行只有一个数值，既不能证明等效，也不能证明存在差异：{}",
        exact(*candidate),
        exact(*against),
        number(difference.into()),
        number(*rounding),
        number(*margin),
        needs.join("；")
    )
}
