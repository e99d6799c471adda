//! Wake-ups with a spread: no result hangs on a microsecond of a constant, and one seed has one result.

use super::simulated::arm;
use conlab::engine::VirtualEngine;
use conlab::measure::record::RunRecord;
use conlab::scenario::LoadArm;

fn run(text: &str, seed: u64) -> RunRecord {
    arm(&VirtualEngine::new(), text, LoadArm::Baseline, seed)
}

/// A thread that leaves the interpreter lock for 15 µs and comes back for 30, beside one that computes.
fn edge(wake: &str) -> f64 {
    let text = format!(
        "schema = 1\nname = \"edge\"\n[run]\ntasks = 1000\nduration = \"20s\"\nwarmup = \"0s\"\n[host]\ncores = 4\nwake = \"{wake}\"\n\
         [lock.g]\nkind = \"gil\"\n\
         [actor.loop]\nfocus = true\nload = {{ clients = 1 }}\nunder = \"g\"\n\
         steps = [{{ name = \"syscall\", compute = \"15us\", under = \"\" }}, {{ name = \"python\", compute = \"30us\" }}]\n\
         [actor.bg]\nload = {{ clients = 1 }}\nunder = \"g\"\nsteps = [{{ name = \"crunch\", compute = \"100ms\" }}]\n"
    );
    run(&text, 1).actors["loop"].throughput_per_s
}

#[test]
fn a_race_for_the_interpreter_lock_has_no_cliff_in_the_wake_up() {
    let wakes = ["10us", "14us", "16us", "17us", "18us", "20us", "25us", "40us"];
    let rates: Vec<f64> = wakes.iter().map(|wake| edge(wake)).collect();
    for pair in rates.windows(2) {
        assert!(pair[0] < 3.0 * pair[1] && pair[1] < 3.0 * pair[0], "{rates:?}");
    }
}

/// Two clients that hold a mutex over their I/O.
fn writers(spread: bool) -> RunRecord {
    let text = format!(
        "schema = 1\nname = \"writers\"\n[run]\ntasks = 1000\nwarmup = \"0s\"\n[host]\ncores = 4\nspread = {spread}\n[lock.log]\n\
         [actor.writer]\nfocus = true\nthreads = 2\nload = {{ clients = 2 }}\nsteps = [{{ name = \"commit\", lock = \"log\", io = \"4ms\" }}]\n"
    );
    run(&text, 1)
}

#[test]
fn two_writers_both_progress_and_would_not_with_one_constant() {
    let shares = |record: &RunRecord| {
        let mut tasks: Vec<u64> = record.threads.iter().map(|thread| thread.tasks).collect();
        tasks.sort_unstable();
        tasks
    };
    let (spread, exact) = (shares(&writers(true)), shares(&writers(false)));
    assert!(spread[0] > 100, "{spread:?}");
    assert!(exact[0] <= 1, "{exact:?}");
}
