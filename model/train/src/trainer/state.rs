//! A trainer's state between two steps.

use std::collections::HashMap;

use tch::{Tensor, no_grad};
use thiserror::Error;

use super::Trainer;
use super::observe::of_teacher;

/// Weights, moments and the number of steps, under the names of a golden set's `state.safetensors`: `param.student.…`,
/// `param.teacher.…`, `exp_avg.student.…`, `exp_avg_sq.student.…`, each in fp32.
#[derive(Debug)]
pub struct TrainState {
    /// The tensors.
    pub tensors: HashMap<String, Tensor>,
    /// Steps of the optimizer so far.
    pub updates: u64,
}

/// A state that does not fit.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum StateError {
    /// A tensor is not there.
    #[error("the state has no `{0}`")]
    Missing(String),
    /// A tensor has another shape.
    #[error("`{name}` of the state is {found:?}, the model's is {expected:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape in the state.
        found: Vec<i64>,
        /// Its shape in the model.
        expected: Vec<i64>,
    },
}

impl Trainer {
    /// Overwrites student, average, moments and step count.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape; the trainer is then unchanged.
    pub fn load_state(&mut self, state: &TrainState) -> Result<(), StateError> {
        let (student, teacher) = (&self.weights.student, &self.weights.teacher);
        let mut pairs = Vec::with_capacity(4 * student.names().len());
        for (i, name) in student.names().iter().enumerate() {
            let slot = &self.optimizer.slots()[i];
            for (key, mine) in [
                (format!("param.{name}"), &student.rows()[i]),
                (format!("param.{}", of_teacher(name)), &teacher.rows()[i]),
                (format!("exp_avg.{name}"), &slot.exp_avg),
                (format!("exp_avg_sq.{name}"), &slot.exp_avg_sq),
            ] {
                let value = state.tensors.get(&key).ok_or_else(|| StateError::Missing(key.clone()))?;
                let (found, expected) = (value.size(), student.shape(i));
                if found != expected {
                    return Err(StateError::Shape { name: key, found, expected });
                }
                pairs.push((mine.shallow_clone(), student.rows_of(i, value)));
            }
        }
        no_grad(|| pairs.iter_mut().for_each(|(mine, value)| mine.copy_(value)));
        self.optimizer.set_steps(state.updates);
        Ok(())
    }
}
