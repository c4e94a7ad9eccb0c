//! The meters of a run: one for each value that a step logs (`MetricLogger` of `dinov3/logging/helpers.py`).

mod smoothed;

use tch::{Kind, Tensor};

use dinov3_ranks::{Group, GroupError};

use crate::state::{State, StateError, Stateful, Taking};

pub use smoothed::{Figures, Of, SmoothedValue};

const NAMES: &str = "meters";
const OF_NUMPY: &str = "meters_of_numpy";

/// Meters by name, in the order in which they were first heard of.
#[derive(Clone, Debug, Default)]
pub struct Meters(Vec<(String, SmoothedValue)>);

impl Meters {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more value of the meter `name`.
    pub fn update(&mut self, name: &str, value: f64) {
        self.update_of(Of::Python, name, value);
    }

    /// One more value, of this kind from the first on, of the meter `name`.
    pub fn update_of(&mut self, of: Of, name: &str, value: f64) {
        let at = self.0.iter().position(|(it, _)| it == name).unwrap_or_else(|| {
            self.0.push((name.to_owned(), SmoothedValue::new_of(of)));
            self.0.len() - 1
        });
        self.0[at].1.update(value);
    }

    /// The figures of each meter.
    pub fn figures(&self) -> impl Iterator<Item = (&str, Figures)> {
        self.0.iter().map(|(name, meter)| (name.as_str(), meter.figures()))
    }

    /// Adds up counts and totals over the ranks, each of which has the same meters; see [`SmoothedValue::synchronize`].
    ///
    /// # Errors
    /// When a rank is gone.
    pub fn synchronize(&mut self, group: &dyn Group) -> Result<(), GroupError> {
        self.0.iter_mut().try_for_each(|(_, meter)| meter.synchronize(group))
    }
}

/// Rank 0's meters are those of the run: they show what all ranks have agreed on, and are the ones that a log shows.
impl Stateful for Meters {
    fn save(&self, state: &mut State) {
        state.put(NAMES, self.0.iter().map(|(name, _)| name).collect::<Vec<_>>());
        let of_numpy = self.0.iter().filter(|(_, meter)| meter.of() == Of::NumPy);
        state.put(OF_NUMPY, of_numpy.map(|(name, _)| name).collect::<Vec<_>>());
        for (name, meter) in &self.0 {
            state.put_same(tensor_of(name), &Tensor::from_slice(&meter.to_values()));
        }
    }

    fn fit<'a>(&'a mut self, state: &State) -> Result<Taking<'a>, StateError> {
        let of_numpy: Vec<String> = state.get(OF_NUMPY)?;
        let meter = |name: String| {
            let of = if of_numpy.contains(&name) { Of::NumPy } else { Of::Python };
            let tensor = tensor_of(&name);
            let values = Vec::<f64>::try_from(state.tensor(&tensor, Kind::Double)?).ok();
            let meter = values.as_deref().and_then(|values| SmoothedValue::from_values(of, values));
            let reason = || "it is no total, count and window of at most 20 values".to_owned();
            meter.map(|meter| (name, meter)).ok_or_else(|| StateError::Value { key: tensor, reason: reason() })
        };
        let names: Vec<String> = state.get(NAMES)?;
        let meters = names.into_iter().map(meter).collect::<Result<_, _>>()?;
        Ok(Box::new(move || self.0 = meters))
    }
}

fn tensor_of(name: &str) -> String {
    format!("meter.{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NaN and infinity are values like others.
    #[test]
    fn meters_go_on_to_the_bit() {
        let mut meters = Meters::new();
        for i in 0..30 {
            meters.update("total_loss", 1.0 / f64::from(i + 1));
            meters.update("lr", if i == 20 { f64::NAN } else { f64::INFINITY });
        }
        let state = State::of(&meters, 0, 1);
        let mut other = Meters::new();
        other.update("another", 1.0);
        other.load(&state).unwrap();
        for it in [&mut meters, &mut other] {
            it.update("total_loss", 0.1);
            it.update("koleo_loss", 0.2);
        }
        let bits = |meters: &Meters| {
            let of = |(name, figures): (&str, Figures)| (name.to_owned(), figures.to_array().map(f64::to_bits));
            meters.figures().map(of).collect::<Vec<_>>()
        };
        assert_eq!(bits(&other), bits(&meters));
        assert_eq!(other.figures().map(|(name, _)| name).collect::<Vec<_>>(), ["total_loss", "lr", "koleo_loss"]);
    }

    #[test]
    fn what_is_no_meter_is_refused() {
        let mut meters = Meters::new();
        meters.update("total_loss", 1.0);
        let mut state = State::of(&meters, 0, 1);
        state.remove(|name| name == "meter.total_loss");
        assert!(matches!(meters.load(&state), Err(StateError::Missing(name)) if name == "meter.total_loss"));
        state.put_same("meter.total_loss", &Tensor::from_slice(&[1.0f64]));
        assert!(matches!(meters.load(&state), Err(StateError::Value { .. })));
    }
}
