//! Short fixed words: heads of columns, names of figures, units, and what the renderers themselves say.

use super::vocabulary::words;

words! {
    /// The head of a column.
    pub Heading {
        /// How many operations were computed again from their own inputs.
        Operations: "operations", "算子数";
        /// The smallest factor that would have shown.
        ShowsFactor: "would show a factor of 1 +", "可检出的比例偏差";
        /// The smallest constant that would have shown.
        ShowsBias: "would show a constant (steps)", "可检出的常数偏差（末位步长）";
        /// A golden set.
        Set: "set", "标杆数据集";
        /// A precision.
        Precision: "precision", "精度模式";
        /// Golden sets, each at a precision.
        Sets: "sets", "标杆数据集";
        /// What was expected of a candidate.
        Expected: "expected", "判定标准";
        /// A tensor.
        Tensor: "tensor", "张量";
        /// How many tensors.
        Tensors: "tensors", "张量数";
        /// What became of a tensor.
        Outcome: "outcome", "判定结果";
        /// Which metric comes nearest to its limit.
        Metric: "metric", "指标";
        /// How many have the reference's bits.
        Identical: "identical", "二进制一致";
        /// How many are explained by rounding.
        Within: "within the limit", "误差在阈值内";
        /// How many are wrong.
        Wrong: "wrong", "不达标";
        /// How many nothing is said of.
        NotJudged: "not judged", "未判定";
        /// How many were not shown.
        NotObserved: "not observed", "未采集";
        /// Error against the truth.
        Error: "error", "误差";
        /// The reference's own error.
        Yardstick: "yardstick", "标杆自身误差";
        /// How many yardsticks pass.
        K: "k", "k";
        /// The largest error that passes.
        Limit: "limit", "阈值";
        /// Error over the limit.
        OverLimit: "error / limit", "误差 / 阈值";
        /// Error over the yardstick.
        OverYardstick: "error / yardstick", "误差 / 标杆自身误差";
        /// The largest of those over the limit.
        WorstOverLimit: "largest error / limit", "误差 / 阈值（最大值）";
        /// The largest of those over the yardstick.
        WorstOverYardstick: "largest error / yardstick", "误差 / 标杆自身误差（最大值）";
        /// Where the largest is.
        At: "at", "所在张量";
        /// Distance in representable values.
        Ulp: "ulp", "ULP 误差";
        /// A part of the training step.
        Stage: "stage", "阶段";
        /// A layer.
        Layer: "layer", "层";
        /// A logged value.
        Value: "value", "记录值";
        /// How many steps.
        Steps: "steps", "步数";
        /// The first step that differs.
        FirstDifference: "first that differs", "首个不一致的训练步";
        /// The largest difference of any step.
        LargestDifference: "largest difference", "最大差值";
        /// An op of a reduction.
        Op: "op", "归约操作";
        /// How many ranks.
        World: "world", "rank 数";
        /// How many results.
        Results: "results", "结果数";
        /// How many elements are wrong.
        WrongElements: "wrong elements", "错误元素数";
        /// The largest error of those that are right, in roundings.
        LargestError: "largest error", "最大误差";
    }
}

words! {
    /// A figure that checks of several suites have.
    pub Key {
        /// Tensors whose bits are not the reference's.
        DifferentBits: "tensors not identical", "二进制不一致的张量数";
        /// Tensors that are wrong.
        WrongTensors: "wrong tensors", "不达标的张量数";
        /// Tensors that were not shown.
        NotObserved: "tensors not observed", "未采集的张量数";
        /// The largest error, each over its limit.
        ErrorOverLimit: "largest error / limit", "误差 / 阈值（最大值）";
        /// Results of collectives that are wrong.
        WrongResults: "wrong results", "错误结果数";
        /// The largest error of those that are right, over what rounding may do.
        RoundingOverLimit: "largest rounding error / limit", "舍入误差 / 阈值（最大值）";
        /// Results that differ where the same bits are asked for.
        DifferentResults: "results with other bits", "二进制不一致的结果数";
        /// What a check of schema 1 measured.
        Measured: "measured", "实测值";
    }
}

