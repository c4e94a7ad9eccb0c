//! The ranks of a replay: what each trains, and with whom.

use std::sync::Arc;

use dinov3_config::SslConfig;
use dinov3_golden::GoldenSet;
use dinov3_golden::manifest::{Student, Training};
use dinov3_ranks::Collective::NewGroup;
use dinov3_ranks::{Alone, Failure, Group, GroupError, threads, threads_in_turn};
use dinov3_train::shard::Sharding;

use super::replay::with_teacher;
use crate::judging::replay::Replay;
use crate::{Ranks, SuiteError};

/// A rank.
pub(super) struct Seat {
    /// Of its student, with the distillation's teacher and what is planted.
    pub(super) config: SslConfig,
    /// Its ranks.
    pub(super) sharding: Sharding,
}

/// Every rank that recorded `set`, as threads of this process; or the one of `ranks` that this process is.
///
/// # Errors
/// When a student's config cannot be honoured, or the ranks do not come together.
pub(super) fn of(
    set: &GoldenSet,
    training: &Training,
    replay: &Replay,
    ranks: Option<&Ranks>,
    planned: &SslConfig,
) -> Result<Vec<Seat>, SuiteError> {
    let world_size = set.manifest().recipe.world_size as usize;
    if training.students.is_empty() {
        let in_threads = || groups(world_size, draws(planned));
        let groups = ranks.map_or_else(in_threads, |it| vec![Arc::new(it.trains.clone())]);
        let over = |group| Seat { config: planned.clone(), sharding: Sharding::over(replay.group(group)) };
        return Ok(groups.into_iter().map(over).collect());
    }
    let configs = training.students.iter().map(|student| config_of(set, training, replay, student));
    let configs = configs.collect::<Result<Vec<_>, _>>()?;
    let seat = |student: usize, group: Arc<dyn Group>, all: &Arc<dyn Group>| Seat {
        config: configs[student].clone(),
        sharding: Sharding::of_student(replay.group(group), Arc::clone(all)),
    };
    if let Some(ranks) = ranks {
        let (student, group) = own_group(ranks, &training.students)?;
        let all: Arc<dyn Group> = Arc::new(ranks.trains.clone());
        return Ok(vec![seat(student, group, &all)]);
    }
    let own = training.students.iter().enumerate();
    let own = own.flat_map(|(i, student)| groups(student.size() as usize, false).into_iter().map(move |it| (i, it)));
    Ok(groups(world_size, false).iter().zip(own).map(|(all, (student, group))| seat(student, group, all)).collect())
}

/// Each process makes the groups of all students.
fn own_group(ranks: &Ranks, students: &[Student]) -> Result<(usize, Arc<dyn Group>), SuiteError> {
    let mut own = None;
    for (i, student) in students.iter().enumerate() {
        let members: Vec<usize> = (student.ranks[0] as usize..student.ranks[1] as usize).collect();
        if let Some(group) = ranks.trains.new_group(&members)? {
            own = Some((i, Arc::new(group) as Arc<dyn Group>));
        }
    }
    let rank = ranks.trains.rank();
    let nobody = || Failure::Mismatch { message: "this rank is none of a student's".to_owned() };
    own.ok_or_else(|| GroupError { rank, collective: NewGroup, failure: nobody() }.into())
}

/// The config of a student, which the first one's is in the set as well.
fn config_of(
    set: &GoldenSet,
    training: &Training,
    replay: &Replay,
    student: &Student,
) -> Result<SslConfig, SuiteError> {
    let config = SslConfig::from_merged(&student.config);
    let mut config = config.map_err(|source| SuiteError::Config { set: set.manifest().name.clone(), source })?;
    replay.plant.iter().for_each(|plant| plant.config(&mut config));
    if draws(&config) {
        // Ranks of two groups would have to take turns over both.
        let reason = "ranks of several students cannot be replayed where a step draws from the random stream";
        return Err(SuiteError::Input {
            set: set.manifest().name.clone(),
            input: "recipe.training.students".to_owned(),
            reason: reason.to_owned(),
        });
    }
    with_teacher(set, training, config)
}

/// One group a rank; of ranks that draw within a step, each has a random stream of its own.
pub(super) fn groups(world_size: usize, draw: bool) -> Vec<Arc<dyn Group>> {
    match world_size {
        0 | 1 => vec![Arc::new(Alone)],
        _ if draw => threads_in_turn(world_size),
        _ => threads(world_size),
    }
}

/// Whether a step draws from torch's stream.
fn draws(config: &SslConfig) -> bool {
    let rope = &config.student.rope;
    let moved = [rope.shift_coords, rope.jitter_coords, rope.rescale_coords];
    config.student.drop_path_rate > 0.0 || moved.iter().any(Option::is_some)
}
