//! A defect and the block that has it: `gelu-tanh@1`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use dinov3_config::SslConfig;
use dinov3_ground::{Hint, Hints};
use dinov3_ranks::Group;
use dinov3_train::Parts;
use dinov3_vit::hook::Hook;
use tch::Tensor;
use thiserror::Error;

use super::operands::Operands;
use super::{Defect, How, Scope, Site, named};

/// A [`Defect`] and the block that has it, of the student and of the teachers alike.
#[derive(Clone, Copy, Debug)]
pub struct Plant {
    /// The defect.
    pub defect: &'static Defect,
    /// The index of the broken block; ignored for a defect outside of blocks.
    pub block: usize,
}

/// A defect has one name.
impl PartialEq for Plant {
    fn eq(&self, other: &Self) -> bool {
        (self.defect.name, self.block) == (other.defect.name, other.block)
    }
}

impl Eq for Plant {}

impl fmt::Display for Plant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.defect.site {
            Site::Block => write!(f, "{}@{}", self.defect.name, self.block),
            Site::Step | Site::Collectives => f.write_str(self.defect.name),
        }
    }
}

/// A text that is not `NAME[@BLOCK]`.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NotPlanted {
    /// No defect has the name.
    #[error("`{name}` is not a fault that can be planted")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The defect sits in no block, and one was given.
    #[error("`{}` sits in no block, so `{text}` says nothing", .known)]
    InNoBlock {
        /// The defect.
        known: &'static str,
        /// The whole text.
        text: String,
    },
    /// The text after the `@` is no index.
    #[error("`{block}` in `{text}` is no block")]
    NoBlock {
        /// The defect.
        known: &'static str,
        /// The text after the `@`.
        block: String,
        /// The whole text.
        text: String,
    },
}

impl FromStr for Plant {
    type Err = NotPlanted;

    /// `gelu-tanh` (in block 0) or `gelu-tanh@2`.
    fn from_str(text: &str) -> Result<Self, NotPlanted> {
        let (name, block) = text.split_once('@').map_or((text, None), |(name, block)| (name, Some(block)));
        let defect = named(name).ok_or_else(|| NotPlanted::Unknown { name: name.to_owned() })?;
        let (known, text) = (defect.name, text.to_owned());
        match block {
            None => Ok(Self { defect, block: 0 }),
            Some(_) if defect.site != Site::Block => Err(NotPlanted::InNoBlock { known, text }),
            Some(block) => match block.parse() {
                Ok(block) => Ok(Self { defect, block }),
                Err(_) => Err(NotPlanted::NoBlock { known, block: block.to_owned(), text }),
            },
        }
    }
}

impl Plant {
    /// Checks that the defect can show in a suite.
    ///
    /// # Errors
    /// If it cannot: the suites in which it can.
    pub fn shows_in(&self, suite: &str) -> Result<(), CannotShow> {
        if self.defect.site.shows_in().contains(&suite) { Ok(()) } else { Err(CannotShow::new(*self, suite)) }
    }

    /// Whether a network of this many blocks has the block that is broken.
    pub fn has_place_in(&self, blocks: usize) -> bool {
        self.defect.site != Site::Block || self.block < blocks
    }

    /// Changes the config of a run, if that is how the defect is planted.
    pub fn config(&self, config: &mut SslConfig) {
        if let How::Config(change) = self.defect.how {
            change(config);
        }
    }

    /// The parts of a trainer with the defect.
    pub fn parts(&self) -> Parts {
        let mut parts = Parts::default();
        if let How::Parts(change) = self.defect.how {
            change(&mut parts);
        }
        parts
    }

    /// The group that replaces the real one.
    pub fn group(&self, group: Arc<dyn Group>) -> Arc<dyn Group> {
        if let How::Group(wrap) = self.defect.how { wrap(group) } else { group }
    }

    /// The hook of one rank out of `ranks`, in a run of this config, if the defect has one.
    pub fn hook(&self, config: &SslConfig, ranks: usize) -> Option<Box<dyn Hook>> {
        let scope = Scope { block: self.block, config, ranks };
        let hook: Box<dyn Hook> = match self.defect.how {
            How::Operands(of, becomes) => {
                let block = (self.defect.site == Site::Block).then_some(self.block);
                Box::new(Operands { block, of, becomes })
            }
            How::Hook(hook) => hook(&scope),
            How::Config(_) | How::Parts(_) | How::Group(_) => return None,
        };
        Some(Box::new(Changing(hook)))
    }
}

/// A hook that is shown what it can change, and no gradients of outputs or curves: nothing computes on these.
struct Changing(Box<dyn Hook>);

impl Hook for Changing {
    fn tensor(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        self.0.tensor(name, value)
    }

    fn operand(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        self.0.operand(name, value)
    }
}

/// A suite in which a defect cannot show.
#[derive(Clone, Debug, Error)]
#[error("{reason}")]
pub struct CannotShow {
    plant: Plant,
    reason: String,
}

impl Hint for CannotShow {
    fn hints(&self) -> Hints {
        format!("use `run --suite {} --plant {}`", self.plant.defect.caught_by.suite(), self.plant).into()
    }
}

impl CannotShow {
    fn new(plant: Plant, suite: &str) -> Self {
        let reason = match plant.defect.site {
            Site::Block => format!("`{plant}` is planted in a block, of which the suite `{suite}` computes none"),
            Site::Step => format!("`{plant}` is planted in the training step, of which the suite `{suite}` takes none"),
            Site::Collectives => {
                format!("`{plant}` is planted in the collectives, of which the suite `{suite}` has none")
            }
        };
        Self { plant, reason }
    }
}
