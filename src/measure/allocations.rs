//! Allocations counted by thread: what the memory profiler reads at the ends of a step.
//!
//! The program installs [`CountingAllocator`]; a library user may do the same. Counting is off until a profiler asks
//! for it, and then costs a few additions in the allocating thread's own memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Profilers under way; counting is on while there is one.
static WATCHERS: AtomicU64 = AtomicU64::new(0);
/// Whether the allocator has ever been asked for anything: whether it is installed.
static INSTALLED: AtomicBool = AtomicBool::new(false);

/// What one thread allocated since it last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocated {
    /// Allocations and growths.
    pub count: u64,
    /// Bytes asked for.
    pub bytes: u64,
    /// Most bytes live at once of those allocated since, net of what was given back.
    pub peak: u64,
}

thread_local! {
    // Constants without destructors: the allocator may be asked at any point of a thread's life.
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
    static LIVE: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

/// The system's allocator, counting while somebody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

// SAFETY: every method hands its arguments to `System`, which keeps the contract, and returns what it returned.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        // SAFETY: the caller keeps the contract of `alloc` for `layout`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed` for `layout`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        shrank(layout.size());
        // SAFETY: `pointer` came from `System` by one of these methods, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        shrank(layout.size());
        grew(size);
        // SAFETY: `pointer` came from `System` by one of these methods, with this layout.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[inline]
fn grew(size: usize) {
    if WATCHERS.load(Ordering::Relaxed) == 0 {
        return;
    }
    // Cells without destructors are there for as long as the thread is; if not, nothing is counted.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
    let _ = BYTES.try_with(|bytes| bytes.set(bytes.get() + size as u64));
    let live = LIVE.try_with(|live| {
        live.set(live.get() + (size as u64).cast_signed());
        live.get()
    });
    if let Ok(live) = live {
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live)));
    }
    if !INSTALLED.load(Ordering::Relaxed) {
        INSTALLED.store(true, Ordering::Relaxed);
    }
}

#[inline]
fn shrank(size: usize) {
    if WATCHERS.load(Ordering::Relaxed) > 0 {
        let _ = LIVE.try_with(|live| live.set(live.get() - (size as u64).cast_signed()));
    }
}

/// Counting is on while this lives.
#[derive(Debug)]
pub struct Watching(());

/// Turns counting on; `None` when [`CountingAllocator`] is not the program's allocator.
#[must_use]
pub fn watch() -> Option<Watching> {
    WATCHERS.fetch_add(1, Ordering::Relaxed);
    let watching = Watching(());
    drop(std::hint::black_box(Box::new(1_u8)));
    INSTALLED.load(Ordering::Relaxed).then_some(watching)
}

impl Drop for Watching {
    fn drop(&mut self) {
        WATCHERS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What this thread allocated since it last asked, and starts anew.
pub fn take() -> Allocated {
    LIVE.set(0);
    Allocated {
        count: COUNT.replace(0),
        bytes: BYTES.replace(0),
        peak: PEAK.replace(0).max(0).cast_unsigned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The library's tests run on the system's allocator, so the counting itself is called directly.
    #[test]
    fn the_peak_is_of_what_is_live_at_once() {
        WATCHERS.fetch_add(1, Ordering::Relaxed);
        take();
        grew(100);
        shrank(100);
        grew(60);
        grew(30);
        shrank(60);
        let seen = take();
        WATCHERS.fetch_sub(1, Ordering::Relaxed);
        assert_eq!(seen, Allocated { count: 3, bytes: 190, peak: 100 });
        assert_eq!(take(), Allocated::default());
    }
}
