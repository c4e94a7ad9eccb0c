//! The program as its users see it: what they type, and the exit code, standard output and standard error they get.

mod checkpoint;
mod compare;
mod config;
mod coverage;
mod data;
mod doctor;
mod errors;
mod golden;
mod help;
#[cfg(unix)]
mod npu;
mod performance;
#[cfg(unix)]
mod plugins;
mod ranks;
mod regression;
mod report;
mod run;
mod support;
mod train;
mod trajectory;
#[cfg(target_os = "linux")]
mod waiting;
