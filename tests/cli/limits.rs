//! Input that asks for more than there is: refused in a sentence with the limit and the remedy, at once.

use super::program;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Runs `words` in `folder`; demands this exit code, one line on stderr with `sentence`, and an end well before a real
/// run's.
fn refused(folder: &Path, words: &[&str], code: i32, sentence: &str) {
    let begun = Instant::now();
    let output = program(folder).args(words).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{words:?}: {stderr}");
    assert!(stderr.contains(sentence), "{words:?}: {stderr}");
    assert!(stderr.lines().count() == 1 && stderr.len() < 2000, "{words:?}: {stderr}");
    // Not a speed: what is refused late has done the work first, which would take hours.
    assert!(begun.elapsed() < Duration::from_secs(60), "{words:?}");
}

fn scenario(parts: &str, steps: &str) -> String {
    format!("schema = 1\nname = \"m\"\n{parts}\n[actor.a]\nload = {{ clients = 1 }}\nsteps = [{steps}]\n")
}

#[test]
fn options_beyond_reason() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    refused(here, &["verify", "--histories", "18446744073709551615"], 2, "expected at most 100000000");
    refused(here, &["verify", "--operations", "18446744073709551615"], 2, "expected at most 10000000000");
    refused(here, &["verify", "--patience", "18446744073709551615"], 2, "expected at most 86400");
    let lists = ["compare", "--threads", "1..=256", "--cores", "1..=256", "--queue", "mutex,lockfree"];
    refused(here, &lists, 2, "the lists make 131072 treatments: expected at most 4096");
}

#[test]
fn memory_that_no_machine_has() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    let cache = "[cache.big]\ncapacity = 100_000_000\nvalue = \"1GiB\"\nkeys = { count = 10 }";
    let asks = "{ name = \"c\", cache = \"big\", hit = \"1us\", miss = { compute = \"1us\" } }";
    fs::write(here.join("cache.toml"), scenario(cache, asks)).unwrap();
    refused(here, &["run", "cache.toml", "--no-save"], 1, "cache `big` takes");
    let touch = scenario("", "{ name = \"t\", touch = \"64GiB\" }").replace("steps", "threads = 64\nsteps");
    fs::write(here.join("touch.toml"), touch).unwrap();
    refused(
        here,
        &["run", "touch.toml", "--no-save"],
        1,
        "touch of actor `a` on 64 threads takes 4096.0 GiB",
    );
}

#[cfg(target_os = "linux")]
#[test]
fn input_without_end() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    refused(here, &["report", "/dev/zero"], 1, "larger than 512 MiB");
    refused(here, &["audit", "/dev/zero"], 1, "a device, a pipe or a socket");
    refused(here, &["claims", "/dev/zero"], 1, "larger than 256 MiB");
    refused(here, &["run", "/dev/zero"], 1, "larger than 256 MiB");
    refused(here, &["campaign", "--config", "/dev/zero"], 1, "larger than 256 MiB");
    refused(here, &["campaign", "--roadmap", "/dev/zero"], 1, "larger than 256 MiB");
    refused(here, &["compare", "--baseline", "/dev/zero"], 1, "larger than 512 MiB");
    let samples = scenario("", "{ name = \"x\", compute = { samples = \"/dev/zero\" } }");
    fs::write(here.join("samples.toml"), samples).unwrap();
    refused(here, &["run", "samples.toml"], 2, "larger than 256 MiB");
}

#[test]
fn a_ring_of_two_thousand_actors_is_named_at_once() {
    let folder = TempDir::new().unwrap();
    let mut text = "schema = 1\nname = \"ring\"\n".to_owned();
    for actor in 0..2000 {
        let load = if actor == 0 { "focus = true\nload = { clients = 1 }\n" } else { "" };
        let next = (actor + 1) % 2000;
        text.push_str(&format!("[actor.a{actor}]\n{load}steps = [{{ name = \"s\", call = \"a{next}\" }}]\n"));
    }
    fs::write(folder.path().join("ring.toml"), text).unwrap();
    let begun = Instant::now();
    let output = program(folder.path()).args(["run", "ring.toml"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("a0 → a1 → a2") && stderr.contains("→ … →"), "{stderr}");
    // It took 72 s when it cost the third power of their number; a hang is told from a busy machine, no more.
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn a_file_that_is_no_samples_is_quoted_briefly() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("secret"), format!("1\n{}\n", "password".repeat(1000))).unwrap();
    let text = scenario("", "{ name = \"x\", compute = { samples = \"secret\" } }");
    fs::write(folder.path().join("m.toml"), text).unwrap();
    refused(folder.path(), &["run", "m.toml"], 2, "line 2: `passwordpasswordpass…` is not a number");
}
