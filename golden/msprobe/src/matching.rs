//! Which tensor of a dump is which of a golden set, and what of the set a dump cannot have.

use std::collections::{HashMap, HashSet};

use dinov3_golden::{Entry, GoldenSet, Kind, Precision, Stage};

use crate::dump::{Dump, Dumped};
use crate::names::ours;

/// A tensor of a dump, and the entry of the golden set that it is.
#[derive(Clone, Copy, Debug)]
pub struct Matched<'a> {
    /// Of the dump.
    pub dumped: &'a Dumped,
    /// Of the golden set; `None` if the set has no such tensor.
    pub entry: Option<&'a Entry>,
}

/// Why an entry of the golden set is not in a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Absent {
    /// It is computed by a method, and msprobe watches modules: RoPE's rotation, tokens with masks, losses, Sinkhorn.
    Method,
    /// It is no tensor of a module's call: weights before the step, draws, schedules, moments, averages.
    NoCall,
    /// It is a gradient by a module's result: of a module that is called twice, msprobe may count the backward calls the other way round.
    Backward,
    /// msprobe would have it, and this dump has not.
    NotDumped,
}

impl Absent {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Method => "computed by a method and not by a module: msprobe does not watch it",
            Self::NoCall => "no argument, result or gradient of a module's call",
            Self::Backward => "gradients by results, whose calls msprobe may count in another order: not matched",
            Self::NotDumped => "not in this dump",
        }
    }
}

/// All tensors of a dump in its order, each with its entry, and every entry of the set that none of them is.
pub fn match_all<'a>(
    dump: &'a Dump,
    golden: &'a GoldenSet,
    precision: Precision,
) -> (Vec<Matched<'a>>, Vec<(&'a Entry, Absent)>) {
    let entries: Vec<&Entry> =
        golden.manifest().entries.iter().filter(|entry| entry.records.get(precision).is_some()).collect();
    let known: HashMap<&str, &Entry> = entries.iter().map(|entry| (entry.name.as_str(), *entry)).collect();
    let mut taken = HashSet::new();
    let mut find = |tensor: &'a Dumped| {
        let entry = ours(tensor).iter().find_map(|name| known.get(name.as_str()).copied());
        Matched { dumped: tensor, entry: entry.filter(|entry| taken.insert(entry.name.as_str())) }
    };
    let matched: Vec<_> = dump.tensors.iter().map(&mut find).collect();
    let left = entries.into_iter().filter(|entry| !taken.contains(entry.name.as_str()));
    (matched, left.map(|entry| (entry, absent(entry))).collect())
}

fn absent(entry: &Entry) -> Absent {
    let name = &entry.name;
    match (name.kind(), entry.stage) {
        (Kind::Grad, _) => Absent::NotDumped,
        (Kind::Gradout, _) => Absent::Backward,
        (Kind::Output, Stage::Forward) => {
            let method = METHODS.iter().any(|method| name.path().ends_with(method));
            if method { Absent::Method } else { Absent::NotDumped }
        }
        (Kind::Loss | Kind::Sinkhorn | Kind::Gram, _) => Absent::Method,
        _ => Absent::NoCall,
    }
}

/// Methods of modules whose results a golden set has.
const METHODS: [&str; 3] = [".apply_rope", ".prepare_tokens_with_masks", ".get_intermediate_layers"];
