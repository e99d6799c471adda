//! Passes `--cfg loom` and `--cfg shuttle` on to rustdoc, which does not read RUSTFLAGS, and tells the program what built it.

use std::{env, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC");
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
    let said = |program: &str, words: &[&str]| {
        let output =
            Command::new(program).args(words).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    // Where git keeps it, in a worktree too: a file that is missing would make every build start anew.
    if let Some(head) = said("git", &["rev-parse", "--git-path", "HEAD"]) {
        println!("cargo::rerun-if-changed={head}");
    }
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    println!("cargo::rustc-env=CONLAB_COMPILER={}", said(&rustc, &["-V"]).unwrap_or_default());
    println!(
        "cargo::rustc-env=CONLAB_COMMIT={}",
        said("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_default()
    );
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default().replace('\u{1f}', " ");
    println!("cargo::rustc-env=CONLAB_FLAGS={} {flags}", env::var("PROFILE").unwrap_or_default());
}
