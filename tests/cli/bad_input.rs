//! Every kind of bad input gets one clear sentence on stderr, the right exit code, and leaves nothing behind.

use super::{conlab, left_in, program};
use std::fs;
use tempfile::TempDir;

/// Runs `words`; demands this exit code, one line on stderr that contains `sentence`, nothing on stdout and nothing
/// written.
fn check(words: &[&str], code: i32, sentence: &str) {
    let (said, folder) = conlab(words);
    assert_eq!(said.code, code, "{words:?}: {said:?}");
    assert!(said.stderr.contains(sentence), "{words:?}: {}", said.stderr);
    assert_eq!(said.stderr.lines().count(), 1, "{words:?}: {}", said.stderr);
    assert!(said.stderr.starts_with("error: "), "{words:?}: {}", said.stderr);
    assert_eq!(said.stdout, "", "{words:?}");
    assert_eq!(left_in(folder.path()), [""; 0], "{words:?}");
}

#[test]
fn words_that_are_none() {
    check(&["rnu"], 2, "unknown command `rnu`; did you mean `run`?");
    check(&["run", "--thread", "4"], 2, "unknown option `--thread`; did you mean `--threads`?");
    check(&["show", "agent"], 2, "unknown scenario `agent`; did you mean `agents`?");
    check(&["man", "rum"], 2, "unknown command `rum`; did you mean `run`?");
    check(&["run", "agent"], 2, "unknown scenario `agent`; did you mean `agents`?");
}

/// What an engine does not do follows "cannot", so it begins with a verb.
#[test]
fn what_an_engine_does_not_do_is_said_in_english() {
    for (words, sentence) in [
        (&["run", "--profiler", "memory", "--queue", "async"][..], "error: cannot count allocations by step"),
        (
            &["run", "--cores", "60000", "--engine", "real"],
            "error: cannot run real threads on 60000 processors",
        ),
        (
            &["run", "--engine", "virtual", "--profiler", "memory"],
            "error: cannot profile memory in virtual time",
        ),
        (
            &["run", "--engine", "real", "--set", "host.quota=50%", "--set", "host.period=9s"],
            "error: cannot put real threads under a quota",
        ),
    ] {
        let (said, _folder) = conlab(words);
        assert_eq!(said.code, 1, "{words:?}: {said:?}");
        assert!(said.stderr.starts_with(sentence), "{words:?}: {}", said.stderr);
    }
}

#[test]
fn values_that_cannot_be() {
    for (words, sentence) in [
        (&["--threads", "0"][..], "--threads: `0` is too few: expected at least 1"),
        (&["--threads", "1000000"], "--threads: `1000000` is too many: expected at most 65536"),
        (&["--threads", "-4"], "--threads"),
        (&["--trace", "/no/such/folder/trace.json"], "there is no folder /no/such/folder"),
        (&["--threads", "4..=2"], "--threads: `4..=2` is an empty range"),
        (&["--threads", "1,2"], "--threads: 2 levels given, but `conlab run` runs one treatment"),
        (&["--queue", "nonsense"], "--queue: unknown queue `nonsense` (known: mutex, lockfree, async"),
        (&["--queue", "lockfre"], "--queue: unknown queue `lockfre`; did you mean `lockfree`?"),
        (&["--cache", "shared"], "did you mean `sharded`?"),
        (&["--load", "isolate"], "did you mean `isolated`?"),
        (&["--engine", "virtul"], "did you mean `virtual`?"),
        (&["--profiler", "samplin"], "did you mean `sampling`?"),
        (&["--cores", "0"], "--cores: `0` is too few"),
        (&["--tasks", "0"], "--tasks: `0` is too few"),
        (&["--duration", "0s"], "--duration: `0s` is no time at all"),
        (&["--duration=-5ms"], "--duration: `-5ms` is negative"),
        (&["--duration", "99999999999999999999s"], "--duration: `99999999999999999999s` is too long"),
        (&["--warmup", "-5ms"], "--warmup: `-5ms` is negative"),
        (&["--warmup", "5"], "--warmup: `5` has no unit"),
        (&["--replicates", "0"], "--replicates: `0` is too few"),
        (&["--seed", "x"], "--seed: `x` is not a whole number"),
        (&["--rate", "0/s"], "--rate: `0/s` is not above zero"),
        (&["--rate", "5/s", "--clients", "3"], "--rate"),
        (&["--clients", "0"], "--clients: `0` is too few"),
        (&["--console=nowhere"], "--console: `nowhere` is not an address"),
        (&["--set", "threads"], "--set: `threads` sets nothing: expected PATH=VALUE"),
        (&["--set", "actor.agents.capacity=0"], "actor.agents.capacity: 0 is out of range"),
        (&["--set", "lock.interpretr.interval=1ms"], "did you mean `interpreter`?"),
        (&["--set", "run.duration=-5ms"], "run.duration: `-5ms` is negative"),
    ] {
        let all: Vec<&str> = ["run"].iter().chain(words).copied().collect();
        check(&all, 2, sentence);
    }
}

