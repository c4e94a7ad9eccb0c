//! The hook that judges.

use std::io;

use dinov3_golden::{Judge, SetJudgement};
use dinov3_vit::hook::Hook;
use tch::Tensor;

use super::replay::with_view;
use crate::SuiteError;

/// Judges every tensor that the trainer shows. A hook cannot fail, so the first failure is kept, and nothing is judged
/// after it.
pub(super) struct JudgingHook<'a> {
    judge: Judge<'a>,
    progress: &'a mut dyn FnMut(u64) -> io::Result<()>,
    done: u64,
    failed: Option<SuiteError>,
}

impl<'a> JudgingHook<'a> {
    pub(super) fn new(judge: Judge<'a>, progress: &'a mut dyn FnMut(u64) -> io::Result<()>) -> Self {
        Self { judge, progress, done: 0, failed: None }
    }

    /// The judgement, or the first failure.
    pub(super) fn finish(self) -> Result<SetJudgement, SuiteError> {
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.judge.finish()),
        }
    }

    fn judge(&mut self, name: &str, value: &Tensor) -> Result<(), SuiteError> {
        with_view(value, |view| self.judge.observe(name, view).map(drop))?;
        self.done += 1;
        Ok((self.progress)(self.done)?)
    }
}

impl Hook for JudgingHook<'_> {
    fn tensor(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        self.summary(name, value);
        None
    }

    fn summary(&mut self, name: &str, value: &Tensor) {
        if self.failed.is_none() {
            self.failed = self.judge(name, value).err();
        }
    }
}
