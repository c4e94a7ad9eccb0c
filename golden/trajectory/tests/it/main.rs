//! Tests of the crate from outside.

mod events;
mod hostile;
mod real;
mod speed;
mod support;
mod timing;
mod verdicts;
