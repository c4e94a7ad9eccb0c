//! Logs of training runs, golden trajectories, and the statistics that tell one run from another.
//!
//! * [`read`](fn@read) reads a log in any format as a [`Run`].
//! * [`Spread`] is how far correct runs are from each other.
//! * [`Trajectory`] is a recorded run of the reference, with its columns.
//! * [`judge`](fn@judge) tells whether a run is one more of them, [`judge_pair`] whether two logs are of one recipe, and
//!   [`judge_two`] what two numbers allow. A [`Verdict`] is data: no sentence stands in it.
//! * [`timing`] is the speed of a run: the published scripts' figure, the honest one, and doubts about both.
//! * [`limits`] is the table of all numbers that decide.

pub mod finding;
pub mod judge;
pub mod limits;
pub mod meters;
pub mod plot;
pub mod read;
pub mod run;
pub mod spread;
pub mod timing;
pub mod trajectory;

mod grid;
mod pairing;
mod spikes;
mod stats;

pub use finding::{
    Basis, CheckKind, Common, Detail, Figure, Finding, Iterations, Need, Outcome, Parting, Power, RankFactor, Status,
    Unit, Unseen, Verdict, Window,
};
pub use judge::{Options, judge, judge_pair, judge_two};
pub use plot::{Plot, Point};
pub use read::{ReadError, read, read_bytes};
pub use run::{Facts, Format, Note, Resolution, Run, Series, Start};
pub use spread::{Spread, SpreadError, SpreadKind};
pub use trajectory::{Manifest, Recording, RunEntry, State, Trajectory, TrajectoryError};

#[cfg(test)]
mod testing;
