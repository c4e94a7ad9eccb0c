//! The results of a run, and everything that renders them.
//!
//! Data flows one way. A suite emits [`Event`]s; each [`Reporter`] consumes them and knows of no other: [`terminal`]
//! shows them to a person as they come, [`Collector`] gathers them into a [`RunReport`]. A finished report is rendered by
//! [`markdown`], [`json`], [`junit`] and [`csv`] (plots by [`svg`]), and [`mod@write`] puts it on disk atomically.
//!
//! Invariants: this crate never touches a tensor and knows neither libtorch nor golden sets; it never judges a number,
//! it shows verdicts that suites have reached; the one thing that it decides is the [`Gate`], and every renderer asks
//! [`RunReport::gate`] for it. A number that is not finite survives every format.

mod check;
mod collector;
pub mod csv;
mod event;
pub mod exit;
mod gate;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod number;
mod print;
mod report;
mod section;
pub mod svg;
pub mod terminal;
pub mod write;

#[cfg(test)]
mod fixture;

pub use check::{Check, Finding, Quantity, Verdict};
pub use collector::Collector;
pub use event::{Event, Reporter};
pub use gate::{Counts, Gate};
pub use print::{ignore_broken_pipe, print};
pub use report::{Environment, RunReport, SCHEMA_VERSION, SuiteResult, Tool};
pub use section::{Align, Column, Plot, Section, Series, Table};
pub use terminal::Terminal;
pub use write::{Format, render, write_report};
