//! What becomes of freed memory.

/// Lets the process keep what it frees, up to 64 MiB an arena, where glibc would hand large blocks back to the kernel
/// at each free, to be zeroed page by page at the next allocation. Crops and decoded images are such blocks: it is a
/// sixth of the time that they take. Elsewhere this does nothing.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const KEPT: libc::c_int = 64 << 20;
        // SAFETY: mallopt may be called at any time; a refusal, which it tells by 0, leaves everything as it was.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, KEPT);
            libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
        }
    }
}
