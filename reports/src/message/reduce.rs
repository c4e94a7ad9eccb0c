//! What is said of reductions over ranks.

mod op;

pub use op::{Multiplies, Op, Values};

use super::{Pen, Say};
use crate::Float;
use dinov3_ground::list;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the suite of collectives says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reduce {
    /// Title: every op of a collective at a dtype.
    EveryOp {
        /// The collective.
        call: String,
        /// The dtype.
        dtype: String,
    },
    /// Title: factor 1 is SUM.
    FactorOne {
        /// The collective.
        call: String,
    },
    /// Title: training steps under two ops.
    SameWeights {
        /// How many steps.
        steps: usize,
        /// On how many ranks.
        ranks: usize,
    },
    /// Summary of a block of results.
    Results {
        /// How many there are.
        count: usize,
        /// The worlds.
        worlds: Vec<usize>,
        /// How many are wrong.
        wrong: usize,
        /// Of those that are right, the largest error over its limit.
        rounding: Float,
        /// Whether the verdict is that they are right.
        proved: bool,
    },
    /// Why a block fails.
    WrongUnder {
        /// The ops.
        ops: Vec<Op>,
    },
    /// Why nothing is proved.
    OneRank,
    /// Subject of a finding: a result.
    Result {
        /// The op.
        op: Op,
        /// How many ranks.
        world: usize,
        /// What the tensor was filled with.
        values: Values,
        /// How many elements.
        length: usize,
    },
    /// Subject of a finding: results of all ops.
    World {
        /// How many ranks.
        world: usize,
        /// What the tensor was filled with.
        values: Values,
    },
    /// Subject of a finding: weights after steps.
    Weights {
        /// Of which rank.
        rank: usize,
    },
    /// An op was carried out that has to be refused.
    NotRefused,
    /// An op was refused.
    Refused {
        /// On how many ranks.
        refused: usize,
        /// Of how many.
        ranks: usize,
    },
    /// Elements are wrong.
    WrongElements {
        /// On which rank first.
        rank: usize,
        /// How many there.
        wrong: u64,
        /// Of how many.
        length: usize,
        /// Place of the first.
        place: u64,
        /// What is there.
        found: Float,
        /// What should be.
        expected: Float,
    },
    /// Ranks do not hold the same result.
    OtherBits {
        /// A rank that does not hold what rank 0 does.
        rank: usize,
    },
    /// The first finding of an op, and how many more results of it are wrong.
    AndMore {
        /// The first.
        first: Box<Reduce>,
        /// How many more.
        count: usize,
        /// The op.
        op: Op,
    },
    /// A backend multiplies by no factor.
    FactorIgnored {
        /// The backend.
        backend: String,
    },
    /// A result under PREMUL_SUM(1) is not SUM's.
    NotSum,
    /// Why factor 1 fails.
    NotSumIn {
        /// How many ranks.
        world: usize,
        /// What the tensor was filled with.
        values: Values,
    },
    /// Summary: factor 1 is SUM.
    BitForBit {
        /// How many results.
        count: usize,
    },
    /// Why factor 1 says nothing: SUM stands for all.
    SumStands {
        /// The backend.
        backend: String,
    },
    /// Why factor 1 says nothing: the factor is ignored.
    SameAsSum {
        /// The backend.
        backend: String,
        /// The first op that shows it.
        op: Op,
        /// In how many results.
        count: usize,
        /// How many ranks the first of them has.
        world: usize,
    },
    /// Weights under PREMUL_SUM(1) are not those under SUM.
    OtherWeightsThanSum,
    /// Weights under SUM are not rank 0's.
    OtherWeightsThanRank0,
    /// Why the steps fail.
    WeightsDiffer {
        /// Of which rank.
        rank: usize,
        /// Whether from those of rank 0, and not from those under SUM.
        from_rank_0: bool,
    },
    /// Summary: the same weights.
    WeightsAgree {
        /// How many ranks.
        ranks: usize,
        /// How many steps.
        steps: usize,
    },
    /// Why the steps say nothing: factor 1/2 leaves SUM's weights.
    HalfIsSum {
        /// The backend.
        backend: String,
    },
    /// Why a dtype was not checked.
    NotReduced {
        /// The dtype.
        dtype: String,
        /// The backend.
        backend: String,
    },
    /// Why no steps were taken.
    NoTrainer {
        /// The device.
        device: String,
    },
    /// Title of a table.
    CallOn {
        /// The collective.
        call: String,
        /// The backend.
        backend: String,
    },
    /// What a table holds.
    About {
        /// The dtypes.
        dtypes: Vec<String>,
        /// Who multiplies.
        multiplies: Multiplies,
        /// The backend.
        backend: String,
        /// What the numbers were drawn from.
        seed: u64,
        /// The factor that was drawn.
        factor: Float,
    },
    /// Cell: an op.
    Op(Op),
    /// Cell: the op was refused.
    IsRefused,
}

