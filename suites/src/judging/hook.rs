//! The hook that judges.

use std::collections::HashMap;
use std::io;

use dinov3_golden::{GoldenSet, Judge, Precision, Recorded, SetJudgement, TensorView, sample};
use dinov3_vit::hook::Hook;
use tch::Tensor;

use super::replay::with_view;
use crate::SuiteError;
use crate::forced::{self, Kept};

/// Judges every tensor that the trainer shows. A hook cannot fail, so the first failure is kept, and nothing is judged
/// after it.
pub(super) struct JudgingHook<'a> {
    judge: Judge<'a>,
    golden: &'a GoldenSet,
    precision: Precision,
    /// Whether tensors that differ are kept, for forced replay.
    keeps: bool,
    gradients: bool,
    kept: HashMap<String, Kept>,
    progress: &'a mut dyn FnMut(u64) -> io::Result<()>,
    done: u64,
    last: Option<String>,
    failed: Option<SuiteError>,
}

impl<'a> JudgingHook<'a> {
    pub(super) fn new(
        judge: Judge<'a>,
        (golden, precision): (&'a GoldenSet, Precision),
        progress: &'a mut dyn FnMut(u64) -> io::Result<()>,
    ) -> Self {
        let all = &golden.manifest().entries;
        let keeps = forced::can_replay(golden, precision);
        let gradients = all.iter().any(|entry| entry.name.kind() == dinov3_golden::Kind::Gradout);
        let kept = HashMap::new();
        Self { judge, golden, precision, keeps, gradients, kept, progress, done: 0, last: None, failed: None }
    }

    /// The tensor that was shown last.
    pub(super) fn last(&self) -> Option<String> {
        self.last.clone()
    }

    /// The judgement, and the tensors that differ from the recording; or the first failure.
    pub(super) fn finish(self) -> Result<(SetJudgement, HashMap<String, Kept>), SuiteError> {
        match self.failed {
            Some(error) => Err(error),
            None => Ok((self.judge.finish(), self.kept)),
        }
    }

    fn judge(&mut self, name: &str, value: &Tensor) -> Result<(), SuiteError> {
        let kept = with_view(value, |view| {
            let judged = self.judge.observe(name, view)?;
            let differs = judged.index.filter(|_| self.keeps && !judged.identical);
            let recorded =
                differs.map(|index| self.golden.recorded(&self.golden.manifest().entries[index], self.precision));
            Ok::<_, SuiteError>(recorded.transpose()?.and_then(|recorded| kept(recorded, view)))
        })?;
        self.kept.extend(kept.map(|kept| (name.to_owned(), kept)));
        self.done += 1;
        self.last = Some(name.to_owned());
        Ok((self.progress)(self.done)?)
    }
}

/// As much of a tensor as the golden set stores of it; `None` where that is nothing.
fn kept(recorded: Recorded<'_>, view: TensorView<'_>) -> Option<Kept> {
    recorded.stored?;
    let stride = recorded.stride();
    let bytes = match recorded.sample_limit.filter(|_| stride > 1) {
        Some(limit) => sample(view, limit),
        None => view.bytes().to_vec(),
    };
    Some(Kept { dtype: view.dtype(), shape: view.shape().to_vec(), stride, bytes })
}

impl Hook for JudgingHook<'_> {
    fn tensor(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        self.summary(name, value);
        None
    }

    fn wants_gradients(&self) -> bool {
        self.gradients
    }

    fn summary(&mut self, name: &str, value: &Tensor) {
        if self.failed.is_none() {
            self.failed = self.judge(name, value).err();
        }
    }
}
