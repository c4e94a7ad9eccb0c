//! Fuzzing of everything that reads files from elsewhere: images, tables, YAML and overrides, golden sets.
//!
//! A round takes an input of the corpus, changes some bytes, and hands it to a reader. A panic, an abort, memory out of
//! proportion to the input, and more than some seconds are faults. An input whose outcome is new (another error, another
//! value) joins the corpus of the round, so that changes add up. It needs no other toolchain than the project's own; an
//! instrumented fuzzer finds more in the same time, and its finds belong into the same corpora.
//!
//! The corpora stand beside the readers: `model/config/corpus`, `model/data/corpus`, `model/weights/corpus`, and the
//! committed golden sets. A new
//! reader is a row of [`targets::TARGETS`].

pub mod memory;
pub mod mutate;
pub mod round;
pub mod targets;
mod weights;
