//! Dumps of msprobe, the tool that Ascend's engineers compare runs with: read, matched with a golden set by the names of modules,
//! judged, and shown in msprobe's own columns.
//!
//! A dump is a folder `step0/rank0` with `dump.json` and, of the task `tensor`, `dump_tensor_data/*.pt`. Of the task `statistics` it
//! has four figures of each tensor, and in its mode `md5` a CRC-32. How much a verdict may claim depends on that:
//!
//! | a dump of | tells |
//! | --- | --- |
//! | tensors | what a recorded candidate tells of these tensors |
//! | md5 | that bits are the same; of other bits, nothing |
//! | statistics | that four figures are within rounding; never that bits are the same |

mod beside;
mod dump;
mod error;
mod json;
mod judging;
mod matching;
mod names;
mod report;
mod table;

pub use beside::Beside;
pub use dump::{Dump, Dumped, Figures, Part, Task};
pub use error::DumpError;
pub use judging::{GoldenFigures, Judged, Row, Told, judge};
pub use matching::{Absent, Matched, match_all};
pub use names::{Direction, Place};
pub use report::report;
pub use table::csv;
