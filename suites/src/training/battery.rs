//! The set `losses`: every loss function by itself, with options among them that no training set has.
//!
//! Case c draws its inputs after `manual_seed(seed + c)`, in fp32, and casts them to the dtype of the run; see docs/golden-format.md.

use dinov3_config::{Distributed, GramLoss, Negatives, ResizeMethod};
use dinov3_golden::GoldenSet;
use dinov3_golden::Kind as EntryKind;
use dinov3_ranks::Alone;
use dinov3_torch::device::{Device, HOST, beside, moved};
use dinov3_torch::runtime;
use dinov3_train::TrainError;
use dinov3_vit::hook::Hook;
use dinov3_vit::loss::gram::{gram_loss, resize_patches};
use dinov3_vit::loss::koleo::{koleo_loss, koleo_loss_alone};
use dinov3_vit::loss::sinkhorn::{ITERATIONS, Samples, sinkhorn_knopp};
use dinov3_vit::loss::{SoftmaxCentering, dino, ibot};
use dinov3_vit::module::at_least_float;
use tch::{Kind, Tensor};

use crate::SuiteError;
use crate::judging::replay::Replay;

/// Prototypes.
const K: i64 = 64;
/// The teacher's temperature where a mean is subtracted.
const SOFTMAX: f64 = 0.07;
/// The teacher's temperature in Sinkhorn-Knopp.
const SINKHORN: f64 = 0.05;

