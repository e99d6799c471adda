//! The `conlab` program.

#[cfg(not(loom))]
fn main() -> std::process::ExitCode {
    conlab::cli::main()
}

#[cfg(loom)]
fn main() {}
