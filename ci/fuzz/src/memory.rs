//! An allocator that counts: how much a reader holds at most.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The system's allocator, counted.
pub struct Counted;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);
/// The number of bytes beyond which an allocation fails, as if memory had run out.
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

/// A process holds no more than this: what would take all memory ends the process instead.
const PROCESS: usize = 4 << 30;

fn take(bytes: usize) -> bool {
    let held = HELD.fetch_add(bytes, Relaxed) + bytes;
    MOST.fetch_max(held, Relaxed);
    let fits = held <= LIMIT.load(Relaxed);
    if !fits {
        HELD.fetch_sub(bytes, Relaxed);
    }
    fits
}

// SAFETY: the system's allocator does the work; counting does not touch what it returns.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !take(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// The most that `work` holds beyond what is held already, in bytes.
pub fn most_held<R>(work: impl FnOnce() -> R) -> (R, usize) {
    LIMIT.store(PROCESS, Relaxed);
    let before = HELD.load(Relaxed);
    MOST.store(before, Relaxed);
    let result = work();
    (result, MOST.load(Relaxed).saturating_sub(before))
}
