//! The figures by their keys, with their definitions, and the parts of a step. What has no arguments is said here.

use dinov3_reports::Bilingual;

use super::recorder::PARTS as COUNT;

/// A figure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) key: &'static str,
    pub(super) name: Bilingual,
    pub(super) unit: Option<Bilingual>,
    /// What exactly it is.
    pub(super) is: Bilingual,
}

const fn say(en: &'static str, zh: &'static str) -> Bilingual {
    Bilingual { en, zh }
}

const IMAGES: Option<Bilingual> = Some(say("images/s", "图/秒"));
const SECONDS: Option<Bilingual> = Some(say("s", "秒"));
const BYTES: Option<Bilingual> = Some(say("bytes", "字节"));
const OPERATIONS: Option<Bilingual> = Some(say("FLOP", "FLOP"));
const RATE: Option<Bilingual> = Some(say("FLOP/s", "FLOP/s"));
const NONE: Option<Bilingual> = None;

const fn known(key: &'static str, unit: Option<Bilingual>, name: Bilingual, is: Bilingual) -> Known {
    Known { key, name, unit, is }
}

/// A figure as a person reads it: bytes in the largest unit of which it is one.
pub(super) fn readable(value: f64, unit: Bilingual) -> (f64, Bilingual) {
    const UNITS: [(f64, Bilingual); 2] = [(1_073_741_824.0, say("GiB", "GiB")), (1_048_576.0, say("MiB", "MiB"))];
    let larger = || UNITS.into_iter().find(|(bytes, _)| value >= *bytes).map(|(bytes, unit)| (value / bytes, unit));
    (Some(unit) == BYTES).then(larger).flatten().unwrap_or((value, unit))
}

/// The figure of this key; the parts of a step are [`PARTS`].
pub(super) fn figure(key: &str) -> Option<Known> {
    let part =
        || key.strip_prefix("phase_").and_then(|_| (0..COUNT).find(|part| super::measured::part_key(*part) == key));
    let listed = FIGURES.iter().find(|known| known.key == key).copied();
    listed.or_else(|| part().map(|part| known("", SECONDS, PARTS[part].0, PARTS[part].1)))
}

