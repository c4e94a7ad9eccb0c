//! A trainer's state between two steps.

use std::collections::HashMap;

use dinov3_torch::device::moved;
use dinov3_torch::runtime;
use dinov3_vit::module::{Module, Role};
use tch::{Kind, Tensor, no_grad};

use super::Trainer;
use super::observe::of_teacher;
use crate::shard::Parameters;
use crate::state::{Leaves, Share, State, StateError, Stateful, Taking, differences, leaves};

const ARITHMETIC: &str = "arithmetic";
const CONFIG: &str = "config";
const FROZEN_TEACHER: &str = "frozen_teacher";
const GENERATOR: &str = "generator";
const GRAM_READY: &str = "gram_teacher_has_weights";
const GRAM_UPDATES: &str = "gram_updates";
const NANS: &str = "nans_in_a_row";

/// Bytes of the host's random stream as torch writes it down.
const GENERATOR_BYTES: i64 = 5056;

/// What lasts of a trainer between two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The config and the dtype that computes: a state is taken by a trainer of the same alone.
    Config,
    /// The student's parameters.
    Student,
    /// Its moving average's.
    Average,
    /// AdamW's first moments.
    FirstMoment,
    /// AdamW's second moments.
    SecondMoment,
    /// The number of AdamW's steps, a parameter each: one without a gradient in a step does not count it.
    Steps,
    /// The Gram teacher's parameters, and whether it has any.
    GramTeacher,
    /// How often the Gram teacher took the average's weights.
    GramUpdates,
    /// Buffers of all networks, which come from a checkpoint where weights do: RoPE's periods, the mask of the key bias.
    Buffers,
    /// A frozen teacher never changes: the config's checkpoint, or the seed, gives its weights again. The state has a fingerprint of them, and
    /// another teacher is refused.
    FrozenTeacher,
    /// Steps in a row with a loss that is not a number.
    Nans,
    /// The host's random stream, of which each rank has one.
    Generator,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Config,
        Self::Student,
        Self::Average,
        Self::FirstMoment,
        Self::SecondMoment,
        Self::Steps,
        Self::GramTeacher,
        Self::GramUpdates,
        Self::Buffers,
        Self::FrozenTeacher,
        Self::Nans,
        Self::Generator,
    ];

    /// Those that a golden set records.
    pub const RECORDED: [Self; 5] = [Self::Student, Self::Average, Self::FirstMoment, Self::SecondMoment, Self::Steps];
}

/// A tensor that lasts: the trainer's own memory.
struct Held {
    part: Part,
    name: String,
    rows: Tensor,
    whole: Vec<i64>,
    first: i64,
    share: Share,
}

impl Held {
    fn rows_of(part: Part, name: String, parameters: &Parameters, i: usize, rows: &Tensor) -> Self {
        let (whole, first) = (parameters.shape(i), parameters.first_row(i));
        Self { part, name, rows: rows.shallow_clone(), whole, first, share: Share::Rows }
    }

    fn same(part: Part, name: String, tensor: &Tensor) -> Self {
        Self { part, name, rows: tensor.shallow_clone(), whole: tensor.size(), first: 0, share: Share::Same }
    }
}

impl Stateful for Trainer {
    fn save(&self, state: &mut State) {
        for Held { name, rows, whole, first, share, .. } in self.held() {
            match share {
                Share::Rows => state.put_rows(name, &rows, whole, first),
                Share::Same | Share::Own => state.put_same(name, &rows),
            }
        }
        state.put(CONFIG, leaves(&self.config));
        state.put(ARITHMETIC, format!("{:?}", self.kind));
        state.put(GRAM_READY, self.arch.gram_teacher_initialized);
        state.put(GRAM_UPDATES, self.gram_updates);
        state.put(NANS, self.nans);
        state.put_own_value(FROZEN_TEACHER, self.weights.fingerprint_of_frozen());
        state.put_own(GENERATOR, &runtime::rng_state());
    }

