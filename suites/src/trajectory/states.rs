//! Hashes of states along a run.

use std::fs;
use std::path::Path;

use dinov3_program::STATES;
use dinov3_trajectory::State;
use serde::Deserialize;

/// How many states agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct States {
    /// Those that do.
    pub(super) same: u64,
    /// Of so many that were recorded within the steps that are compared.
    pub(super) of: u64,
    /// The first that does not: after which step, and what of it.
    pub(super) first: Option<(u64, Vec<String>)>,
}

/// A line of [`STATES`].
#[derive(Clone, Debug, Deserialize)]
struct Line {
    step: u64,
    weights: String,
    moments: String,
    streams: String,
}

impl States {
    /// Holds the states of the run in `folder` against those recorded up to `steps`. A state that the run has not is one that differs.
    ///
    /// # Errors
    /// With a sentence, when the file of states is not one.
    pub(super) fn of(folder: &Path, recorded: &[State], steps: u64) -> Result<Self, String> {
        let path = folder.join(STATES);
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let lines: Result<Vec<Line>, String> = text
            .lines()
            .enumerate()
            .map(|(at, line)| {
                serde_json::from_str(line).map_err(|error| format!("{}:{}: {error}", path.display(), at + 1))
            })
            .collect();
        Ok(Self::compare(&lines?, recorded, steps))
    }

    fn compare(lines: &[Line], recorded: &[State], steps: u64) -> Self {
        let mut states = Self::default();
        for recorded in recorded.iter().filter(|state| state.step <= steps) {
            states.of += 1;
            let differing = match lines.iter().rev().find(|line| line.step == recorded.step) {
                None => vec!["state".to_owned()],
                Some(line) => {
                    let pairs = [
                        ("weights", &line.weights, &recorded.weights),
                        ("moments", &line.moments, &recorded.moments),
                        ("streams", &line.streams, &recorded.streams),
                    ];
                    pairs
                        .into_iter()
                        .filter(|(_, ours, theirs)| ours != theirs)
                        .map(|(name, ..)| name.to_owned())
                        .collect()
                }
            };
            match differing.is_empty() {
                true => states.same += 1,
                false => states.first = states.first.or(Some((recorded.step, differing))),
            }
        }
        states
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(step: u64, weights: &str) -> Line {
        Line { step, weights: weights.to_owned(), moments: "m".to_owned(), streams: "s".to_owned() }
    }

    fn state(step: u64) -> State {
        State { step, weights: "w".to_owned(), moments: "m".to_owned(), streams: "s".to_owned() }
    }

    #[test]
    fn the_first_state_with_other_bits_is_named_with_what_of_it() {
        let recorded = [state(1000), state(2000), state(3000), state(4000)];
        let states = States::compare(&[line(1000, "w"), line(2000, "x"), line(3000, "x")], &recorded, 3000);
        assert_eq!(states, States { same: 1, of: 3, first: Some((2000, vec!["weights".to_owned()])) });
        let states = States::compare(&[line(1000, "w")], &recorded, 2000);
        assert_eq!(states, States { same: 1, of: 2, first: Some((2000, vec!["state".to_owned()])) });
    }
}
