//! A line for each check.

use dinov3_torch::plugin::PluginError;

use super::{FAILED, PASS, is_absent};

/// Prints lines, and counts those that are bad.
#[derive(Debug)]
pub(super) struct Lines {
    failed: usize,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { failed: 0 }
    }

    pub(super) fn pass(&mut self, check: &str, text: &str) {
        print("pass", check, text);
    }

    pub(super) fn fail(&mut self, check: &str, text: &str) {
        self.failed += 1;
        print("fail", check, text);
    }

    /// Reports a thing that the plugin says it does not offer.
    pub(super) fn absent(&mut self, check: &str, text: &str) {
        print("absent", check, text);
    }

    /// Reports an error: absent if the plugin says so, else failed.
    pub(super) fn error(&mut self, check: &str, error: &PluginError) {
        if is_absent(error) {
            self.absent(check, "the plugin does not offer it");
        } else {
            self.fail(check, &error.to_string());
        }
    }

    /// Reports a check whose pass has no figure.
    pub(super) fn check(&mut self, check: &str, result: Result<(), String>) {
        match result {
            Ok(()) => self.pass(check, ""),
            Err(why) => self.fail(check, &why),
        }
    }

    pub(super) fn code(&self) -> i32 {
        if self.failed == 0 { PASS } else { FAILED }
    }
}

fn print(verdict: &str, check: &str, text: &str) {
    println!("{}", format!("{verdict:<7} {check:<42} {text}").trim_end());
}
