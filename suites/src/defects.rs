//! Planted defects: the trainer broken on purpose, in one known way at a time, from outside.
//!
//! A check that cannot fail proves nothing. Each [`Defect`] is a mistake that a port of DINOv3 has made or could make, with the suite, the
//! golden set and the tensor that must name it first. The trainer knows none of them. A [hook](dinov3_vit::hook) replaces a tensor or a
//! number; other defects change the config, replace a part of the trainer, or wrap the group of ranks.

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
    /// The broken part, in one sentence.
    pub breaks: &'static str,
    /// The site.
    pub site: Site,
    /// The way in which it is planted.
    pub how: How,
    /// The tensor or the checks that must name it first.
    pub caught_by: CaughtBy,
}

/// The site of a defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// One block, of the student and of the teachers alike.
    Block,
    /// The training step, outside of the blocks.
    Step,
    /// The collectives of ranks.
    Collectives,
}

impl Site {
    /// All sites, in the order of the help.
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

/// The way in which a defect is planted.
#[derive(Clone, Copy)]
pub enum How {
    /// The operands `path:key` get other values. Paths in a block are relative to the block.
    Operands(&'static [&'static str], fn(f64) -> f64),
    /// A hook of the defect's own replaces tensors.
    Hook(fn(&Scope) -> Box<dyn Hook>),
    /// The config of the run changes.
    Config(fn(&mut SslConfig)),
    /// Another part takes the place of the trainer's.
    Parts(fn(&mut Parts)),
    /// A wrapper takes the place of the group of ranks.
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

/// The run that a defect's hook is made for.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The index of the broken block.
    pub block: usize,
    /// The config of the run.
    pub config: &'a SslConfig,
    /// The number of ranks that take the step together.
    pub ranks: usize,
}

/// The defect with this name.
pub fn named(name: &str) -> Option<&'static Defect> {
    DEFECTS.iter().find(|defect| defect.name == name)
}

#[cfg(test)]
mod tests;
