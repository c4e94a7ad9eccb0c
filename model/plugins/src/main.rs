//! Checks a plugin against `dinov3_plugin.h`: see `model/plugins/README.md`.

use clap::Parser;
use dinov3_plugins::conformance::{self, Request};

fn main() {
    std::process::exit(conformance::run(&Request::parse()));
}
