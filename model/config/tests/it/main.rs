//! Configs as their users see them.

mod published;
mod reads;
mod refusals;
mod yaml;