impl Key {
    /// Its name in JSON and CSV.
    pub fn name(self) -> &'static str {
        match self {
            Self::DifferentBits => "different_bits",
            Self::WrongTensors => "wrong_tensors",
            Self::NotObserved => "not_observed",
            Self::ErrorOverLimit => "error_over_limit",
            Self::WrongResults => "wrong_results",
            Self::RoundingOverLimit => "rounding_over_limit",
            Self::DifferentResults => "different_results",
            Self::Measured => "measured",
        }
    }
}

words! {
    /// A unit of a figure or a cell.
    pub Unit {
        /// Half a step of the dtype, times the sum of the magnitudes.
        Rounding: "u", "u";
        /// Seconds.
        Second: "s", "s";
    }
}

words! {
    /// What the renderers themselves say.
    pub(crate) Label {
        /// The run counts as passed.
        RunPass: "PASS", "通过";
        /// The run counts as failed.
        RunFail: "FAIL", "失败";
        /// The mark of a check that passed.
        Pass: "PASS", "通过";
        /// The mark of a check that failed.
        Fail: "FAIL", "失败";
        /// The mark of a check that was not made.
        Skip: "SKIP", "跳过";
        /// The mark of a check that could not have failed.
        Vacuous: "VACUOUS", "无效";
        /// The mark of a check that could not be made.
        Error: "ERROR", "出错";
        /// The verdict of a check that could not be made.
        Errored: "error", "出错";
        /// The verdict of a check that passed.
        Passed: "pass", "通过";
        /// The verdict of a check that failed.
        Failed: "fail", "失败";
        /// The verdict of a check that was not made.
        Skipped: "skipped", "跳过";
        /// The verdict of a check that could not have failed.
        IsVacuous: "vacuous", "无效";
        /// A vacuous check that was allowed.
        Allowed: "vacuous, allowed by name", "无效（已按名称允许）";
        /// A remark.
        Note: "note", "提示";
        /// What to do.
        Hint: "hint:", "建议：";
        /// A heading.
        Summary: "Summary", "总览";
        /// A heading.
        WhatFailed: "What failed", "失败的用例";
        /// A heading.
        Notes: "Notes", "提示";
        /// Introduces what `doctor` finds wrong.
        Unwell: "What `doctor` finds wrong on this machine:", "`doctor` 在本机发现的问题：";
        /// The head of the column of fixes, and what stands before a fix.
        Fix: "fix", "处理";
        /// The head of a column.
        DoctorState: "doctor", "doctor";
        /// The head of a column.
        DoctorItem: "needs", "项目";
        /// The head of a column.
        DoctorFound: "found", "检查结果";
        /// A heading.
        WhoWasJudged: "Judged", "待测对象";
        /// A heading.
        WhoJudges: "Judged by", "判定方";
        /// Stands under that heading where nothing was computed here.
        JudgedAlone: "The machine that read and judged. What it judged was computed before, on machines that the runs' own reports and logs name.", "本机仅读取并判定；待测结果此前已在其他机器上算出，见各次运行自身的报告与日志。";
        /// A head.
        EnvironmentHead: "judged by", "项目";
        /// A head: sets and precisions.
        JudgedSets: "sets", "数据集";
        /// A head: the device.
        Device: "device", "设备";
        /// A head: the version of torch.
        Torch: "torch", "torch";
        /// A head: the processor.
        Processor: "processor", "处理器";
        /// A head: pins.
        Pins: "pins", "固定的指令集";
        /// A head: ranks.
        Ranks: "ranks", "rank";
        /// A head: when it was recorded.
        Recorded: "recorded", "采集时间";
        /// A head: the code.
        Code: "code", "代码";
        /// A head: the hash of the manifest of what was judged.
        Manifest: "its manifest", "其 manifest";
        /// A head: the hash of the golden set's manifest.
        GoldenManifest: "the golden set's manifest", "标杆的 manifest";
        /// Where the hashes of manifests are.
        Hashes: "SHA-256 of manifests", "manifest 的 SHA-256";
        /// A head: a file.
        File: "changed file", "改动的文件";
        /// A head: lines.
        Added: "lines added", "新增行";
        /// A head: lines.
        Removed: "lines removed", "删除行";
        /// A heading: the code that was judged is not the reference's.
        Changed: "Code that differs from the reference", "与参考实现不同的代码";
        /// No pins.
        NoPins: "none", "无";
        /// What a recording does not say.
        NotSaid: "not said", "未说明";
        /// A head.
        EnvironmentValue: "", "取值";
        /// The revision of the program.
        Revision: "revision", "代码提交";
        /// Not known.
        Unknown: "unknown", "未知";
        /// Processor.
        Cpu: "CPU", "CPU";
        /// Instruction set.
        InstructionSet: "instruction set", "指令集";
        /// Threads.
        Threads: "threads", "线程数";
        /// Operating system.
        System: "system", "操作系统";
        /// When it began.
        Started: "started", "开始时间";
        /// Checks that may be vacuous.
        AllowedChecks: "vacuous checks allowed", "允许无效的用例";
        /// A suite.
        Suite: "suite", "测试套";
        /// What became of it.
        Verdict: "verdict", "结论";
        /// Checks.
        Checks: "checks", "用例数";
        /// A check.
        Check: "check", "用例";
        /// How it went.
        Result: "result", "结果";
        /// What was measured.
        Measured: "measured", "实测";
        /// Its limit.
        Limit: "limit", "阈值";
        /// How long it took.
        Time: "time", "耗时";
        /// No check ran.
        NoCheck: "No check ran.", "没有执行任何用例。";
        /// Why the gate is shut.
        NothingPassed: "nothing passed, so nothing was proved", "没有用例通过，因此未验证任何内容";
        /// Why the gate is shut.
        VacuousCounts: "a vacuous check counts as a failure unless it is allowed by name: --allow-vacuous CHECK", "无效的用例按失败计，除非用 --allow-vacuous 按名称允许";
        /// Why the gate is shut.
        CutShort: "the run was cut short, so this is a part of it", "运行中途终止，此处仅为部分结果";
        /// Nothing to draw.
        NoData: "no data", "无数据";
        /// Of points without a place.
        Circles: "Circles at the bottom edge", "底边上的圆圈";
        /// Of points without a place.
        Crosses: "Crosses at the bottom edge", "底边上的叉号";
        /// Of points without a place.
        LeftOut: "Points left out", "未画出的点";
        /// Of the names on an axis.
        Prefix: "All names begin with", "所有名称的公共前缀";
        /// Of points without a place.
        Zero: "zero", "个零";
        /// Of points without a place.
        Negative: "negative", "个负数";
        /// Of points without a place.
        NotFinite: "not finite", "个 NaN/Inf";
        /// Of points without a place.
        NoPlace: "without a place on the horizontal axis", "个点在横轴上没有对应位置";
        /// How the tensors are judged.
        Legend: "Identical: the reference's bits. Within the limit: other bits, explained by rounding, since the error against the float64 truth is at most k times the reference's own (the yardstick) plus a floor of half a step or one. Wrong: everything else that was shown, such as a tensor whose bits differ where the same bits are expected. Not observed: the candidate did not show the tensor, so nothing is said of it. Identical, within the limit, wrong, not observed and not judged add up to the tensors.",
            "二进制一致：与标杆逐比特相同。误差在阈值内：与标杆二进制不一致，但差异可由舍入误差解释，即相对 float64 真值的误差不超过标杆自身误差的 k 倍加半个或一个机器精度（eps）的余量。不达标：其他所有已采集的情况，例如本应二进制一致而不一致。未采集：候选中没有该张量，对其不作结论。二进制一致、误差在阈值内、不达标、未采集、未判定五项之和等于张量数。";
        /// What the tables of tensors hold.
        AboutTensors: "Errors are against the float64 truth, limits are in the same unit. Each row shows the metric that comes nearest to its limit.",
            "误差相对 float64 真值计算，阈值与误差单位相同。每行给出最接近阈值的指标。";
    }
}