#[test]
fn files_that_cannot_be_read() {
    check(&["run", "./missing.toml"], 1, "cannot read scenario ./missing.toml: No such file");
    check(&["run", "missing.toml"], 1, "cannot read scenario missing.toml: No such file");
    check(&["run", "/"], 1, "cannot read scenario /: Is a directory");
}

/// Runs a file of this text; demands exit code 2, this sentence with file and line, and nothing written.
fn check_file(text: &str, sentence: &str) {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("mine.toml"), text).unwrap();
    let output = program(folder.path()).args(["run", "mine.toml"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains(sentence), "{stderr}");
    assert_eq!(left_in(folder.path()), ["mine.toml"]);
}

#[test]
fn files_that_say_what_cannot_be() {
    let with = |field: &str, steps: &str| {
        format!(
            "schema = 1\nname = \"m\"\n[actor.a]\nload = {{ clients = 1 }}\n{field}\nsteps = [{steps}]\n[actor.b]\nsteps = [{{ name = \"y\", call = \"a\" }}]\n"
        )
    };
    let work = "{ name = \"x\", compute = \"1ms\" }";
    check_file("schema = 1\nname = \"m\n", "mine.toml:2: is not TOML");
    check_file(
        &with("focus = true\nthread = 2", work),
        "mine.toml:6: actor.a.thread: unknown key `thread`; did you mean `threads`?",
    );
    check_file(&with("focus = true\nthreads = 0", work), "mine.toml:6: actor.a.threads: 0 is out of range");
    check_file(&with("focus = true\ncapacity = 0", work), "mine.toml:6: actor.a.capacity: 0 is out of range");
    check_file(&with("focus = true", "{ name = \"x\", call = \"b\" }"), "a → b → a");
    check_file(&with("", work), "none is in focus");
}

#[test]
fn places_that_cannot_be_written() {
    for out in ["/proc/nowhere", "/dev/null/results"] {
        let (said, folder) = conlab(&["run", "--tasks", "1", "--warmup", "0s", "--out", out]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(
            said.stderr.lines().last().is_some_and(|line| line.starts_with("error: cannot ")),
            "{said:?}"
        );
        assert!(said.stderr.contains(out), "{said:?}");
        assert_eq!(said.stdout, "", "the run must not be made first");
        assert_eq!(left_in(folder.path()), [""; 0]);
    }
    check(&["init", "/proc/nowhere/mine.toml"], 1, "cannot write /proc/nowhere/mine.toml");
}

#[test]
fn init_never_overwrites() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("mine.toml"), "mine").unwrap();
    let output = program(folder.path()).args(["init", "mine.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fs::read_to_string(folder.path().join("mine.toml")).unwrap(), "mine");
}
