//! The interface of suites, and the slice of all suites. The command line, help and the order of a group follow from [`SUITES`].

use dinov3_reports::{Bilingual, Reporter, Section};

use crate::data::Data;
use crate::layers::Layers;
use crate::performance::Performance;
use crate::reduce_op::ReduceOp;
use crate::session::Session;
use crate::training::Training;
use crate::trajectory::Trajectories;
use crate::{Request, SuiteError};

/// The description of a suite on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuiteInfo {
    /// Its name: `run --suite NAME`.
    pub name: &'static str,
    /// The group that it belongs to: `run --suite GROUP` runs all members.
    pub group: &'static str,
    /// The statement that a pass proves, in one sentence.
    pub proves: Bilingual,
    /// The part of ranks other than 0.
    pub ranks: Part,
}

/// The part of ranks other than 0 in a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// They do nothing: rank 0 holds tensors against golden sets.
    None,
    /// They replay golden sets that as many ranks recorded.
    WhereRecorded,
    /// The suite judges them, and starts some if the run has none.
    Judged,
    /// They train together.
    Train,
}

/// Compares, measures or judges one thing. A suite is a file and a row of [`SUITES`].
pub trait Suite: Sync {
    /// The description on the command line.
    fn info(&self) -> SuiteInfo;

    /// Plans the work for `request`. Every refusal happens here, before anything is printed.
    ///
    /// # Errors
    /// If the suite cannot judge what it is given. [`SuiteError::is_idle`] tells a suite that has nothing to do.
    fn plan<'a>(&'a self, request: &Request, session: &Session) -> Result<Box<dyn Plan + 'a>, SuiteError>;
}

/// The work of a suite for one request.
pub trait Plan {
    /// The ids of all checks to come, in order.
    fn checks(&self) -> Vec<String>;

    /// Whether anything is judged, and not only said why not.
    fn judges(&self) -> bool {
        true
    }

    /// Whether the other ranks have a part in it, if the suite gives them one at all.
    fn needs_ranks(&self) -> bool {
        true
    }

    /// The part of rank 0, or of a single process: emits checks as events to `reporter`, and gives the sections of the report.
    ///
    /// # Errors
    /// If the suite cannot judge after all, another rank is gone, or `reporter` fails. A wrong result is a failing check, and no error.
    fn lead(&self, session: &Session, reporter: &mut dyn Reporter) -> Result<Vec<Section>, SuiteError>;

    /// The part of every other rank.
    ///
    /// # Errors
    /// If the suite cannot judge after all, or another rank is gone.
    fn follow(&self, session: &Session) -> Result<(), SuiteError>;
}

/// All suites, in the order in which a group runs them.
pub const SUITES: &[&dyn Suite] = &[&Data, &Layers, &Training, &ReduceOp, &Trajectories, &Performance];

/// The suites that `name` selects: one by its name, or the members of a group. Empty if no suite or group has the name.
pub fn select(name: &str) -> Vec<&'static dyn Suite> {
    let selected = |suite: &&&dyn Suite| [suite.info().name, suite.info().group].contains(&name);
    SUITES.iter().filter(selected).copied().collect()
}

/// The suite with this name.
pub fn named(name: &str) -> Option<&'static dyn Suite> {
    SUITES.iter().find(|suite| suite.info().name == name).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn names(name: &str) -> Vec<&'static str> {
        select(name).iter().map(|suite| suite.info().name).collect()
    }

    #[test]
    fn a_group_selects_its_members() {
        assert_eq!(names("precision"), ["data", "layers", "training", "reduce-op"]);
        assert_eq!(names("layers"), ["layers"]);
        assert_eq!(names("training"), ["training"]);
        assert_eq!(names("precison"), [""; 0]);
    }

    #[test]
    fn no_two_suites_share_a_name_and_no_group_has_a_suites() {
        let names: HashSet<&str> = SUITES.iter().map(|suite| suite.info().name).collect();
        assert_eq!(names.len(), SUITES.len());
        assert!(SUITES.iter().all(|suite| !names.contains(suite.info().group)));
    }
}