/// All of them, in the order of the table.
pub(super) const FIGURES: [Known; 30] = [
    known(
        "fps_median",
        IMAGES,
        say("speed, median", "速度（中位数）"),
        say(
            "global batch size over the median seconds of all steps that count; each step was timed, from asking for its batch to the end of what is saved after it",
            "全局批大小除以全部计入步的耗时中位数；逐步计时，自请求数据起至该步保存动作结束",
        ),
    ),
    known("fps_low", IMAGES, say("lower end of its interval", "其区间下限"), INTERVAL),
    known("fps_high", IMAGES, say("upper end of its interval", "其区间上限"), INTERVAL),
    known(
        "fps_script",
        IMAGES,
        say("speed, published formula", "速度（公开脚本公式）"),
        say(
            "global batch size over the mean of the last five time: of the text log, rounded to six digits twice, as the published scripts' awk prints it; each time: is the mean of 20 steps",
            "全局批大小除以文本日志最后 5 个 time: 的均值，两次按 6 位有效数字取整，与公开脚本的 awk 输出逐位一致；每个 time: 为 20 步均值",
        ),
    ),
    known("step_median", SECONDS, say("step, median", "单步耗时（中位数）"), COUNTED),
    known("step_mean", SECONDS, say("step, mean", "单步耗时（均值）"), COUNTED),
    known("step_p5", SECONDS, say("step, 5th percentile", "单步耗时（第 5 百分位）"), COUNTED),
    known("step_p95", SECONDS, say("step, 95th percentile", "单步耗时（第 95 百分位）"), COUNTED),
    known(
        "steps",
        NONE,
        say("steps that count", "计入步数"),
        say(
            "all steps but the first ones, which warm up, and those that export, save or (in the reference) collect garbage",
            "除预热步以及导出、保存（和标杆的垃圾回收）所在步以外的全部步",
        ),
    ),
    known(
        "steps_taken",
        NONE,
        say("steps taken", "实际步数"),
        say("from the first on, those that do not count included", "自首步起，含不计入的步"),
    ),
    known(
        "noise_floor",
        NONE,
        say("noise that more steps do not lessen", "增加步数无法降低的噪声"),
        say(
            "standard deviation of the logarithm of the median from run to run, however long runs are: a clock, neighbours on the machine",
            "无论运行多长，各次运行中位数对数的标准差：来自时钟与同机其他负载",
        ),
    ),
    known(
        "world_size",
        NONE,
        say("ranks", "卡数"),
        say("processes that train together, one a card", "共同训练的进程数，每卡一个"),
    ),
    known(
        "global_batch_size",
        NONE,
        say("global batch size", "全局批大小"),
        say("images a step over all ranks", "所有卡每步的图像总数"),
    ),
    known(
        "final_loss",
        NONE,
        say("loss at the end", "最终损失"),
        say(
            "the last total_loss: of the text log: a median of 20 steps",
            "文本日志最后一个 total_loss:，为 20 步中位数",
        ),
    ),
    known(
        "between",
        SECONDS,
        say("between two steps", "步间"),
        say(
            "lines of the log, and ranks that ask each other whether to stop: in no step's time, as in the reference",
            "写日志以及各卡互询是否停止：与标杆一致，不计入单步耗时",
        ),
    ),
    known(
        "split_error",
        NONE,
        say("error of the parts", "分项合计误差"),
        say(
            "how far the sum of the parts is from the step by the loop's own clock",
            "各分项之和与循环自身计时之差（相对值）",
        ),
    ),
    known(
        "data_share",
        NONE,
        say("share of waiting for data", "等待数据占比"),
        say(
            "seconds in which the loop waited for its batch, over all seconds of the steps that count",
            "计入步中等待数据的时间占比",
        ),
    ),
    known(
        "step_flops",
        OPERATIONS,
        say("operations of a step on one rank", "单卡每步运算量"),
        say(
            "of the matrix products of teacher, student and backward; masked patches as expected; no norms, no optimizer",
            "教师、学生与反向的矩阵乘运算量；掩码块数取期望；不含归一化与优化器",
        ),
    ),
    known(
        "flops",
        RATE,
        say("operations a second on one rank", "单卡运算速率"),
        say("the same over the median step", "上项除以单步耗时中位数"),
    ),
    known(
        "product_flops",
        RATE,
        say("matrix products of this device", "本设备矩阵乘速率"),
        say(
            "the best of square products of 512 and more, in the recipe's dtype, measured in this run",
            "本次运行实测：配方精度下 512 及以上方阵乘的最佳值",
        ),
    ),
    known(
        "flops_share",
        NONE,
        say("share of that rate", "矩阵乘速率利用率"),
        say(
            "operations a second over the rate of matrix products measured in this run, which is no data sheet's peak; on a CPU, of all ranks together",
            "运算速率除以本次实测矩阵乘速率，并非标称峰值；CPU 上按全部卡合计",
        ),
    ),
    known(
        "bytes_sent",
        BYTES,
        say("bytes between ranks a step", "每步卡间通信量"),
        say("sent by rank 0, as the algorithms of the collectives send them", "0 号卡发送量，按集合通信算法计"),
    ),
    known(
        "peak_memory_host",
        BYTES,
        say("peak memory of the host", "主机内存峰值"),
        say("the most that a rank's process has had resident since it began", "单卡进程启动以来的最大常驻内存"),
    ),
    known(
        "peak_memory_device",
        BYTES,
        say("peak memory of the device", "设备内存峰值"),
        say("the most that tensors of rank 0 have had on its device", "0 号卡张量在设备上的最大占用"),
    ),
    known(
        "energy_host",
        Some(say("J", "焦耳")),
        say("energy of the processors a step", "每步处理器能耗"),
        say("of all processors of this machine, by their own counters", "本机全部处理器，取自其自身计数器"),
    ),
    known(
        "energy_device",
        Some(say("J", "焦耳")),
        say("energy of the card a step", "每步加速卡能耗"),
        say(
            "of rank 0's card, by its own counter, from before the first step to behind the last",
            "0 号卡自身计数器，自首步之前至末步之后",
        ),
    ),
    known(
        "waits",
        NONE,
        say("waits of the host for the device a step", "每步主机等待设备的次数"),
        say(
            "calls that return when the device is done, such as a figure that the log reads; by libtorch's own check on CUDA, by the plugin's counter elsewhere",
            "须待设备完成才返回的调用，例如日志读取的数值；CUDA 由 libtorch 自身检查计数，其他设备由插件计数",
        ),
    ),
    known(
        "others_share",
        NONE,
        say("share of the cores that others used", "其他进程占用的处理器比例"),
        say(
            "processor time of all other processes and of the host of a virtual machine, over that of all cores, during the steps",
            "训练期间其他进程（含虚拟机宿主）占全部核时间的比例",
        ),
    ),
    known(
        "fps_one_rank",
        IMAGES,
        say("speed of one rank alone", "单卡独跑速度"),
        say(
            "median over steps that rank 0 took alone before, in the same run",
            "同一次运行中 0 号卡先行独跑的中位数速度",
        ),
    ),
    known(
        "scaling_efficiency",
        NONE,
        say("scaling efficiency", "线性度"),
        say("speed of all ranks over as many times that of one rank alone", "多卡速度除以（卡数 × 单卡独跑速度）"),
    ),
];

const INTERVAL: Bilingual = say(
    "95 of 100 repeats are within it, among the next nine runs of as many steps on this machine; from the Allan variance of the steps",
    "在同一机器上再运行九次同样步数，每 100 次有 95 次落在此区间；由各步耗时的 Allan 方差得到",
);

const COUNTED: Bilingual = say("over all steps that count", "对全部计入步统计");

