//! The edited PyTorch, and the patched checkout of the reference.

use super::Item;
use crate::doctor::Said;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Findings on `distributed_c10d.py`, which the port edits by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// FSDP2's PREMUL_SUM reaches a torch_npu that raises on it.
    Unedited {
        /// The version of torch_npu.
        torch_npu: String,
    },
    /// The published edit, with its misspelt name.
    Misspelt {
        /// The line.
        line: usize,
    },
    /// SUM in the place of every op.
    SumForAll {
        /// The line.
        line: usize,
    },
    /// SUM in the place of every op, before a torch_npu that knows PREMUL_SUM itself.
    Shadows {
        /// The line.
        line: usize,
        /// The version of torch_npu.
        torch_npu: String,
    },
    /// Another edit.
    EditedOtherwise {
        /// The line.
        line: usize,
        /// Its text.
        text: String,
    },
}

/// Findings on the checkout of the reference, patched or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Port {
    /// No checkout of the reference.
    NoCheckout {
        /// The folder.
        folder: String,
        /// What it lacks.
        lacks: String,
    },
    /// Another commit than the pinned one.
    OtherCommit {
        /// The commit.
        commit: String,
    },
    /// The teacher never receives the student.
    TeacherAlone {
        /// The line of `ssl_meta_arch.py`.
        line: usize,
    },
    /// A total is summed in float32.
    Float32Totals {
        /// The line of `helpers.py`.
        line: usize,
    },
    /// A float64 tensor is reduced, which HCCL refuses.
    Float64Totals {
        /// The line of `helpers.py`.
        line: usize,
    },
    /// Compilation is off.
    NoCompile {
        /// The file.
        file: String,
    },
    /// torch._dynamo is switched off for the whole process.
    NoDynamo {
        /// The line of `train.py`.
        line: usize,
    },
    /// TF32 is asked for by a name that torch_npu does not map.
    Tf32 {
        /// The line of `train.py`.
        line: usize,
    },
    /// The state goes to the host before a checkpoint is written.
    HostCheckpoint {
        /// The line of `checkpointer.py`.
        line: usize,
    },
}

impl Edit {
    pub(super) fn said(&self) -> Said {
        let item = Item::C10d.name();
        let narrow = "replace ReduceOp.PREMUL_SUM alone: `opts.reduceOp = ReduceOp.SUM if op == ReduceOp.PREMUL_SUM else op` is right at factor 1; `run --suite reduce-op` judges it";
        let narrow_zh = "只替换 ReduceOp.PREMUL_SUM：`opts.reduceOp = ReduceOp.SUM if op == ReduceOp.PREMUL_SUM else op` 在因子为 1 时正确；用 `run --suite reduce-op` 验证";
        match self {
            Self::Unedited { torch_npu } => Said::wrong(
                item,
                format!("as PyTorch ships it: FSDP2 reduces by PREMUL_SUM, on which torch_npu {torch_npu} raises"),
                format!("未修改：FSDP2 以 PREMUL_SUM 归约，而 torch_npu {torch_npu} 会报错"),
            )
            .fix(
                "use torch_npu 2.8.0.post4 with CANN 9.0.0, or make the port's edit for PREMUL_SUM alone",
                "使用 torch_npu 2.8.0.post4 与 CANN 9.0.0，或仅针对 PREMUL_SUM 作适配修改",
            ),
            Self::Misspelt { line } => Said::wrong(
                item,
                format!("line {line} has `Reduceop.SUM`, as the published README spells it: a NameError at the first reduction"),
                format!("第 {line} 行为 `Reduceop.SUM`（公布的 README 的拼写）：首次归约即 NameError"),
            )
            .fix(narrow, narrow_zh),
            Self::SumForAll { line } => Said::wrong(
                item,
                format!("line {line} puts SUM in the place of every op: AVG and MAX are wrong too"),
                format!("第 {line} 行把所有归约都替换为 SUM：AVG 与 MAX 也会出错"),
            )
            .fix(narrow, narrow_zh),
            Self::Shadows { line, torch_npu } => Said::wrong(
                item,
                format!("line {line} puts SUM in the place of every op, and torch_npu {torch_npu} would handle PREMUL_SUM itself"),
                format!("第 {line} 行把所有归约都替换为 SUM，而 torch_npu {torch_npu} 自身已支持 PREMUL_SUM"),
            )
            .fix("pip install --force-reinstall --no-deps torch==2.8.0", "pip install --force-reinstall --no-deps torch==2.8.0"),
            Self::EditedOtherwise { line, text } => Said::advice(
                item,
                format!("line {line} was edited: `{text}`"),
                format!("第 {line} 行已被修改：`{text}`"),
            )
            .fix(
                "`run --suite reduce-op` says what the ranks really compute",
                "用 `run --suite reduce-op` 检查各 rank 的实际计算结果",
            ),
        }
    }
}

