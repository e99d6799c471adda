//! What people expect of a command line: help, manual, completions, colour, alphabets, closed pipes.

use super::{conlab, left_in, program};
use std::io::Read;
use std::process::Stdio;
use tempfile::TempDir;

/// Every subcommand, as the help lists them.
fn commands() -> Vec<String> {
    let (said, _) = conlab(&["--help"]);
    // Groups of commands stand between the usage and the options.
    let listed = said.stdout.lines().skip_while(|line| !line.starts_with("Usage:")).skip(1);
    listed
        .take_while(|line| *line != "Options:")
        .filter(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .filter(|name| name != "help")
        .collect()
}

#[test]
fn help_and_version_succeed_and_nothing_at_all_is_answered_with_help() {
    let (said, _) = conlab(&["--version"]);
    assert_eq!((said.code, said.stdout.trim()), (0, concat!("conlab ", env!("CARGO_PKG_VERSION"))));
    let (said, _) = conlab(&[]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""));
    assert!(said.stderr.contains("Usage: conlab"));
    let commands = commands();
    assert!(commands.iter().any(|name| name == "list"), "{commands:?}");
    for command in commands {
        let (said, _) = conlab(&[&command, "--help"]);
        assert_eq!(said.code, 0, "{command}");
        assert!(said.stdout.contains("Usage: conlab"), "{command}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let (said, _) = conlab(&["man"]);
    assert_eq!(said.code, 0);
    assert!(said.stdout.contains(".TH conlab 1"));
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("man1");
    let output = program(folder.path()).args(["man", "--dir"]).arg(&dir).output().unwrap();
    assert!(output.status.success());
    let pages = left_in(&dir);
    for command in commands() {
        let (said, _) = conlab(&["man", &command]);
        assert_eq!(said.code, 0, "{command}");
        assert!(pages.contains(&format!("conlab-{command}.1")), "{command}: {pages:?}");
    }
}

#[test]
fn every_shell_gets_completions() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (said, _) = conlab(&["completions", shell]);
        assert_eq!(said.code, 0, "{shell}");
        assert!(said.stdout.contains("completions"), "{shell}");
    }
}

#[test]
fn list_names_what_show_prints() {
    let (said, _) = conlab(&["list", "--names", "scenarios"]);
    assert!(said.stdout.lines().any(|name| name == "agents"));
    for name in said.stdout.lines() {
        let (said, _) = conlab(&["show", name]);
        assert_eq!(said.code, 0, "{name}");
        assert!(said.stdout.contains(&format!("name = \"{name}\"")), "{name}");
    }
}

#[test]
fn colour_only_where_it_is_wanted() {
    let list = |words: &[&str], variables: &[(&str, &str)]| {
        let folder = TempDir::new().unwrap();
        let output = program(folder.path()).arg("list").args(words).envs(variables.iter().copied()).output();
        String::from_utf8_lossy(&output.unwrap().stdout).into_owned()
    };
    let colored = |text: String| text.contains('\x1b');
    assert!(!colored(list(&[], &[])), "stdout is no terminal");
    assert!(colored(list(&["--color", "always"], &[])));
    assert!(colored(list(&[], &[("CLICOLOR_FORCE", "1")])));
    assert!(!colored(list(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")])));
    assert!(!colored(list(&["--color", "never"], &[("CLICOLOR_FORCE", "1")])));
    assert!(colored(list(&[], &[("CONLAB_COLOR", "always")])));
}

#[test]
fn a_locale_without_utf8_gets_ascii() {
    let folder = TempDir::new().unwrap();
    std::fs::write(
        folder.path().join("cycle.toml"),
        "schema = 1\nname = \"c\"\n[actor.a]\nload = { clients = 1 }\nsteps = [{ name = \"x\", call = \"a\" }]\n",
    )
    .unwrap();
    let stderr = |locale: &str| {
        let output = program(folder.path()).args(["run", "cycle.toml"]).env("LC_ALL", locale).output();
        String::from_utf8_lossy(&output.unwrap().stderr).into_owned()
    };
    assert!(stderr("C").contains("a -> a"), "{}", stderr("C"));
    assert!(stderr("C").is_ascii());
    assert!(stderr("C.UTF-8").contains("a → a"));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = TempDir::new().unwrap();
    let mut child = program(folder.path())
        .args(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn init_writes_a_scenario_that_parses() {
    let folder = TempDir::new().unwrap();
    let output = program(folder.path()).args(["init", "mine.toml"]).output().unwrap();
    assert!(output.status.success());
    let (printed, _) = conlab(&["init", "-"]);
    let written = std::fs::read_to_string(folder.path().join("mine.toml")).unwrap();
    assert_eq!(written, printed.stdout);
    conlab::scenario::Scenario::parse(&written, "mine.toml").unwrap();
}

#[test]
fn the_readme_names_only_commands_that_exist() {
    let readme = include_str!("../../README.md");
    let table = readme.split("<!-- commands -->").nth(1).unwrap().split("<!-- /commands -->").next().unwrap();
    let cookbook =
        readme.split("<!-- cookbook -->").nth(1).unwrap().split("<!-- /cookbook -->").next().unwrap();
    let known = commands();
    let mut named = 0;
    for rest in [table, cookbook].iter().flat_map(|text| text.split("conlab ").skip(1)) {
        let word: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
        assert!(known.contains(&word), "README names `conlab {word}`; there are {known:?}");
        named += 1;
    }
    assert!(named >= 5, "the README names commands");
}