fn numbers(numbers: &[usize]) -> Vec<String> {
    numbers.iter().map(ToString::to_string).collect()
}

impl Say for Reduce {
    fn en(&self, pen: Pen) -> String {
        let elements = |length: usize| if length == 1 { "1 element".to_owned() } else { format!("{length} elements") };
        match self {
            Self::EveryOp { call, dtype } => {
                format!("every op of {} on {} tensors, against exact sums", pen.name(call), dtype)
            }
            Self::FactorOne { call } => {
                format!("{} by PREMUL_SUM(1) has the bits of SUM, and by other factors it has not", pen.name(call))
            }
            Self::SameWeights { steps, ranks } => {
                format!("{steps} training steps on {ranks} ranks leave the same weights under SUM and PREMUL_SUM(1)")
            }
            Self::Results { count, worlds, wrong, rounding, proved } => {
                let all = format!("{count} results in worlds of {}", list::and(numbers(worlds)));
                match (proved, wrong) {
                    (true, _) => {
                        format!("{all}: exact sums exact, rounded ones at most {:.2} of their limit", rounding.0)
                    }
                    (false, 0) => all,
                    (false, _) => format!("{all}, {wrong} wrong"),
                }
            }
            Self::WrongUnder { ops } => {
                format!("wrong under {}", list::and(ops.iter().map(|op| op.name())))
            }
            Self::OneRank => "one rank alone exchanges nothing".to_owned(),
            Self::Result { op, world, values, length } => {
                format!("{}, world {world}, {} ({})", op.name(), values.en(pen), elements(*length))
            }
            Self::World { world, values } => format!("world {world}, {}", values.en(pen)),
            Self::Weights { rank } => format!("weights of rank {rank}"),
            Self::NotRefused => "not refused, although SUM stands for PREMUL_SUM".to_owned(),
            Self::Refused { refused, ranks } => format!("refused on {refused} of {ranks} ranks"),
            Self::WrongElements { rank, wrong, length, place, found, expected } => format!(
                "rank {rank}: {wrong} of {} wrong, at {place} first: {:e} in place of {:e}",
                elements(*length),
                found.0,
                expected.0
            ),
            Self::OtherBits { rank } => format!("ranks 0 and {rank} hold different bits, both within rounding"),
            Self::AndMore { first, count, op } => {
                format!("{}; and {count} more results of {}", first.en(pen), op.name())
            }
            Self::FactorIgnored { backend } => {
                format!("{} gives the plain sum whatever the factor", pen.name(backend))
            }
            Self::NotSum => "not SUM's bits".to_owned(),
            Self::NotSumIn { world, values } => format!("world {world}, {}: not SUM's bits", values.en(pen)),
            Self::BitForBit { count } => format!("{count} results, bit for bit; every other factor changes them"),
            Self::SumStands { backend } => format!(
                "SUM stands for PREMUL_SUM on {}, and other factors are refused: equality at 1 says nothing",
                pen.name(backend)
            ),
            Self::SameAsSum { backend, op, count, world } => format!(
                "{} gives for {} what it gives for SUM, in {count} results, the first in world {world}: equality at 1 says nothing",
                pen.name(backend),
                op.name()
            ),
            Self::OtherWeightsThanSum => "PREMUL_SUM(1) leaves others than SUM".to_owned(),
            Self::OtherWeightsThanRank0 => "SUM leaves others than on rank 0".to_owned(),
            Self::WeightsDiffer { rank, from_rank_0: true } => {
                format!("weights of rank {rank}: SUM leaves others than on rank 0")
            }
            Self::WeightsDiffer { rank, from_rank_0: false } => {
                format!("weights of rank {rank}: PREMUL_SUM(1) leaves others than SUM")
            }
            Self::WeightsAgree { ranks, steps } => {
                format!("the same weights on {ranks} ranks after {steps} steps; PREMUL_SUM(1/2) leaves others")
            }
            Self::HalfIsSum { backend } => format!(
                "PREMUL_SUM(1/2) on {} leaves the weights that SUM does: equality at 1 says nothing",
                pen.name(backend)
            ),
            Self::NotReduced { dtype, backend } => {
                format!("{} does not reduce {}, as its plugin says", pen.name(backend), pen.name(dtype))
            }
            Self::NoTrainer { device } => format!("the trainer does not compute on {} yet", pen.name(device)),
            Self::CallOn { call, backend } => format!("{} on {}", pen.name(call), pen.name(backend)),
            Self::About { dtypes, multiplies, backend, seed, factor } => {
                let backend = pen.name(backend);
                let multiplies = match multiplies {
                    Multiplies::Backend => format!("Under PREMUL_SUM {backend} multiplies."),
                    Multiplies::Ranks => format!("Under PREMUL_SUM each rank multiplies, and {backend} sums."),
                    Multiplies::Nobody => format!("{backend} sums; SUM stands for PREMUL_SUM at factor 1."),
                };
                format!(
                    "All of {}. {multiplies} A wrong element is one that is not the exact result where nothing is rounded on the way, or is \
                     further from it than rounding explains. Errors are in u, half a step of the dtype, times the sum of the magnitudes; the \
                     limit counts the roundings that a number goes through. Seed {seed}; the drawn factor is {}.",
                    list::and(dtypes),
                    factor.0
                )
            }
            Self::Op(op) => op.name(),
            Self::IsRefused => "refused".to_owned(),
        }
    }