    fn fit<'a>(&'a mut self, state: &State) -> Result<Taking<'a>, StateError> {
        self.fit_parts(&Part::ALL, state)
    }
}

impl Trainer {
    /// Takes some parts of `state`; the others stay as they are.
    ///
    /// # Errors
    /// As [`Stateful::fit`]; nothing is changed then.
    pub fn load_parts(&mut self, parts: &[Part], state: &State) -> Result<(), StateError> {
        self.fit_parts(parts, state)?();
        Ok(())
    }

    /// Takes what a golden set records of a state: weights, average and moments, whole, in fp32, under the names of its
    /// `state.safetensors` (`param.student.…`, `param.teacher.…`, `exp_avg.student.…`, `exp_avg_sq.student.…`), and the number of steps, which
    /// is one for all parameters there.
    ///
    /// # Errors
    /// As [`Trainer::load_parts`].
    pub fn load_recorded(&mut self, mut tensors: HashMap<String, Tensor>, updates: u64) -> Result<(), StateError> {
        let steps = || Tensor::from_slice(&[updates as f32]);
        tensors.extend(self.weights.student.names().iter().map(|name| (format!("step.{name}"), steps())));
        self.load_parts(&Part::RECORDED, &State::of_tensors(tensors))
    }

    /// Counts the Gram teacher's updates before iteration `it` as the reference does where training starts there; see
    /// [`GramUpdates::before`](dinov3_config::GramUpdates::before). For a start from recorded weights, or from the seed, later than at
    /// iteration 0. A state has the number itself.
    pub fn start_at(&mut self, it: usize) {
        self.gram_updates = self.gram_update_rule().map_or(0, |updates| updates.before(it));
    }

    /// How often the Gram teacher took the average's weights (`gram.rep_update`).
    pub fn gram_updates(&self) -> usize {
        self.gram_updates
    }

