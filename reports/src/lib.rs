//! The results of a run, and everything that renders them.
//!
//! Data flows one way. A suite emits [`Event`]s; each [`Reporter`] consumes them and knows of no other: [`terminal`]
//! shows them to a person as they come, [`events`] writes them as lines of JSON, [`Collector`] gathers them into a [`RunReport`]. A finished
//! report is rendered by one of [`RENDERERS`], and [`mod@write`] puts it on disk atomically.
//!
//! Invariants: this crate never touches a tensor and knows neither libtorch nor golden sets; it never judges a number,
//! it shows verdicts that suites have reached; the one thing that it decides is the [`Gate`], and every renderer asks
//! [`RunReport::gate`] for it. A number that is not finite survives every format. A result holds no sentence: it holds [`Message`]s, which
//! become text in a language, and numbers, which are rounded, where they are rendered.

mod check;
mod collector;
pub mod csv;
pub mod doctor;
mod event;
pub mod events;
pub mod exit;
mod gate;
mod growth;
mod headline;
pub mod html;
pub mod json;
pub mod junit;
mod lang;
pub mod markdown;
pub mod message;
pub mod number;
mod print;
pub mod published;
mod render;
mod report;
pub mod sarif;
pub mod script_file;
mod section;
mod subject;
pub mod svg;
pub mod table;
pub mod tensor;
pub mod tensorboard;
pub mod terminal;
mod width;
pub mod write;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod schema;

pub use check::{Check, Figure, Finding, Golden, Verdict};
pub use collector::Collector;
pub use doctor::{DoctorLine, State};
pub use event::{Event, Reporter};
pub use gate::{Counts, Gate};
pub use lang::{Lang, UnknownLang};
pub use message::{Bilingual, Message};
pub use number::Float;
pub use print::{ignore_broken_pipe, print, print_bytes};
pub use render::{Format, Place, RENDERERS, RenderError, Rendered, Renderer, UnknownFormat, endings};
pub use report::{Environment, Judged, RUN, RunReport, SCHEMA_VERSION, SuiteResult, Tool};
pub use section::{Band, Plot, Section, Series};
pub use subject::{ChangedFile, Code, Pins, RanksOf, Subject};
pub use table::{Align, Cell, Column, Kind, Table, TextColumn, TextTable};
pub use tensor::Tensor;
pub use terminal::Terminal;
pub use write::{format_of, render, write_report};
