//! `dinov3-harness`: the command line, nothing else.

fn main() {
    // Before anything else, since the program begins again.
    #[cfg(unix)]
    if let Err(error) = dinov3_ranks::launch::waiting::start_anew() {
        eprintln!("warning: threads will spin while they wait: the program cannot be started anew: {error}");
    }
    // SAFETY: no other thread exists and libtorch has not been called: what comes before does neither.
    std::process::exit(unsafe { dinov3_harness::main() });
}
