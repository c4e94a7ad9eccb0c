//! The published rows that a run is laid beside: what the README of Ascend's DrivingSDK says of its own run and of a competitor's. Nothing
//! here was measured by this program.

use crate::Bilingual;

/// Where the rows stand, and at which commit.
pub const SOURCE: &str = "Ascend DrivingSDK e667017e, model_examples/DinoV3/README.md";

/// A row of the published table, with the digits that it has there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name on the command line.
    pub name: &'static str,
    /// The chip.
    pub chip: Bilingual,
    /// How many cards.
    pub cards: u64,
    /// Images a step.
    pub global_batch_size: u64,
    /// Iterations.
    pub max_steps: u64,
    /// The loss at the end.
    pub final_loss: &'static str,
    /// Images a second.
    pub fps: &'static str,
}

/// The published rows, in their order.
pub const ROWS: [Row; 2] = [
    Row {
        name: "competitor-a",
        chip: Bilingual { en: "competitor A", zh: "竞品A" },
        cards: 8,
        global_batch_size: 512,
        max_steps: 125_000,
        final_loss: "9.9345",
        fps: "616.8",
    },
    Row {
        name: "atlas-800t-a2",
        chip: Bilingual { en: "Atlas 800T A2", zh: "Atlas 800T A2" },
        cards: 8,
        global_batch_size: 512,
        max_steps: 125_000,
        final_loss: "9.9374",
        fps: "393.8",
    },
];

/// The row of this name.
pub fn row(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}

/// What the source gets wrong or leaves open.
pub const SLIPS: [Bilingual; 6] = [
    Bilingual {
        en: "The text gives a final loss of 9.9375 for the Atlas 800T A2, the table 9.9374. The table is shown.",
        zh: "正文中 Atlas 800T A2 的 final loss 为 9.9375，表格中为 9.9374。此处采用表格值。",
    },
    Bilingual {
        en: "The text calls 393.8 / 616.8 “0.63”. It is 0.6385.",
        zh: "正文称 393.8 / 616.8 为“0.63”，实际为 0.6385。",
    },
    Bilingual {
        en: "The text speaks of 1250 epochs. The config has 100 epochs of 1250 iterations each, which are the 125000 steps.",
        zh: "正文写作 1250 个 epoch；配置为 100 个 epoch，每个 1250 次迭代，共 125000 步。",
    },
    Bilingual {
        en: "The text has the reader write Reduceop.SUM, which PyTorch does not have; ReduceOp.SUM is meant.",
        zh: "正文要求写入的 Reduceop.SUM 在 PyTorch 中不存在，应为 ReduceOp.SUM。",
    },
    Bilingual {
        en: "It is not said whether an FPS is of the full run or of the one-epoch script. The full run's last five lines hold the \
             export of the teacher at step 124999: an export of 10 s makes 366 of 393.8.",
        zh: "未说明 FPS 取自完整训练还是单 epoch 脚本。完整训练的最后五行日志包含第 124999 步的教师网络导出：导出耗时 10 秒即可使 393.8 变为 366。",
    },
    Bilingual {
        en: "It is not said what competitor A is, which software it ran, or how often either was run.",
        zh: "未说明竞品A的型号、所用软件以及各自的运行次数。",
    },
];

/// In what the two published rows ran different programs, as far as the published patch and scripts tell.
pub const DIFFERENCES: [Bilingual; 5] = [
    Bilingual {
        en: "Compilation: the reference's config has train.compile: true, the port's false, and it turns torch.compile off.",
        zh: "编译：标杆配置为 train.compile: true，移植版为 false，并关闭了 torch.compile。",
    },
    Bilingual {
        en: "Matrix products in float32: the reference allows TF32 on CUDA; the port's switch does not reach the NPU, which computes them in float32.",
        zh: "float32 矩阵乘：标杆在 CUDA 上允许 TF32；移植版的该开关不作用于 NPU，按 float32 计算。",
    },
    Bilingual {
        en: "The teacher: the port's update_ema adds out of place and drops the sum, so the teacher never receives the student.",
        zh: "教师网络：移植版的 update_ema 使用非原地加法且丢弃结果，教师网络从未接收到学生网络。",
    },
    Bilingual {
        en: "Logged totals: the port adds them up over ranks in float32, the reference in float64.",
        zh: "日志累计值：移植版跨 rank 以 float32 求和，标杆为 float64。",
    },
    Bilingual {
        en: "Reduce-scatter: the port's edit makes every operation that reaches it a sum, averages and maxima too.",
        zh: "Reduce-scatter：移植版的改动使经过此处的所有归约操作都变为求和，包括平均与最大值。",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_ratio_is_what_the_digits_give() {
        let fps = |name| row(name).and_then(|row| row.fps.parse::<f64>().ok()).unwrap();
        assert_eq!(format!("{:.4}", fps("atlas-800t-a2") / fps("competitor-a")), "0.6385");
        assert!(row("nobody").is_none());
    }
}
