//! A promise of bits, for tests.
//!
//! A test that compares bits where the fingerprints match compares nothing on another machine, and passes. Where a machine promises to
//! give the recording's bits, such a test must fail: a fingerprint that is read wrongly would else turn all of them green.

/// The variable by which a machine promises to give the bits of the committed sets: 1 promises. `cargo ci test` sets it.
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
