//! What suites there are and what each proves.

/// A suite as the command line lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuiteInfo {
    /// Its name: `run --suite NAME`.
    pub name: &'static str,
    /// The group that it belongs to: `run --suite GROUP` runs all members.
    pub group: &'static str,
    /// What a pass proves, in one sentence.
    pub proves: &'static str,
    /// Whether it needs ranks; else it holds tensors against golden sets, on one.
    pub needs_ranks: bool,
}

/// `data`.
pub const DATA: SuiteInfo = SuiteInfo {
    name: "data",
    group: "precision",
    proves: "random streams, crops, masks, orders of samples and tables are the reference's to the last bit, on every machine",
    needs_ranks: false,
};

/// `layers`.
pub const LAYERS: SuiteInfo = SuiteInfo {
    name: "layers",
    group: "precision",
    proves: "every layer's forward output is the reference's: the same bits where the machine can give them, \
             elsewhere no further from the float64 truth than the reference's own rounding",
    needs_ranks: false,
};

/// `training`.
pub const TRAINING: SuiteInfo = SuiteInfo {
    name: "training",
    group: "precision",
    proves: "every loss, gradient, optimizer state and teacher of a training step, and every schedule, is the reference's: the \
             same bits over many steps where the machine can give them, elsewhere within rounding over one step from its state",
    needs_ranks: false,
};

/// `reduce-op`.
pub const REDUCE_OP: SuiteInfo = SuiteInfo {
    name: "reduce-op",
    group: "precision",
    proves: "SUM, PREMUL_SUM at any factor and AVG give the exact sum, rounded as their definition says, and the same bits on every rank; \
             at factor 1 alone PREMUL_SUM is SUM",
    needs_ranks: true,
};

/// All suites, in the order in which a group runs them.
pub const CATALOGUE: &[SuiteInfo] = &[DATA, LAYERS, TRAINING, REDUCE_OP];

/// The suites that `name` selects: one by its name, or a group's members. Empty when nothing has that name.
pub fn select(name: &str) -> Vec<SuiteInfo> {
    CATALOGUE.iter().filter(|suite| suite.name == name || suite.group == name).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_selects_its_members() {
        assert_eq!(select("precision"), [DATA, LAYERS, TRAINING, REDUCE_OP]);
        assert_eq!(select("layers"), [LAYERS]);
        assert_eq!(select("training"), [TRAINING]);
        assert_eq!(select("precison"), []);
    }
}
