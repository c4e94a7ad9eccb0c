//! The phases of a step, and the listener that hears when each begins and ends.

use std::fmt;
use std::time::Duration;

/// A phase of a step, or of the loop around it. A step goes through its phases in this order. [`Phase::Gram`] comes three times at most: when
/// the batch is there, for the Gram teacher's patches, and at the end of the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// The loop waits for a batch.
    Data,
    /// The leavings of a failed step are freed, and the batch goes to the device.
    HostToDevice,
    /// The teacher's forward, and Sinkhorn-Knopp on its logits.
    Teacher,
    /// The student's forward.
    Student,
    /// The Gram teacher's forward, and its new weights.
    Gram,
    /// All losses.
    Losses,
    /// The backward pass. With several ranks, most gradients are being reduced when it ends.
    Backward,
    /// The rest of the gradients' reduction.
    Reduce,
    /// The norms of the gradients, and their clipping.
    Clip,
    /// Losses and metrics over all ranks.
    Metrics,
    /// AdamW.
    Optimizer,
    /// The moving average.
    Average,
    /// The loop copies or writes the state.
    Save,
}

impl Phase {
    /// Every phase, in the order of a step.
    pub const ALL: [Self; 13] = [
        Self::Data,
        Self::HostToDevice,
        Self::Teacher,
        Self::Student,
        Self::Gram,
        Self::Losses,
        Self::Backward,
        Self::Reduce,
        Self::Clip,
        Self::Metrics,
        Self::Optimizer,
        Self::Average,
        Self::Save,
    ];

    /// The name of the phase, such as `host to device`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::HostToDevice => "host to device",
            Self::Teacher => "teacher",
            Self::Student => "student",
            Self::Gram => "gram",
            Self::Losses => "losses",
            Self::Backward => "backward",
            Self::Reduce => "reduce",
            Self::Clip => "clip",
            Self::Metrics => "metrics",
            Self::Optimizer => "optimizer",
            Self::Average => "average",
            Self::Save => "save",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A listener that hears of phases as the host goes through them. A device may lag behind: a listener that times it synchronises or records
/// an event.
pub trait Listener {
    /// `phase` begins.
    fn begin(&mut self, phase: Phase);

    /// The phase has ended, with or without an error.
    fn end(&mut self, phase: Phase);

    /// Iteration `it` of the loop is over. By the loop's clock it took `took`, of which it waited for its batch for `waited`. The lines of its
    /// log are written after this, between two iterations.
    fn over(&mut self, it: usize, waited: Duration, took: Duration) {
        let _ = (it, waited, took);
    }
}

/// A listener, or none.
#[derive(Default)]
pub struct Phases<'a>(Option<&'a mut dyn Listener>);

impl<'a> Phases<'a> {
    /// Nobody listens. Costs one branch a phase.
    pub fn none() -> Self {
        Self(None)
    }

    /// `listener` hears of every phase.
    pub fn to(listener: &'a mut dyn Listener) -> Self {
        Self(Some(listener))
    }

    /// Iteration `it` of the loop is over.
    pub fn over(&mut self, it: usize, waited: Duration, took: Duration) {
        if let Some(listener) = &mut self.0 {
            listener.over(it, waited, took);
        }
    }

    /// Runs `body` as `phase`.
    pub fn during<T>(&mut self, phase: Phase, body: impl FnOnce() -> T) -> T {
        match &mut self.0 {
            None => body(),
            Some(listener) => {
                listener.begin(phase);
                let result = body();
                listener.end(phase);
                result
            }
        }
    }
}

impl fmt::Debug for Phases<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Phases(heard)" } else { "Phases(unheard)" })
    }
}
