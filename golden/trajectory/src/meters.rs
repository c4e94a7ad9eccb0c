//! The reference's meters, and what a difference in each of them means.

use serde::{Deserialize, Serialize};

/// Columns that tell of time and memory: they differ between correct runs.
const TIMES: [&str; 7] = ["iter_time", "data_time", "time", "data", "eta", "mem", "max mem"];

/// The kind of a meter, which decides how it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeterKind {
    /// A curve that the config decides: learning rate, weight decay, momentum, weights of losses. Compared exactly.
    Schedule,
    /// A setting: batch sizes. Compared exactly.
    Setting,
    /// A loss or a term of one. Compared by its difference.
    Loss,
    /// A norm of gradients. Compared by its ratio.
    GradientNorm,
    /// Anything else. Compared by its difference.
    Other,
}

/// The kind of a meter; `None` for times and memory, which are not compared.
pub fn kind(meter: &str) -> Option<MeterKind> {
    if TIMES.contains(&meter) {
        return None;
    }
    Some(match meter {
        "lr" | "wd" | "mom" | "last_layer_lr" | "teacher_temp" => MeterKind::Schedule,
        "local_batch_size" | "global_batch_size" | "batch_size" => MeterKind::Setting,
        _ if meter.ends_with("_loss_weight") => MeterKind::Schedule,
        _ if meter.ends_with("_grad_norm") => MeterKind::GradientNorm,
        _ if meter.ends_with("loss") => MeterKind::Loss,
        _ => MeterKind::Other,
    })
}

/// The loss that the optimizer sees, and the meter that every log has.
pub const TOTAL_LOSS: &str = "total_loss";

/// The total loss of every single step, where a run has it. The other meters are medians of 20 steps.
pub const STEP_TOTAL_LOSS: &str = "step_total_loss";

/// The columns that the reference's log always has and that decide exactly.
pub const SCHEDULES: [&str; 4] = ["lr", "wd", "mom", "last_layer_lr"];

/// The name of the reference's meter that a tag or column of another tool stands for: the part behind `train/` and the
/// like, if it names a meter.
pub fn canonical(name: &str) -> &str {
    if let Some(at) = name.find("stats_only/") {
        return &name[at..];
    }
    let own = name.rsplit('/').next().unwrap_or(name);
    if is_known(own) { own } else { name }
}

/// Whether the reference has a meter of this name.
pub fn is_known(meter: &str) -> bool {
    TIMES.contains(&meter) || matches!(kind(meter), Some(kind) if kind != MeterKind::Other) || meter == STEP_TOTAL_LOSS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meters_have_the_kind_that_their_comparison_needs() {
        let cases = [
            ("lr", Some(MeterKind::Schedule)),
            ("dino_local_loss_weight", Some(MeterKind::Schedule)),
            ("gram_loss_weight", Some(MeterKind::Schedule)),
            ("global_batch_size", Some(MeterKind::Setting)),
            ("koleo_loss", Some(MeterKind::Loss)),
            ("stats_only/masked_gram_loss", Some(MeterKind::Loss)),
            ("backbone_grad_norm", Some(MeterKind::GradientNorm)),
            ("iter_time", None),
            ("temperature", Some(MeterKind::Other)),
        ];
        for (meter, expected) in cases {
            assert_eq!(kind(meter), expected, "{meter}");
        }
    }

    #[test]
    fn a_tag_of_another_tool_is_named_as_the_reference_does() {
        assert_eq!(canonical("train/total_loss"), "total_loss");
        assert_eq!(canonical("train/stats_only/masked_gram_loss"), "stats_only/masked_gram_loss");
        assert_eq!(canonical("eval/knn"), "eval/knn");
    }
}