/// The parts of a step, in the order of its phases, the rest last: name and definition.
pub(super) const PARTS: [(Bilingual, Bilingual); COUNT] = [
    (say("data wait", "等待数据"), say("the loop waits for a batch", "循环等待数据批")),
    (say("host to device", "主机到设备"), say("the batch goes to the device", "数据批传输到设备")),
    (say("teacher", "教师网络"), say("forward of the teacher, and Sinkhorn-Knopp", "教师网络前向与 Sinkhorn-Knopp")),
    (say("student", "学生网络"), say("forward of the student", "学生网络前向")),
    (say("Gram", "Gram"), say("forward of the Gram teacher, and its new weights", "Gram 教师前向及其权重更新")),
    (say("losses", "损失"), say("all losses", "全部损失")),
    (
        say("backward", "反向"),
        say("backward pass; with several ranks gradients are reduced meanwhile", "反向传播；多卡时同时进行梯度规约"),
    ),
    (say("reduce", "梯度规约"), say("what is left of the reduction of gradients", "梯度规约的剩余部分")),
    (say("clip", "梯度裁剪"), say("norms of gradients, and clipping", "梯度范数与裁剪")),
    (
        say("metrics", "指标"),
        say("losses and metrics over all ranks, which the host reads", "各卡损失与指标汇总，由主机读取"),
    ),
    (say("optimizer", "优化器"), say("AdamW", "AdamW")),
    (say("average", "滑动平均"), say("moving average of the teacher", "教师网络滑动平均")),
    (
        say("save", "保存"),
        say("the state is copied for a checkpoint; steps that save do not count", "为检查点复制状态；保存所在步不计入"),
    ),
    (
        say("rest", "其余"),
        say(
            "in none of them: schedules, meters, what the loop does around the step",
            "不属于以上各项：调度、指标累计及循环开销",
        ),
    ),
];

/// Headings and other words without arguments.
pub(super) mod head {
    use super::{Bilingual, say};

    pub(in super::super) const SPEED: Bilingual = say("Speed", "速度");
    pub(in super::super) const SPLIT: Bilingual = say("Where a step goes", "单步耗时构成");
    pub(in super::super) const AROUND: Bilingual = say("What must be known beside it", "须一并说明的条件");
    pub(in super::super) const SCALING: Bilingual = say("Scaling over ranks", "多卡扩展性");
    pub(in super::super) const ALL_RANKS: Bilingual = say("all ranks", "全部卡");
    pub(in super::super) const EXCLUDED: Bilingual = say("Steps that do not count", "未计入的步");
    pub(in super::super) const FIGURE: Bilingual = say("Figure", "指标");
    pub(in super::super) const VALUE: Bilingual = say("Value", "数值");
    pub(in super::super) const UNIT: Bilingual = say("Unit", "单位");
    pub(in super::super) const DEFINITION: Bilingual = say("Definition", "定义");
    pub(in super::super) const PART: Bilingual = say("Part", "分项");
    pub(in super::super) const PER_STEP: Bilingual = say("s a step", "秒/步");
    pub(in super::super) const SHARE: Bilingual = say("Share of the step, %", "占单步比例（%）");
    pub(in super::super) const SUM: Bilingual = say("sum", "合计");
    pub(in super::super) const SUM_IS: Bilingual = say(
        "the step, by the loop's own clock; the mean over the same steps",
        "循环自身计时的单步耗时，同一批步的均值",
    );
    pub(in super::super) const REASON: Bilingual = say("Reason", "原因");
    pub(in super::super) const STEPS: Bilingual = say("Steps", "步数");
    pub(in super::super) const FIRST: Bilingual = say("First", "首步");
    pub(in super::super) const TOGETHER: Bilingual = say("s together", "合计耗时（秒）");
    pub(in super::super) const FACT: Bilingual = say("What", "项目");
    pub(in super::super) const STEP: Bilingual = say("step", "步");
    pub(in super::super) const STEP_SECONDS: Bilingual = say("seconds a step", "单步耗时（秒）");
    pub(in super::super) const EACH_STEP: Bilingual = say("steps that count", "计入步");
    pub(in super::super) const MEDIAN: Bilingual = say("median", "中位数");
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_figure_has_one_row_in_both_languages() {
        let keys: HashSet<&str> = FIGURES.iter().map(|known| known.key).collect();
        assert_eq!(keys.len(), FIGURES.len());
        for known in FIGURES {
            assert_ne!(known.name.en, known.name.zh, "{}", known.key);
            assert_ne!(known.is.en, known.is.zh, "{}", known.key);
        }
        assert_eq!(figure("phase_host_to_device").unwrap().name.en, "host to device");
        assert_eq!(figure("phase_rest").unwrap().name.en, "rest");
        assert!(figure("phase_").is_none() && figure("fps").is_none());
    }

    /// Seen as 4.59e10 bytes.
    #[test]
    fn bytes_are_told_in_a_unit_that_a_person_knows() {
        let said = |value, unit: Option<Bilingual>| {
            let (value, unit) = readable(value, unit.unwrap());
            (value, unit.en)
        };
        assert_eq!(said(45.9 * 1_073_741_824.0, BYTES), (45.9, "GiB"));
        assert_eq!(said(3_145_728.0, BYTES), (3.0, "MiB"));
        assert_eq!(said(1000.0, BYTES), (1000.0, "bytes"));
        assert_eq!(said(4.59e10, RATE), (4.59e10, "FLOP/s"));
    }
}
