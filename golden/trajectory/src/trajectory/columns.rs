//! The columns of a run in a safetensors file: `iteration`, `step_total_loss`, and one for each meter.

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

use super::error::Wrong;
use crate::meters::STEP_TOTAL_LOSS;
use crate::run::{Resolution, Run, Series};

const ITERATION: &str = "iteration";

fn column(column: &str, reason: impl Into<String>) -> Wrong {
    Wrong::Column { column: column.to_owned(), reason: reason.into() }
}

/// Reads the columns of a run of so many steps.
pub(super) fn from_bytes(bytes: &[u8], steps: u64) -> Result<Run, Wrong> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| Wrong::File(error.to_string()))?;
    let iterations = iterations(&file, steps)?;
    let mut names = file.names();
    names.sort_unstable_by_key(|name| (order(name), name.to_owned()));
    let mut series = Vec::new();
    for name in names {
        if name == ITERATION {
            continue;
        }
        let values = values(name, &file.tensor(name).map_err(|error| Wrong::File(error.to_string()))?)?;
        let its = if name == STEP_TOTAL_LOSS { (0..steps).collect() } else { iterations.clone() };
        if values.len() != its.len() {
            return Err(column(name, format!("has {} values; {} are expected", values.len(), its.len())));
        }
        series.push(Series { meter: name.to_owned(), iterations: its, values, resolution: Resolution::Exact });
    }
    Ok(Run { logged: iterations, series, ..Run::default() })
}

/// The reference's order of meters, since a file of columns has none.
fn order(name: &str) -> usize {
    const ORDER: [&str; 16] = [
        "lr",
        "wd",
        "mom",
        "last_layer_lr",
        "total_loss",
        "local_batch_size",
        "global_batch_size",
        "dino_local_crops_loss",
        "dino_local_loss_weight",
        "dino_global_crops_loss",
        "koleo_loss",
        "ibot_loss",
        "gram_loss",
        "backbone_grad_norm",
        "dino_head_grad_norm",
        "ibot_head_grad_norm",
    ];
    ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len())
}

fn iterations(file: &SafeTensors, steps: u64) -> Result<Vec<u64>, Wrong> {
    let view = file.tensor(ITERATION).map_err(|_| column(ITERATION, "is missing"))?;
    if view.dtype() != Dtype::I64 || view.shape().len() != 1 {
        return Err(column(ITERATION, "is no list of I64"));
    }
    let numbers = view.data().as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes));
    let iterations: Option<Vec<u64>> = numbers.map(|number| u64::try_from(number).ok()).collect();
    let rising = |iterations: &Vec<u64>| iterations.is_sorted_by(|a, b| a < b);
    let inside = |iterations: &Vec<u64>| iterations.last().is_some_and(|last| *last < steps);
    iterations.filter(rising).filter(inside).ok_or_else(|| column(ITERATION, "does not rise from 0 to below `steps`"))
}

fn values(name: &str, view: &TensorView) -> Result<Vec<f64>, Wrong> {
    match (view.dtype(), view.shape().len()) {
        (Dtype::F64, 1) => Ok(view.data().as_chunks::<8>().0.iter().map(|it| f64::from_le_bytes(*it)).collect()),
        (Dtype::F32, 1) => {
            Ok(view.data().as_chunks::<4>().0.iter().map(|it| f64::from(f32::from_le_bytes(*it))).collect())
        }
        _ => Err(column(name, "is no list of F64 or F32")),
    }
}

/// The file of a run: meters as F32 where that is exact, else as F64.
pub(super) fn to_bytes(run: &Run, steps: u64) -> Result<Vec<u8>, Wrong> {
    let iterations = run.iterations();
    let mut columns: Vec<(String, Dtype, usize, Vec<u8>)> = Vec::new();
    let numbers = iterations.iter().flat_map(|iteration| (*iteration as i64).to_le_bytes()).collect();
    columns.push((ITERATION.to_owned(), Dtype::I64, iterations.len(), numbers));
    for series in &run.series {
        let each_step = series.meter == STEP_TOTAL_LOSS;
        let whole = if each_step { series.iterations.len() as u64 == steps } else { series.iterations == iterations };
        if !whole {
            return Err(column(&series.meter, "has no value for each iteration"));
        }
        let exact = series.values.iter().all(|value| f64::from(*value as f32).to_bits() == value.to_bits());
        let (dtype, bytes) = if exact {
            (Dtype::F32, series.values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect())
        } else {
            (Dtype::F64, series.values.iter().flat_map(|value| value.to_le_bytes()).collect())
        };
        columns.push((series.meter.clone(), dtype, series.values.len(), bytes));
    }
    let views = columns.iter().map(|(name, dtype, count, bytes)| {
        TensorView::new(*dtype, vec![*count], bytes).map(|view| (name.clone(), view))
    });
    let views: Vec<_> = views.collect::<Result<_, _>>().map_err(|error| Wrong::File(error.to_string()))?;
    serialize(views, None).map_err(|error| Wrong::File(error.to_string()))
}