impl Port {
    pub(super) fn said(&self) -> Said {
        let item = Item::Checkout.name();
        match self {
            Self::NoCheckout { folder, lacks } => Said::wrong(
                item,
                format!("{folder} is not a checkout of the reference: no {lacks}"),
                format!("{folder} 不是参考代码仓：没有 {lacks}"),
            )
            .fix(
                "git clone https://github.com/facebookresearch/dinov3, and git checkout cb054165",
                "git clone https://github.com/facebookresearch/dinov3，并 git checkout cb054165",
            ),
            Self::OtherCommit { commit } => {
                Said::advice(item, format!("at commit {commit}; the golden sets are of cb054165"), format!("提交为 {commit}；标杆数据对应 cb054165"))
                    .fix("git checkout cb054165", "git checkout cb054165")
            }
            Self::TeacherAlone { line } => Said::wrong(
                item,
                format!("ssl_meta_arch.py:{line} averages into `ema_param_lists`, which nothing reads: the teacher never receives the student"),
                format!("ssl_meta_arch.py:{line} 将 EMA 写入无人读取的 `ema_param_lists`：教师网络永远收不到学生网络的权重"),
            )
            .fix(
                "keep the reference's update_ema: self.ema_params_lists and torch._foreach_add_, with alpha=1 - m",
                "保留参考代码的 update_ema：self.ema_params_lists 与 torch._foreach_add_，alpha=1 - m",
            ),
            Self::Float32Totals { line } => Said::wrong(
                item,
                format!("helpers.py:{line} sums a total in float32: the logged averages drift over a long run"),
                format!("helpers.py:{line} 以 float32 累加 total：长时间训练后日志均值会漂移"),
            )
            .fix(
                "reduce a float64 tensor on the CPU group, or all-gather it: HCCL carries float64 there",
                "在 CPU 通信组上归约 float64，或改用 all_gather（HCCL 支持传输 float64）",
            ),
            Self::Float64Totals { line } => Said::wrong(
                item,
                format!("helpers.py:{line} reduces a float64 tensor, which HCCL refuses"),
                format!("helpers.py:{line} 对 float64 张量归约，HCCL 不支持"),
            )
            .fix(
                "reduce it on a CPU group (gloo), or all-gather it",
                "在 CPU 通信组（gloo）上归约，或改用 all_gather",
            ),
            Self::NoCompile { file } => Said::advice(
                item,
                format!("{file} has compile: false; the competitor's row may have it on"),
                format!("{file} 中 compile: false；竞品数据可能开启了 compile"),
            )
            .fix("say so beside every comparison of throughput", "比较吞吐时请注明"),
            Self::NoDynamo { line } => Said::advice(
                item,
                format!("train.py:{line} switches torch._dynamo off for the whole process"),
                format!("train.py:{line} 对整个进程关闭了 torch._dynamo"),
            )
            .fix("say so beside every comparison of throughput", "比较吞吐时请注明"),
            Self::Tf32 { line } => Said::advice(
                item,
                format!("train.py:{line} allows TF32 through torch.backends.cuda, which transfer_to_npu does not map: products in fp32 are true fp32 here and TF32 on NVIDIA"),
                format!("train.py:{line} 通过 torch.backends.cuda 允许 TF32，而 transfer_to_npu 不映射该设置：此处 fp32 矩阵乘为真 fp32，NVIDIA 上为 TF32"),
            )
            .fix("say so beside every comparison of throughput", "比较吞吐时请注明"),
            Self::HostCheckpoint { line } => Said::advice(
                item,
                format!("checkpointer.py:{line} moves the whole state to the host before it is written"),
                format!("checkpointer.py:{line} 在保存前把全部状态移到 CPU"),
            )
            .fix(
                "allow for the host's memory, and leave steps with a checkpoint out of the throughput",
                "预留足够的主机内存，并在统计吞吐时排除保存 checkpoint 的步",
            ),
        }
    }
}
