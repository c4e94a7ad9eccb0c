//! `dinov3-harness`: the command line.

fn main() {
    // This comes first, since the program begins again.
    #[cfg(unix)]
    if let Err(error) = dinov3_ranks::launch::waiting::start_anew() {
        eprintln!("warning: threads will spin while they wait: the program cannot be started anew: {error}");
    }
    // SAFETY: no other thread exists and libtorch has not been called, since the code before does neither.
    dinov3_torch::runtime::leave(unsafe { dinov3_harness::main() })
}
