//! Planted defects: our own trainer broken on purpose, one known way at a time, and all of it from outside.
//!
//! A check that cannot fail proves nothing. Each [`Defect`] is a mistake that a port of DINOv3 has made or could make, with the suite, the
//! golden set and the tensor that must name it first. The trainer knows none of them: a [hook](dinov3_vit::hook) puts a wrong tensor or
//! number in the place of the right one; what is neither is a changed config, another part of the trainer, or a group of ranks that wraps
//! the real one.

mod block;
mod caught;
mod collectives;
mod operands;
mod plant;
mod registry;
mod step;
mod table;

use std::fmt;
use std::sync::Arc;

use dinov3_config::SslConfig;
use dinov3_ranks::Group;
use dinov3_train::Parts;
use dinov3_vit::hook::Hook;

/// The names of the suites that catch defects.
const LAYERS: &str = "layers";
const TRAINING: &str = "training";
const REDUCE_OP: &str = "reduce-op";

pub use caught::{CaughtBy, Checks, Elsewhere, Sighting};
pub use plant::{CannotShow, NotPlanted, Plant};
pub use registry::DEFECTS;
pub use table::{help, table};

/// One known way to break the trainer.
#[derive(Debug)]
pub struct Defect {
    /// The name on the command line.
    pub name: &'static str,
    /// What is broken, in one sentence.
    pub breaks: &'static str,
    /// Where it sits.
    pub site: Site,
    /// How it is planted.
    pub how: How,
    /// What must name it first.
    pub caught_by: CaughtBy,
}

/// Where a defect sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// In one block, of the student and of the teachers alike.
    Block,
    /// In the training step, outside of its blocks.
    Step,
    /// In the collectives of ranks.
    Collectives,
}

impl Site {
    /// All of them, in the order of the help.
    pub const ALL: [Site; 3] = [Site::Block, Site::Step, Site::Collectives];

    /// The names of the suites in which such a defect can show.
    pub fn shows_in(self) -> &'static [&'static str] {
        match self {
            Site::Block => &[LAYERS, TRAINING],
            Site::Step => &[TRAINING],
            Site::Collectives => &[REDUCE_OP],
        }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Site::Block => "block",
            Site::Step => "step",
            Site::Collectives => "collectives",
        })
    }
}

/// How a defect is planted.
#[derive(Clone, Copy)]
pub enum How {
    /// These operands, `path:key`, become others; in a block, the path is counted from the block on.
    Operands(&'static [&'static str], fn(f64) -> f64),
    /// A hook of its own.
    Hook(fn(&Scope) -> Box<dyn Hook>),
    /// The config of the run is changed.
    Config(fn(&mut SslConfig)),
    /// The trainer is made of another part.
    Parts(fn(&mut Parts)),
    /// The ranks are wrapped.
    Group(fn(Arc<dyn Group>) -> Arc<dyn Group>),
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            How::Operands(..) | How::Hook(_) => "hook",
            How::Config(_) => "config",
            How::Parts(_) => "part",
            How::Group(_) => "group",
        })
    }
}

impl fmt::Debug for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What a hook of a defect is made for.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The index of the broken block.
    pub block: usize,
    /// The config of the run.
    pub config: &'a SslConfig,
    /// How many ranks take the step together.
    pub ranks: usize,
}

/// The defect of this name.
pub fn named(name: &str) -> Option<&'static Defect> {
    DEFECTS.iter().find(|defect| defect.name == name)
}

#[cfg(test)]
mod tests;
