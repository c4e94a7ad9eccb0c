//! Configs as their users see them.

mod refusals;
mod yaml;
