//! What the compiler does not hold the code to: which module may know which, what stays behind doors, how long a
//! file may be, and that every embedded scenario says what it is for.

use conlab::scenario::{DEFAULT, EMBEDDED, Overrides, Scenario};
use std::fs;
use std::path::{Path, PathBuf};

/// Who may use whom, from the bottom up: a row names only rows above it, so arrows point one way. The tests inside a
/// module may use more.
const MAY_USE: &[(&str, &[&str])] = &[
    ("sync", &[]),
    ("units", &[]),
    ("printable", &[]),
    ("theory", &[]),
    ("random", &[]),
    ("clock", &["units"]),
    ("files", &[]),
    ("columns", &[]),
    ("queue", &["sync"]),
    ("lock", &["sync"]),
    ("cache", &["sync", "units", "random", "lock"]),
    ("store", &["units", "random"]),
    ("kernels", &["units", "random", "clock"]),
    ("workload", &["units", "random"]),
    ("future_events", &["units"]),
    ("machine", &["units", "random", "future_events"]),
    ("scenario", &["units", "files", "queue", "cache", "workload"]),
    ("model", &["units", "random", "workload", "scenario"]),
    ("measure", &["sync", "units", "clock", "files", "queue", "cache", "machine", "scenario"]),
    ("verify", &["sync", "queue"]),
    (
        "engine",
        &[
            "sync",
            "units",
            "theory",
            "random",
            "clock",
            "files",
            "queue",
            "lock",
            "cache",
            "store",
            "kernels",
            "workload",
            "future_events",
            "machine",
            "scenario",
            "model",
            "measure",
        ],
    ),
    (
        "calibrate",
        &[
            "sync", "units", "random", "clock", "files", "queue", "lock", "cache", "store", "scenario",
            "measure", "engine",
        ],
    ),
    ("explain", &["units", "theory", "random", "queue", "cache", "workload", "scenario", "measure"]),
    (
        "study",
        &[
            "units", "theory", "random", "clock", "files", "queue", "cache", "kernels", "workload",
            "scenario", "measure", "engine", "explain",
        ],
    ),
    ("history", &["random", "files", "columns", "scenario", "measure", "study"]),
    (
        "sweep",
        &[
            "units", "random", "clock", "files", "columns", "queue", "cache", "scenario", "measure",
            "engine", "study",
        ],
    ),
    ("audit", &["units", "theory", "random", "files", "scenario", "measure", "study"]),
    ("import", &["units", "random", "files", "scenario", "measure"]),
    ("observe", &["units", "clock", "measure"]),
    (
        "report",
        &[
            "units",
            "theory",
            "printable",
            "files",
            "scenario",
            "measure",
            "verify",
            "study",
            "explain",
            "history",
            "audit",
            "observe",
        ],
    ),
    (
        "campaign",
        &[
            "units", "theory", "random", "clock", "files", "queue", "cache", "kernels", "workload",
            "scenario", "measure", "engine", "explain", "study", "audit", "report",
        ],
    ),
];

/// Texts that stay behind doors: the text, where it is looked for, and where alone it may stand.
const DOORS: &[(&str, &[&str], &[&str])] = &[
    // What loom cannot see it cannot check.
    ("std::sync::atomic", &["queue", "lock", "cache"], &[]),
    ("cell::UnsafeCell", &[""], &["sync.rs", "sync/"]),
    ("loom::", &[""], &["sync.rs", "sync/"]),
    // Time has one source; `verify`, which lies below it, says how long it took.
    ("Instant::now", &[""], &["clock.rs", "verify/mod.rs"]),
    ("SystemTime::now", &[""], &["clock.rs"]),
    // Threads belong to whoever runs experiments, tries queues or draws on a terminal.
    (
        "thread::spawn",
        &[""],
        &["engine", "calibrate", "study", "queue/contract.rs", "measure/false_sharing.rs", "verify", "cli"],
    ),
    ("thread::Builder", &[""], &["engine", "calibrate", "study", "campaign/drift.rs", "cli"]),
    // Whoever writes in place leaves half a file when it is killed; what the kernel shows as files takes each write whole.
    ("fs::write", &[""], &["files", "measure/process.rs", "engine/real/quota.rs"]),
    ("fs::rename", &[""], &["files"]),
    ("File::create", &[""], &["files"]),
    // Only the front says how the process ends.
    ("process::exit", &[""], &["cli"]),
];

