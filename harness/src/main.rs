//! `dinov3-harness`: the command line, nothing else.

fn main() {
    // SAFETY: the first statement of the program: no other thread exists and libtorch has not been called.
    std::process::exit(unsafe { dinov3_harness::main() });
}
