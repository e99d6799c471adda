//! The `conlab` program.

fn main() {}