/// Longest file.
const LONGEST: usize = 800;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` with this extension, and its path from there.
fn files(folder: &Path, extension: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|have| have == extension) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(folder).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// The `src` of this package and of every package under `crates`. Their modules share one table.
fn sources() -> Vec<PathBuf> {
    let mut sources = vec![root().join("src")];
    let crates = fs::read_dir(root().join("crates")).unwrap();
    sources.extend(crates.map(|entry| entry.unwrap().path().join("src")).filter(|path| path.is_dir()));
    assert!(sources.len() > 1, "the packages under crates/ were not found");
    sources
}

/// Every source file of every package, and its path from that package's `src`.
fn source_files() -> Vec<(PathBuf, String)> {
    sources().iter().flat_map(|folder| files(folder, "rs")).collect()
}

/// The lines of a source before its tests, numbered, without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().take_while(|(_, line)| !begins_tests(line.trim()));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(index, line)| (index + 1, line))
}

/// Whether a line says that tests follow.
fn begins_tests(line: &str) -> bool {
    line == "#[cfg(test)]" || line.starts_with("#[cfg(all(test,")
}

/// The module that a path under `src` belongs to.
fn module(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// Somebody new finds the room for a line by the map alone: it names every module and every package.
#[test]
fn the_map_names_every_module_and_package() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let named = |name: &str| map.contains(&format!("`{name}`")) || map.contains(&format!("`crates/{name}`"));
    for source in ["src", "crates/conlab-queue/src", "crates/conlab-sim/src"] {
        for entry in fs::read_dir(root().join(source)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            assert!(
                matches!(name.as_str(), "lib" | "main") || named(&name),
                "ARCHITECTURE.md does not name {source}/{name}"
            );
        }
    }
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(named(&name), "ARCHITECTURE.md does not name crates/{name}");
    }
}

/// Every use of another module in `text` that `MAY_USE` does not allow.
fn forbidden_uses(module: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let allowed = MAY_USE.iter().find(|row| row.0 == module).map(|row| row.1);
    for (number, line) in code(text) {
        for rest in line.split("crate::").skip(1) {
            if rest.starts_with('{') {
                wrong.push(format!("line {number}: one `use crate::…` per module"));
                continue;
            }
            let used: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if used == module || used.is_empty() {
                continue;
            }
            match allowed {
                None => wrong.push(format!("line {number}: module `{module}` has no row in MAY_USE")),
                Some(allowed) if allowed.contains(&used.as_str()) => {}
                Some(_) => wrong.push(format!("line {number}: `{module}` must not use `{used}`")),
            }
        }
    }
    wrong
}

#[test]
fn modules_use_only_what_lies_below_them() {
    for (path, text) in source_files() {
        let module = module(&path);
        if matches!(module.as_str(), "lib" | "main" | "cli" | "campaign") {
            continue;
        }
        let wrong = forbidden_uses(&module, &text);
        assert!(wrong.is_empty(), "src/{}: {wrong:#?}", path.display());
    }
}

#[test]
fn the_table_has_no_arrow_upwards() {
    for (index, (module, uses)) in MAY_USE.iter().enumerate() {
        for used in *uses {
            assert!(
                MAY_USE[..index].iter().any(|row| row.0 == *used),
                "`{module}` uses `{used}` from above it"
            );
        }
    }
}

#[test]
fn a_forbidden_use_is_found() {
    assert_eq!(forbidden_uses("queue", "use crate::sync::Arc;\n").len(), 0);
    assert_eq!(forbidden_uses("queue", "use crate::measure::RunRecord;\n").len(), 1);
    assert_eq!(forbidden_uses("queue", "fn f() { crate::engine::go() }\n").len(), 1);
    assert_eq!(forbidden_uses("queue", "// crate::measure\n#[cfg(test)]\nuse crate::measure::X;\n").len(), 0);
    assert_eq!(forbidden_uses("queue", "use crate::{sync, units};\n").len(), 1);
    assert_eq!(forbidden_uses("newcomer", "use crate::sync::Arc;\n").len(), 1);
}

/// Every text in `source` that stands on the wrong side of its door.
fn before_doors(path: &str, source: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (text, looked_for, allowed) in DOORS {
        let applies = looked_for.iter().any(|prefix| path.starts_with(prefix));
        if !applies || allowed.iter().any(|prefix| path.starts_with(prefix)) {
            continue;
        }
        let hits = code(source).filter(|(_, line)| line.contains(text));
        wrong.extend(hits.map(|(number, _)| format!("{path}:{number}: `{text}`")));
    }
    wrong
}

#[test]
fn texts_stay_behind_their_doors() {
    let mut wrong = Vec::new();
    for (path, text) in source_files() {
        wrong.extend(before_doors(path.to_str().unwrap(), &text));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_text_before_its_door_is_found() {
    assert_eq!(before_doors("queue/ring.rs", "use std::sync::atomic::AtomicU64;\n").len(), 1);
    assert_eq!(before_doors("engine/mod.rs", "use std::sync::atomic::AtomicU64;\n").len(), 0);
    assert_eq!(before_doors("clock.rs", "let now = Instant::now();\n").len(), 0);
    assert_eq!(before_doors("cli/run.rs", "let now = Instant::now();\n").len(), 1);
}

#[test]
fn no_file_is_too_long() {
    for folder in ["src", "crates", "tests", "loom_tests", "benches"] {
        for (path, text) in files(&root().join(folder), "rs") {
            let lines = text.lines().count();
            assert!(lines <= LONGEST, "{folder}/{}: {lines} lines, at most {LONGEST}", path.display());
        }
    }
}

#[test]
fn every_scenario_is_embedded_parses_and_says_what_it_is_for() {
    let mut on_disk: Vec<String> = Vec::new();
    for (path, text) in files(&root().join("experiments"), "toml") {
        // What claims are tried on is theirs: `ClaimFile` embeds and parses it. A pack's other files are `Pack`'s.
        const OF_PACK: [&str; 8] =
            ["pack", "tasks", "targets", "roadmap", "replay", "fit", "model", "claims"];
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let in_folder = path.components().count() > 1;
        if path.starts_with("claims") || path.starts_with("twins") || in_folder && OF_PACK.contains(&stem) {
            continue;
        }
        let named = text.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        let name = named.unwrap_or_else(|| panic!("experiments/{} has no name", path.display())).to_owned();
        for word in ["# Question:", "# Hypothesis:", "# Refuted if"] {
            assert!(text.contains(word), "experiments/{name}.toml has no line `{word}`");
        }
        on_disk.push(name);
    }
    let mut embedded: Vec<&str> = EMBEDDED.iter().map(|scenario| scenario.name).collect();
    embedded.sort_unstable();
    on_disk.sort_unstable();
    assert_eq!(on_disk, embedded, "experiments/ and the registry differ");
    assert!(embedded.contains(&DEFAULT));
    for name in embedded {
        let scenario = Scenario::load(name, &Overrides::default()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(scenario.name, name);
        assert!(scenario.question.ends_with('?'), "{name} asks no question");
    }
}

#[test]
fn the_scenarios_that_init_writes_parse_and_say_what_they_are_for() {
    let templates = files(&root().join("src/cli/templates"), "toml");
    assert!(templates.len() >= 7, "{} templates", templates.len());
    for (path, text) in templates {
        let name = path.display().to_string();
        let scenario = Scenario::parse(&text, &name).unwrap_or_else(|error| panic!("{error}"));
        for word in ["# Question:", "# Hypothesis:", "# Refuted if"] {
            assert!(text.contains(word), "{name} has no line `{word}`");
        }
        let doubts = conlab::explain::doubts(&scenario);
        assert!(doubts.is_empty(), "{name}: {doubts:?}");
    }
}

#[test]
fn the_documented_scenario_parses() {
    let text = fs::read_to_string(root().join("docs/scenarios.md")).unwrap();
    let example = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    Scenario::parse(example, "docs/scenarios.md").unwrap_or_else(|error| panic!("{error}"));
}