type Shape = &'static [i64];
/// The tensors that a case shows, under its own name (none) or another one.
type Values = Vec<(Option<&'static str>, Tensor)>;

/// Calls a loss function with what was drawn.
type Call = dyn Fn(&[Tensor]) -> Result<Values, TrainError>;

/// One call of one loss function.
struct Case {
    name: String,
    /// Shapes of what is drawn, in this order.
    shapes: Vec<Shape>,
    run: Box<Call>,
    /// Whether the gradient by the first tensor is shown as well.
    gradient: bool,
}

/// Runs every case that was recorded at this precision (libtorch has no bf16 kernel for some on the host) and shows `loss:<case>` and `grad:<case>` to `hook`.
///
/// # Errors
/// When a loss function fails.
pub(super) fn run(set: &GoldenSet, replay: &Replay, hook: &mut dyn Hook) -> Result<(), SuiteError> {
    let manifest = set.manifest();
    let recorded = |case: &Case| {
        let entry = manifest.entry(&EntryKind::Loss.name(&case.name));
        entry.is_some_and(|(_, entry)| entry.records.get(replay.precision).is_some())
    };
    for (number, case) in cases().into_iter().enumerate().filter(|(_, case)| recorded(case)) {
        runtime::manual_seed(manifest.recipe.seed + number as u64);
        let draw = |shape: &Shape| {
            let drawn = Tensor::randn(*shape, (Kind::Float, HOST));
            moved(&drawn, replay.device).to_kind(replay.kind())
        };
        let mut inputs: Vec<Tensor> = case.shapes.iter().map(draw).collect();
        if case.gradient {
            inputs[0] = inputs[0].set_requires_grad(true);
        }
        let failed = |source| SuiteError::Train { set: manifest.name.clone(), source };
        let values = (case.run)(&inputs).map_err(failed)?;
        for (name, value) in &values {
            hook.summary(&EntryKind::Loss.name(name.unwrap_or(&case.name)), &value.detach());
        }
        if case.gradient {
            values[0].1.sum(None).backward();
            hook.summary(&EntryKind::Grad.name(&case.name), &inputs[0].grad());
        }
    }
    Ok(())
}

/// All cases in their order: their numbers decide their seeds.
fn cases() -> Vec<Case> {
    [clusters(), koleo(), gram(), resizing()].into_iter().flatten().collect()
}

/// A case that shows one tensor.
fn one(
    name: impl Into<String>,
    shapes: &[Shape],
    gradient: bool,
    run: impl Fn(&[Tensor]) -> Result<Tensor, TrainError> + 'static,
) -> Case {
    let run = Box::new(move |inputs: &[Tensor]| Ok(vec![(None, run(inputs)?)]));
    Case { name: name.into(), shapes: shapes.to_vec(), run, gradient }
}

fn clusters() -> Vec<Case> {
    let probabilities = |logits: &Tensor| logits.softmax(-1, None::<Kind>);
    let pairs = |ignore: bool| {
        move |it: &[Tensor]| Ok(dino::dino_loss(&it[0], &at_least_float(&probabilities(&it[1])), ignore))
    };
    vec![
        centred("dino.softmax_center", &[12, K], "dino.center", SoftmaxCentering::of_cls),
        centred("ibot.softmax_center", &[3, 10, K], "ibot.center", SoftmaxCentering::of_patches),
        one("ibot.forward", &[&[3, 10, K], &[3, 10, K]], true, move |it| {
            Ok(ibot::forward(&it[0], &probabilities(&it[1]), &masks(|at| at % 3 == 0 && at < 20, &it[0])))
        }),
        one("ibot.forward_masked", &[&[8, K], &[8, K]], true, move |it| {
            let masked = masks(|at| [0, 3, 6, 9, 10, 13, 16, 19].contains(&at), &it[0]);
            Ok(ibot::forward_masked(&it[0], &probabilities(&it[1]), &masked, None))
        }),
        one("dino.pairs", &[&[3, 5, K], &[2, 5, K]], true, pairs(false)),
        one("dino.pairs_ignore_diagonal", &[&[3, 5, K], &[2, 5, K]], true, pairs(true)),
        one("sinkhorn.dino", &[&[12, K]], false, |it| {
            Ok(sinkhorn_knopp(&it[0], SINKHORN, Samples::Equal, ITERATIONS, &Alone)?)
        }),
        one("sinkhorn.ibot", &[&[9, K]], false, |it| {
            let mut count = beside(&Tensor::from_slice(&[it[0].size()[0]]), &it[0]);
            Ok(sinkhorn_knopp(&it[0], SINKHORN, Samples::Counted(&mut count), ITERATIONS, &Alone)?)
        }),
    ]
}

/// Softmax centering, which leaves a center behind.
fn centred(name: &str, shape: Shape, center: &'static str, new: fn(i64, (Kind, Device)) -> SoftmaxCentering) -> Case {
    let run = move |inputs: &[Tensor]| {
        let teacher = &inputs[0];
        let mut centering = new(K, (Kind::Float, Device::of(teacher)));
        centering.update(teacher, &Alone)?;
        let value = centering.probabilities(teacher, SOFTMAX);
        Ok(vec![(None, value), (Some(center), centering.center().shallow_clone())])
    };
    Case { name: name.to_owned(), shapes: vec![shape], run: Box::new(run), gradient: false }
}

/// `[3, 10]` bool, true where `f` says so of the flat index, on the device of `logits`.
fn masks(f: impl Fn(i64) -> bool, logits: &Tensor) -> Tensor {
    let flags: Vec<bool> = (0..30).map(f).collect();
    beside(&Tensor::from_slice(&flags).view([3, 10]), logits)
}

fn koleo() -> Vec<Case> {
    let distributed =
        |topk, group_size| move |it: &[Tensor]| Ok(koleo_loss_alone(Distributed { topk, group_size }, &it[0])?);
    vec![
        one("koleo", &[&[9, 16]], true, |it| Ok(koleo_loss(&it[0]))),
        one("koleo.distributed_topk1", &[&[8, 16]], true, distributed(1, None)),
        one("koleo.distributed_topk3", &[&[8, 16]], true, distributed(3, Some(8))),
    ]
}

fn gram() -> Vec<Case> {
    let kinds = [("all", Negatives::Keep), ("noneg", Negatives::Remove), ("noteacherneg", Negatives::RemoveTeachers)];
    let mut cases = Vec::new();
    for (norm, normalized) in [("norm", true), ("raw", false)] {
        for (level, by_image) in [("image", true), ("batch", false)] {
            for (kind, negatives) in kinds {
                let loss = GramLoss { normalized, negatives };
                let run = move |it: &[Tensor]| Ok(gram_loss(loss, &it[0], &it[1], by_image));
                cases.push(one(format!("gram.{norm}.{level}.{kind}"), &[&[2, 6, 16], &[2, 6, 16]], true, run));
            }
        }
    }
    cases
}

fn resizing() -> Vec<Case> {
    let methods = [("bicubic", ResizeMethod::Bicubic), ("bilinear", ResizeMethod::Bilinear)];
    let mut cases = Vec::new();
    for (name, method) in methods {
        for (kind, antialias) in [("plain", false), ("antialias", true)] {
            let run = move |it: &[Tensor]| Ok(resize_patches(&it[0], (8, 4), method, antialias));
            cases.push(one(format!("gram.resize.{name}.{kind}"), &[&[2, 64, 16]], false, run));
        }
    }
    cases
}
