//! Checks a plugin against `dinov3_plugin.h`: see `model/plugins/README.md`.

use clap::Parser;
use dinov3_plugins::conformance::{self, Request};

fn main() {
    dinov3_torch::runtime::leave(conformance::run(&Request::parse()));
}