    fn zh(&self, pen: Pen) -> String {
        match self {
            Self::EveryOp { call, dtype } => {
                format!("{} 对 {dtype} 张量的全部归约操作，与精确和比对", pen.name(call))
            }
            Self::FactorOne { call } => {
                format!("{} 的 PREMUL_SUM(1) 与 SUM 二进制一致，系数不为 1 时则不一致", pen.name(call))
            }
            Self::SameWeights { steps, ranks } => {
                format!("{ranks} 个 rank 训练 {steps} 步，SUM 与 PREMUL_SUM(1) 得到相同的权重")
            }
            Self::Results { count, worlds, wrong, rounding, proved } => {
                let all = format!("rank 数为 {} 时共 {count} 个结果", numbers(worlds).join("、"));
                match (proved, wrong) {
                    (true, _) => {
                        format!("{all}：可精确求和的结果完全精确，其余结果的舍入误差最大为阈值的 {:.2} 倍", rounding.0)
                    }
                    (false, 0) => all,
                    (false, _) => format!("{all}，其中 {wrong} 个错误"),
                }
            }
            Self::WrongUnder { ops } => {
                format!("以下归约操作的结果错误：{}", ops.iter().map(|op| op.name()).collect::<Vec<_>>().join("、"))
            }
            Self::OneRank => "只有一个 rank，没有任何数据交换".to_owned(),
            Self::Result { op, world, values, length } => {
                format!("{}，rank 数 {world}，{}（{length} 个元素）", op.name(), values.zh(pen))
            }
            Self::World { world, values } => format!("rank 数 {world}，{}", values.zh(pen)),
            Self::Weights { rank } => format!("rank {rank} 的权重"),
            Self::NotRefused => "以 SUM 代替 PREMUL_SUM 时本应拒绝执行，实际未拒绝".to_owned(),
            Self::Refused { refused, ranks } => format!("{ranks} 个 rank 中有 {refused} 个拒绝执行"),
            Self::WrongElements { rank, wrong, length, place, found, expected } => format!(
                "rank {rank}：{length} 个元素中有 {wrong} 个错误，首个错误位于下标 {place}，结果为 {:e}，应为 {:e}",
                found.0, expected.0
            ),
            Self::OtherBits { rank } => format!("rank 0 与 rank {rank} 的结果二进制不一致，但都在舍入误差范围内"),
            Self::AndMore { first, count, op } => {
                format!("{}；{} 另有 {count} 个结果错误", first.zh(pen), op.name())
            }
            Self::FactorIgnored { backend } => format!("{} 忽略系数，无论系数取何值都直接求和", pen.name(backend)),
            Self::NotSum => "与 SUM 二进制不一致".to_owned(),
            Self::NotSumIn { world, values } => format!("rank 数 {world}，{}：与 SUM 二进制不一致", values.zh(pen)),
            Self::BitForBit { count } => format!("{count} 个结果二进制一致，换用任何其他系数，结果都会改变"),
            Self::SumStands { backend } => {
                format!(
                    "{} 以 SUM 代替 PREMUL_SUM，并拒绝其他系数：系数为 1 时的一致不能说明任何问题",
                    pen.name(backend)
                )
            }
            Self::SameAsSum { backend, op, count, world } => format!(
                "{} 对 {} 与 SUM 给出相同的结果，共 {count} 个，首个出现在 rank 数为 {world} 时：系数为 1 时的一致不能说明任何问题",
                pen.name(backend),
                op.name()
            ),
            Self::OtherWeightsThanSum => "PREMUL_SUM(1) 得到的权重与 SUM 不同".to_owned(),
            Self::OtherWeightsThanRank0 => "SUM 得到的权重与 rank 0 不同".to_owned(),
            Self::WeightsDiffer { rank, from_rank_0: true } => {
                format!("rank {rank} 的权重：SUM 得到的权重与 rank 0 不同")
            }
            Self::WeightsDiffer { rank, from_rank_0: false } => {
                format!("rank {rank} 的权重：PREMUL_SUM(1) 得到的权重与 SUM 不同")
            }
            Self::WeightsAgree { ranks, steps } => {
                format!("{ranks} 个 rank 训练 {steps} 步后权重相同，PREMUL_SUM(1/2) 则得到不同的权重")
            }
            Self::HalfIsSum { backend } => {
                format!(
                    "{} 的 PREMUL_SUM(1/2) 得到与 SUM 相同的权重：系数为 1 时的一致不能说明任何问题",
                    pen.name(backend)
                )
            }
            Self::NotReduced { dtype, backend } => {
                format!("{} 的插件声明不支持 {} 归约", pen.name(backend), pen.name(dtype))
            }
            Self::NoTrainer { device } => format!("训练器尚不支持在 {} 上计算", pen.name(device)),
            Self::CallOn { call, backend } => format!("{}（{}）", pen.name(call), pen.name(backend)),
            Self::About { dtypes, multiplies, backend, seed, factor } => {
                let backend = pen.name(backend);
                let multiplies = match multiplies {
                    Multiplies::Backend => format!("PREMUL_SUM 的乘法由 {backend} 完成。"),
                    Multiplies::Ranks => format!("PREMUL_SUM 的乘法由各 rank 完成，再由 {backend} 求和。"),
                    Multiplies::Nobody => format!("{backend} 只求和；系数为 1 时以 SUM 代替 PREMUL_SUM。"),
                };
                format!(
                    "数据类型为 {}。{multiplies}错误元素是指：计算全程无舍入却与精确结果不同，或与精确结果之差超出舍入所能解释的范围。误差以 u 为单位，\
                     即该数据类型机器精度（eps）的一半乘以各加数绝对值之和；阈值为每个数经历的舍入次数。随机种子为 {seed}，随机抽取的系数为 {}。",
                    dtypes.join("、"),
                    factor.0
                )
            }
            Self::Op(op) => op.name(),
            Self::IsRefused => "拒绝执行".to_owned(),
        }
    }
}
