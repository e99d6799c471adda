//! The built program, from outside: what it prints, what it answers wrong input with, what it leaves behind.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test may fail")]
#![expect(clippy::print_stderr, reason = "a random test says its seed")]
#![expect(clippy::disallowed_methods, reason = "what is killed is killed after some time")]

mod answers;
mod bad_input;
mod conventions;
mod first_rounds;
mod guide;
mod hlog;
mod interrupts;
#[path = "../support/kills.rs"]
mod kills;
mod limits;
mod pages;
mod recordings;
mod records;
mod reference;
mod schedulers;
mod stored;
mod studies;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// How the program ended and what it said.
#[derive(Debug)]
struct Said {
    code: i32,
    stdout: String,
    stderr: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The program with an environment that says nothing, in `folder`.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conlab"));
    command.current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars() {
        if name.starts_with("CONLAB_")
            || ["NO_COLOR", "CLICOLOR_FORCE", "LANG", "LC_ALL", "LC_CTYPE"].contains(&name.as_str())
        {
            command.env_remove(name);
        }
    }
    // The same figures everywhere: this host's constants, and real runs beside the model, are asked for by the tests of them.
    command.env("CONLAB_CALIBRATION", "builtin").env("CONLAB_REAL_CHECK", "never");
    command
}

/// Runs the program with `words` in an empty folder of its own.
fn conlab(words: &[&str]) -> (Said, TempDir) {
    let folder = TempDir::new().unwrap();
    let said = program(folder.path()).args(words).output().unwrap().into();
    (said, folder)
}

/// Names of everything in `folder`, hidden files too.
fn left_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
