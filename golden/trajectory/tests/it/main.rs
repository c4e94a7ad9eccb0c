//! Tests of the crate from outside.

mod hostile;
mod real;
mod support;
