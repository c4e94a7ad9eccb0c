//! First weights moved by an ulp (`train --ulp-seed N`): how far a training strays from itself shows between runs that differ in nothing
//! else.

use dinov3_data::random::TorchGenerator;
use dinov3_torch::bytes::copied;
use dinov3_train::{Part, State, StateError, Trainer};
use tch::{Kind, Tensor};

/// Moves each weight of the student that is not 0 to the float32 above or below it, by the bits of a stream of its own, and its average
/// with it. On one rank.
///
/// # Errors
/// None: the state is the trainer's own.
pub fn nudge(trainer: &mut Trainer, seed: u64) -> Result<(), StateError> {
    let state = State::of(trainer, 0, 1);
    let mut stream = TorchGenerator::new(seed);
    let mut moved = Vec::new();
    for name in state.names().filter(|name| name.starts_with("param.student.")) {
        let tensor = state.tensor(name, Kind::Float)?;
        let bytes = copied(&tensor);
        let values: Vec<f32> = bytes
            .chunks_exact(4)
            .map(|it| neighbour(f32::from_ne_bytes([it[0], it[1], it[2], it[3]]), &mut stream))
            .collect();
        let value = Tensor::from_slice(&values).view(&tensor.size()[..]);
        moved.push((name.replacen("student", "teacher", 1), value.shallow_clone()));
        moved.push((name.to_owned(), value));
    }
    trainer.load_parts(&[Part::Student, Part::Average], &State::of_tensors(moved))
}

fn neighbour(value: f32, stream: &mut TorchGenerator) -> f32 {
    match (value, stream.random() & 1) {
        (0.0, _) => value,
        (value, 0) => value.next_up(),
        (value, _) => value.next_down(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_moves_by_one_ulp_and_zero_stays() {
        let mut stream = TorchGenerator::new(3);
        let moves: Vec<i64> = (0..100)
            .map(|_| {
                let bits = |value: f32| i64::from(value.to_bits());
                bits(neighbour(1.5, &mut stream)) - bits(1.5)
            })
            .collect();
        assert!(moves.iter().all(|ulps| ulps.abs() == 1), "{moves:?}");
        assert!(moves.contains(&1) && moves.contains(&-1));
        assert_eq!(neighbour(0.0, &mut stream), 0.0);
    }
}
