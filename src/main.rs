//! The `conlab` program.

/// Counts allocations by step while the memory profiler is attached; otherwise one relaxed load an allocation.
#[cfg(not(loom))]
#[global_allocator]
static ALLOCATOR: conlab::measure::allocations::CountingAllocator =
    conlab::measure::allocations::CountingAllocator;

#[cfg(not(loom))]
fn main() -> std::process::ExitCode {
    conlab::cli::main()
}

#[cfg(loom)]
fn main() {}
