//! The variable with which a machine promises the bits of the committed sets, for tests.
//!
//! A test that compares bits only if the fingerprints match compares nothing on another machine, and passes. On a
//! machine that promises the recording's bits, such a test must fail; otherwise a wrongly read fingerprint would turn
//! all of these tests green.

/// The variable's name. The value 1 promises the bits of the committed sets. `cargo ci test` sets it.
pub const VARIABLE: &str = "DINOV3_PROMISE_BITS";

/// Whether this machine promises bits. No verdict of a suite depends on it.
pub fn bits_are_promised() -> bool {
    promised(std::env::var(VARIABLE).ok().as_deref())
}

fn promised(value: Option<&str>) -> bool {
    match value {
        None | Some("" | "0") => false,
        Some("1") => true,
        Some(other) => panic!("{VARIABLE} is {other:?}; known are 0 and 1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_1_promises() {
        assert_eq!([None, Some(""), Some("0"), Some("1")].map(promised), [false, false, false, true]);
    }

    #[test]
    #[should_panic = "known are 0 and 1"]
    fn another_word_is_no_promise() {
        promised(Some("yes"));
    }
}
