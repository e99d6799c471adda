//! The guide's commands, typed as a reader would: every `sh` block of a page runs, in order, in an empty folder.

use super::program;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The blocks between "```sh" and "```" of a page.
fn blocks(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        match (&mut open, line) {
            (None, "```sh") => open = Some(String::new()),
            (Some(_), "```") => found.extend(open.take()),
            (Some(block), line) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    found
}

fn pages() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide");
    let mut pages: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.retain(|path| path.extension().is_some_and(|end| end == "md"));
    pages.sort();
    pages
}

#[test]
fn every_command_of_the_guide_runs() {
    let mut run = 0;
    for page in pages() {
        let blocks = blocks(&fs::read_to_string(&page).unwrap());
        let folder = tempfile::tempdir().unwrap();
        for block in &blocks {
            // The program's own environment, in a shell that finds it by its name.
            let template = program(folder.path());
            let mut shell = Command::new("bash");
            shell.args(["-euo", "pipefail", "-c", block]).current_dir(folder.path());
            for (name, value) in template.get_envs() {
                match value {
                    Some(value) => shell.env(name, value),
                    None => shell.env_remove(name),
                };
            }
            let place = Path::new(env!("CARGO_BIN_EXE_conlab")).parent().unwrap().to_str().unwrap();
            shell.env("PATH", format!("{place}:{}", std::env::var("PATH").unwrap()));
            let output = shell.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {block}\n{said}", page.display());
            run += 1;
        }
    }
    assert!(run > 0, "the guide has no commands");
}
