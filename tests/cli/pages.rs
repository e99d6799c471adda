//! Pages from outside: the answer first, what is hidden on demand, records by name, scenarios checked and drawn.

use super::{conlab, program};
use std::fs;
use tempfile::TempDir;

/// A quick run in `folder`.
fn run(folder: &TempDir, words: &[&str]) -> super::Said {
    program(folder.path()).env("COLUMNS", "80").args(words).output().unwrap().into()
}

#[test]
fn a_run_answers_first_and_shows_the_rest_on_demand() {
    let folder = TempDir::new().unwrap();
    let said = run(&folder, &["run", "--engine", "virtual", "--tasks", "300", "--no-save"]);
    assert_eq!(said.code, 0, "{said:?}");
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert!(lines.len() <= 26, "{} lines:\n{}", lines.len(), said.stdout);
    let place = |text: &str| {
        let found = lines.iter().position(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("no `{text}` in\n{}", said.stdout))
    };
    assert!(place("of the p99 of `agents`") < place("Next: conlab "), "{}", said.stdout);
    assert!(place("Next: conlab ") < place("Where the time goes"), "{}", said.stdout);
    assert!(!said.stdout.contains("event digest"), "the manifest is a detail");
    for line in &lines {
        assert!(line.chars().count() <= 80 || line.starts_with("Next: "), "wider than 80 columns: {line}");
    }
    let words = ["run", "--engine", "virtual", "--tasks", "300", "--no-save", "--details=manifest"];
    assert!(run(&folder, &words).stdout.contains("event digest"));
}

#[test]
fn a_command_refuses_what_it_cannot_honour_before_it_runs() {
    for words in [
        &["explain", "--trace", "t.json"][..],
        &["compare", "--watch"],
        &["whatif", "--profiler", "sampling"],
        &["validate", "--console"],
    ] {
        let (said, folder) = conlab(words);
        assert_eq!(said.code, 2, "{words:?}: {said:?}");
        assert!(said.stderr.contains("cannot honour it; `conlab run` can"), "{words:?}: {}", said.stderr);
        assert!(super::left_in(folder.path()).is_empty(), "{words:?}");
    }
}

#[test]
fn a_record_opens_by_a_part_of_its_name_or_as_the_latest() {
    let folder = TempDir::new().unwrap();
    assert_eq!(run(&folder, &["run", "--engine", "virtual", "--tasks", "300"]).code, 0);
    let name = fs::read_dir(folder.path().join("results")).unwrap().next().unwrap().unwrap().file_name();
    let name = name.to_string_lossy().into_owned();
    let part = name.rsplit('-').next().unwrap();
    for word in ["latest", part] {
        let said = run(&folder, &["report", word]);
        assert_eq!(said.code, 0, "{word}: {said:?}");
        assert!(said.stdout.contains("run agents"), "{word}: {}", said.stdout);
    }
    let said = run(&folder, &["report", "nothing-like-it"]);
    assert_eq!(said.code, 2, "{said:?}");
    let said = run(&folder, &["report", "latest", "--html", "page.html"]);
    assert_eq!(said.code, 0, "{said:?}");
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(page.contains("<svg xmlns") && page.contains("id=\"scenario\""), "the scenario is drawn");
}

#[test]
fn a_scenario_is_checked_before_it_runs() {
    let (said, _) = conlab(&["check"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("nothing to doubt"), "{}", said.stdout);
    let (said, _) = conlab(&["check", "--rate", "90000/s"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("queue-cannot-drain"), "{}", said.stdout);
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("bad.toml"), "schema = 1\nname = \"\\u001b[2J\"\nsed = 3\n").unwrap();
    let said = run(&folder, &["check", "bad.toml"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(!said.stderr.contains('\x1b'), "a terminal obeys nothing that a file says: {said:?}");
}

#[test]
fn every_template_starts_a_scenario_that_can_be_checked_and_drawn() {
    for template in
        ["plain", "web-pool", "event-loop", "gil-program", "pipeline", "cache", "database-pool", "agents"]
    {
        let folder = TempDir::new().unwrap();
        let said = run(&folder, &["init", "mine.toml", "--from", template]);
        assert_eq!(said.code, 0, "{template}: {said:?}");
        assert_eq!(run(&folder, &["check", "mine.toml"]).code, 0, "{template}");
        let text = fs::read_to_string(folder.path().join("mine.toml")).unwrap();
        assert_eq!(run(&folder, &["show", "mine.toml"]).stdout.trim_end(), text.trim_end(), "{template}");
        let said = run(&folder, &["show", "mine.toml", "--svg", "-"]);
        assert!(said.stdout.starts_with("<svg ") && said.stdout.contains("</svg>"), "{template}: {said:?}");
    }
    let (said, _) = conlab(&["init", "-", "--from", "web-pol"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("did you mean `web-pool`?"), "{}", said.stderr);
}

#[test]
fn shells_complete_values() {
    for shell in ["bash", "zsh", "fish"] {
        let (said, _) = conlab(&["completions", shell]);
        for value in ["lockfree", "sharded", "isolated", "virtual", "sampling", "gil-program"] {
            assert!(said.stdout.contains(value), "{shell}: no {value}");
        }
    }
}
