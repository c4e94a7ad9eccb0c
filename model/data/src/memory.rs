//! The treatment of freed memory.

/// Makes the process keep freed memory, up to 64 MiB per arena. By default glibc returns large blocks to the kernel at
/// each free, and the kernel zeroes them page by page at the next allocation. Crops and decoded images are such blocks,
/// and the default costs a sixth of their time. On systems without glibc the function does nothing.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const KEPT: libc::c_int = 64 << 20;
        // SAFETY: mallopt may be called at any time; if it refuses (result 0), nothing changes.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, KEPT);
            libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
        }
    }
}
