//! What needs real threads, clocks or processes. Asserts identities, never speeds.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test that fails should say where")]
#![expect(clippy::print_stdout, reason = "figures are shown beside the verdict")]

/// As in the program: the memory profiler counts what this lets through.
#[global_allocator]
static ALLOCATOR: conlab::measure::allocations::CountingAllocator =
    conlab::measure::allocations::CountingAllocator;

#[path = "../support/author.rs"]
mod author;
mod caches;
mod deadlocks;
mod engine;
mod mechanisms;
mod observe;
mod profilers;
mod program;
mod random;
#[path = "../support/deadlocks.rs"]
mod shapes;
mod store_crash;
mod trace;
