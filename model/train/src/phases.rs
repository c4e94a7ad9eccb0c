//! Where a step is: what takes the time is told to whoever wants to know.

use std::fmt;

/// What a step, or the loop around it, is doing. A step goes through its phases in this order, and comes to [`Phase::Gram`] three times at most:
/// once the batch is there, for the Gram teacher's patches, and at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// The loop waits for a batch.
    Data,
    /// Leftovers of a step that failed go, and the batch is sent to the device.
    HostToDevice,
    /// The teacher's forward, and Sinkhorn-Knopp on its logits.
    Teacher,
    /// The student's forward.
    Student,
    /// The Gram teacher: its forward, and the weights that it takes.
    Gram,
    /// All losses.
    Losses,
    /// Backward. With several ranks most gradients are on their way when it ends.
    Backward,
    /// The rest of the gradients' reduction.
    Reduce,
    /// Norms and clipping.
    Clip,
    /// Losses and metrics over all ranks.
    Metrics,
    /// AdamW.
    Optimizer,
    /// The moving average.
    Average,
    /// The loop copies, or writes, what lasts.
    Save,
}

impl Phase {
    /// Such as `host to device`.
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

/// Told of phases as the host goes through them. A device may lag behind: whoever times one synchronises, or records an event, here.
pub trait Listener {
    /// `phase` begins.
    fn begin(&mut self, phase: Phase);

    /// It has ended, well or not.
    fn end(&mut self, phase: Phase);
}

/// A listener, or none.
#[derive(Default)]
pub struct Phases<'a>(Option<&'a mut dyn Listener>);

impl<'a> Phases<'a> {
    /// Nobody listens. Costs one branch a phase.
    pub fn none() -> Self {
        Self(None)
    }

    /// Every phase is told to `listener`.
    pub fn to(listener: &'a mut dyn Listener) -> Self {
        Self(Some(listener))
    }

    /// Runs `body`, which is `phase`.
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
