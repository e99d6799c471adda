//! Passes `--cfg loom` and `--cfg shuttle` on to rustdoc, which does not read RUSTFLAGS, and breaks a rule when asked to.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_CFG_LOOM").is_some() {
        println!("cargo::rustc-cfg=loom");
    }
    if env::var_os("CARGO_CFG_SHUTTLE").is_some() {
        println!("cargo::rustc-cfg=shuttle");
    }
    // Breaks one rule of a mechanism, in this package alone, so that its dependencies are not built again.
    println!("cargo::rerun-if-env-changed=CONLAB_WEAKEN");
    if let Ok(rule) = env::var("CONLAB_WEAKEN") {
        println!("cargo::rustc-cfg=conlab_weaken=\"{rule}\"");
    }
}
