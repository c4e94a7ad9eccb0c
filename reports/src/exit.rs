//! The exit codes of the program: public API, listed here and nowhere else.

/// Every check passed (see [`crate::Gate`] for what passing takes).
pub const PASS: i32 = 0;
/// A check failed, or a vacuous one was not allowed, or nothing passed at all.
pub const CHECK_FAILED: i32 = 1;
/// Wrong usage or wrong input: an unknown option, a file that cannot be read, a report that cannot be written.
pub const USAGE: i32 = 2;
/// The environment is missing something: libtorch, a device, a golden set.
pub const ENVIRONMENT: i32 = 3;
/// Of a run on several ranks: another rank has ended or does not answer. Whoever started the ranks gives the code of the one to blame instead.
pub const PEER: i32 = 4;

#[cfg(test)]
mod tests {
    /// Scripts depend on these numbers: changing one is changing the public API.
    #[test]
    fn codes_are_the_documented_ones() {
        assert_eq!([super::PASS, super::CHECK_FAILED, super::USAGE, super::ENVIRONMENT, super::PEER], [0, 1, 2, 3, 4]);
    }
}