    fn fit_parts<'a>(&'a mut self, parts: &[Part], state: &State) -> Result<Taking<'a>, StateError> {
        let wants = |part| parts.contains(&part);
        // First, since ranks talk about it.
        if wants(Part::FrozenTeacher) {
            self.fit_frozen_teacher(state)?;
        }
        if wants(Part::Config) {
            self.fit_config(state)?;
        }
        let mut pairs = Vec::new();
        for Held { part, name, rows, whole, first, .. } in self.held() {
            if wants(part) {
                let value = state.rows(&name, rows.kind(), &whole, first, rows.size()[0])?;
                pairs.push((rows, value));
            }
        }
        let gram_ready = wants(Part::GramTeacher).then(|| state.get(GRAM_READY)).transpose()?;
        let gram_updates = wants(Part::GramUpdates).then(|| state.get(GRAM_UPDATES)).transpose()?;
        let nans = wants(Part::Nans).then(|| state.get(NANS)).transpose()?;
        let generator = if wants(Part::Generator) { self.generator_of(state)? } else { None };
        Ok(Box::new(move || {
            no_grad(|| pairs.iter_mut().for_each(|(mine, value)| mine.copy_(value)));
            self.arch.gram_teacher_initialized = gram_ready.unwrap_or(self.arch.gram_teacher_initialized);
            self.gram_updates = gram_updates.unwrap_or(self.gram_updates);
            self.nans = nans.unwrap_or(self.nans);
            if let Some(generator) = generator {
                runtime::set_rng_state(&generator).expect("a state that was tried");
            }
        }))
    }

    fn fit_config(&self, state: &State) -> Result<(), StateError> {
        let same_ranks = state.world() == self.group.size();
        let mut differing = differences(&state.get::<Leaves>(CONFIG)?, &leaves(&self.config), same_ranks);
        let (saved, here) = (state.get::<String>(ARITHMETIC)?, format!("{:?}", self.kind));
        if saved != here {
            differing.push(format!("the dtype that computes was {saved}, is {here}"));
        }
        if differing.is_empty() { Ok(()) } else { Err(StateError::Config { differences: differing }) }
    }

    /// Ranks of a state of another number of them had other rows: there the sum of all ranks' fingerprints decides.
    fn fit_frozen_teacher(&self, state: &State) -> Result<(), StateError> {
        let Some(here) = self.weights.fingerprint_of_frozen() else { return Ok(()) };
        let (saved, here) = match state.get_own::<Option<i64>>(FROZEN_TEACHER, self.group.size())? {
            Some(saved) => (saved, here),
            None => {
                let own = moved(&Tensor::from_slice(&[here]), self.device);
                let all = self.group.all_gather(&own).map_err(|error| StateError::Ranks(error.to_string()))?;
                let here = all.iter().fold(0i64, |sum, it| sum.wrapping_add(it.int64_value(&[0])));
                let saved = state.get_of_all::<Option<i64>>(FROZEN_TEACHER)?;
                (saved.into_iter().try_fold(0i64, |sum, it| Some(sum.wrapping_add(it?))), here)
            }
        };
        if saved == Some(here) { Ok(()) } else { Err(StateError::FrozenTeacher) }
    }

    /// The host's random stream of `state`, tried once so that taking it cannot fail.
    fn generator_of(&self, state: &State) -> Result<Option<Tensor>, StateError> {
        let Some(saved) = state.own_tensor(GENERATOR, Kind::Uint8, self.group.size())? else { return Ok(None) };
        let unusable = |reason: String| StateError::Value { key: GENERATOR.to_owned(), reason };
        if saved.size() != [GENERATOR_BYTES] {
            return Err(unusable(format!("it is {:?}, not [{GENERATOR_BYTES}]", saved.size())));
        }
        let now = runtime::rng_state();
        let tried = runtime::set_rng_state(&saved);
        runtime::set_rng_state(&now).expect("the stream's own state");
        tried.map(|()| Some(saved)).map_err(|error| unusable(error.to_string()))
    }

    /// Every tensor that lasts.
    fn held(&self) -> Vec<Held> {
        let (student, average) = (&self.weights.student, &self.weights.teacher);
        let mut held = Vec::new();
        for (i, (name, slot)) in student.names().iter().zip(self.optimizer.slots()).enumerate() {
            let rows = |part, kind: &str, rows| Held::rows_of(part, format!("{kind}.{name}"), student, i, rows);
            held.push(rows(Part::Student, "param", &student.rows()[i]));
            let of_average = format!("param.{}", of_teacher(name));
            held.push(Held::rows_of(Part::Average, of_average, average, i, &average.rows()[i]));
            held.push(rows(Part::FirstMoment, "exp_avg", &slot.exp_avg));
            held.push(rows(Part::SecondMoment, "exp_avg_sq", &slot.exp_avg_sq));
            held.push(Held::same(Part::Steps, format!("step.{name}"), &slot.steps.view([1])));
        }
        if let Some(gram) = &self.weights.gram_teacher {
            let names = gram.names().iter().enumerate();
            held.extend(
                names.map(|(i, name)| {
                    Held::rows_of(Part::GramTeacher, format!("param.{name}"), gram, i, &gram.rows()[i])
                }),
            );
        }
        let arch = &self.arch;
        held.extend(buffers("", &arch.student).chain(buffers("", &arch.teacher)));
        // Its names are the average's.
        held.extend(arch.distilled.iter().flat_map(|network| buffers("frozen.", network)));
        held.extend(arch.gram_teacher.iter().flat_map(|backbone| buffers("", backbone)));
        held
    }
}

fn buffers(prefix: &str, network: &impl Module) -> impl Iterator<Item = Held> {
    let all = network.state_dict().into_iter().filter(|(_, role, _)| *role == Role::Buffer);
    all.map(move |(name, _, tensor)| Held::same(Part::Buffers, format!("buffer.{prefix}{name}"), &tensor))
}
