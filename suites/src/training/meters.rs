//! Our meters, fed with the values that the reference logged.

use std::sync::Arc;
use std::thread;

use dinov3_golden::{Dtype, GoldenSet, Kind, Stage};
use dinov3_ranks::{Group, GroupError, ProcessGroup};
use dinov3_train::meters::SmoothedValue;
use dinov3_vit::hook::Hook;
use tch::Tensor;

use super::seats::groups;
use crate::SuiteError;
use crate::judging::replay::{Replay, tensor_of};

/// Shows `metric:<name>` for every `trajectory:<name>` that `set` recorded: what our own meters make of the recorded values,
/// which are the same on every machine, and so must that be.
///
/// # Errors
/// When a trajectory was not recorded in full.
pub(super) fn show(
    set: &GoldenSet,
    replay: &Replay,
    ranks: Option<&ProcessGroup>,
    hook: &mut dyn Hook,
) -> Result<(), SuiteError> {
    let manifest = set.manifest();
    for entry in manifest.entries.iter().filter(|entry| entry.stage == Stage::Trajectory) {
        let Some(name) = entry.name.path_of(Kind::Trajectory) else { continue };
        if entry.records.get(replay.precision).is_none() {
            continue;
        }
        let unusable =
            |reason: String| SuiteError::Input { set: manifest.name.clone(), input: entry.name.to_string(), reason };
        let stored = set.recorded(entry, replay.precision)?.stored;
        let values = stored.filter(|it| it.dtype() == Dtype::F32 && it.shape().len() == 1).map(tensor_of);
        let values = values.and_then(|it| Vec::<f32>::try_from(it).ok());
        let values = values.ok_or_else(|| unusable("it is no series of fp32 values".to_owned()))?;
        let figures = |group: &dyn Group| {
            let mut meter = SmoothedValue::new();
            values.iter().for_each(|value| meter.update(f64::from(*value)));
            meter.synchronize(group)?;
            Ok(meter.figures().to_array())
        };
        let figures = match ranks {
            Some(group) => figures(replay.group(Arc::new(group.clone())).as_ref()),
            None => on_every_rank(manifest.recipe.world_size as usize, replay, &figures),
        };
        let figures = figures.map_err(|error| unusable(error.to_string()))?;
        hook.summary(&Kind::Metric.name(name), &Tensor::from_slice(&figures));
    }
    Ok(())
}

/// What `f` gives on the first of so many ranks, all of which call it. Values are logged once they have been reduced, so every
/// rank's meters see the same.
fn on_every_rank<T: Send>(
    ranks: usize,
    replay: &Replay,
    f: &(impl Fn(&dyn Group) -> Result<T, GroupError> + Sync),
) -> Result<T, GroupError> {
    let mut groups: Vec<_> = groups(ranks, false).into_iter().map(|group| replay.group(group)).collect();
    let first = groups.remove(0);
    thread::scope(|scope| {
        for group in groups {
            scope.spawn(move || f(group.as_ref()));
        }
        f(first.as_ref())
    })
}
