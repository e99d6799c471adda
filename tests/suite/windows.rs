//! What the length of the measured window may not change: every task issued in it counts, however long it takes.

#[path = "../support/any_windows.rs"]
mod any_windows;

use super::simulated::ideal;
use conlab::measure::RunRecord;
use conlab::measure::record::ActorRecord;

fn focus(record: &RunRecord) -> &ActorRecord {
    &record.actors[&record.treatment.focus]
}

/// Clients that each have a thread, and tasks that only wait: 100 ms on average, with a long tail (C² = 9).
fn waiting(window: &str) -> String {
    format!(
        r#"
schema = 1
name = "waiting"
run = {{ duration = "{window}", warmup = "0s" }}
[host]
cores = 2
[actor.a]
focus = true
threads = 100
capacity = 1000
load = {{ clients = 100 }}
steps = [ {{ name = "wait", io = "100ms", spread = {{ hyperexponential = 9.0 }} }} ]
"#
    )
}

/// One thread of 1 ms under this load.
fn busy(load: &str, capacity: usize, window: &str) -> String {
    format!(
        r#"
schema = 1
name = "busy"
run = {{ duration = "{window}", warmup = "1s" }}
[host]
cores = 1
[actor.a]
focus = true
threads = 1
capacity = {capacity}
load = {load}
steps = [ {{ name = "work", compute = "1ms" }} ]
"#
    )
}

/// Balanced means: a share of 5.3 % of the tasks is of 949 ms on average, so the p99 is 1576 ms.
#[test]
fn short_windows_do_not_favour_short_tasks() {
    for (window, seconds) in [("1s", 1.0_f64), ("4s", 4.0), ("20s", 20.0), ("100s", 100.0)] {
        let record = ideal(&waiting(window), 18);
        let actor = focus(&record);
        let n = actor.sojourn_ns.count as f64;
        let (mean, p99) = (actor.sojourn_ns.mean / 1e6, actor.sojourn_ns.p99 as f64 / 1e6);
        // Standard errors: the mean's from the standard deviation of 300 ms, the p99's from the density there.
        let (of_mean, of_p99) = (300.0 / n.sqrt(), 9_440.0 / n.sqrt());
        assert!((mean - 100.0).abs() < 3.0 * of_mean, "{window}: mean {mean:.1} of {n} tasks");
        assert!((p99 - 1576.0).abs() < 3.0 * of_p99, "{window}: p99 {p99:.0} of {n} tasks");
        assert!(n > 900.0 * seconds, "{window}: {n} tasks");
        assert_eq!((actor.in_flight, actor.sojourn_ns.censored), (0, None), "{window}");
        let drain = record.window.drain.unwrap();
        assert!(drain.length_ns > 0 && drain.length_ns < drain.bound_ns, "{drain:?}");
    }
}

/// The rule of conlab 0.1 on the same tasks: it would report a mean below 70 ms here.
#[test]
fn what_ends_in_a_short_window_is_a_biased_sample() {
    let record = ideal(&waiting("1s"), 18);
    let ended = focus(&record).completed_in_window.unwrap() as f64;
    let share = ended / focus(&record).issued as f64;
    assert!(share < 0.95, "{share} of the tasks that are issued in the window end in it");
}

#[test]
fn throughput_is_what_is_completed_in_the_window() {
    for (load, capacity) in
        [("{ rate = \"5000/s\" }", 1_000_000), ("{ rate = \"5000/s\" }", 64), ("{ clients = 200 }", 1000)]
    {
        let record = ideal(&busy(load, capacity, "2s"), 18);
        let actor = focus(&record);
        assert!((actor.throughput_per_s - 1000.0).abs() < 1.0, "{load}: {}", actor.throughput_per_s);
        assert_eq!(actor.issued, actor.completed + actor.refused + actor.in_flight, "{load}");
        assert_eq!(actor.sojourn_ns.count, actor.completed + actor.in_flight, "{load}");
    }
}

/// 200 clients at one thread: each waits for the 199 others, and none is left out for it.
#[test]
fn a_saturated_thread_keeps_its_clients_waiting_for_each_other() {
    let record = ideal(&busy("{ clients = 200 }", 1000, "1s"), 18);
    let actor = focus(&record);
    assert_eq!((actor.issued, actor.completed), (1000, 1000));
    assert!((actor.sojourn_ns.mean / 1e6 - 200.0).abs() < 1.0, "{}", actor.sojourn_ns.mean);
    assert!((record.little.tasks_in_system - 200.0).abs() < 1e-9, "{}", record.little.tasks_in_system);
}

/// A task that waits for a lock which is never given back is censored: it counts, and what it took is a lower bound.
#[test]
fn what_never_ends_is_counted_as_unfinished() {
    let text = r#"
schema = 1
name = "stuck"
run = { duration = "1s", warmup = "0s" }
[host]
cores = 4
[lock]
l = {}
[actor.a]
focus = true
threads = 2
load = { clients = 2 }
steps = [ { name = "work", compute = "1ms" } ]
[actor.hog]
threads = 1
load = { clients = 1 }
steps = [ { name = "hold", io = "1h", lock = "l" } ]
[actor.victim]
threads = 1
load = { clients = 1 }
steps = [ { name = "want", compute = "1ms", lock = "l" } ]
"#;
    let record = ideal(text, 18);
    let victim = &record.actors["victim"];
    assert_eq!((victim.issued, victim.completed, victim.in_flight), (1, 0, 1));
    let censored = victim.sojourn_ns.censored.unwrap();
    assert_eq!(censored.count, 1);
    assert!(victim.sojourn_ns.is_lower_bound(victim.sojourn_ns.p99));
    assert!(victim.sojourn_ns.mean >= 1e9, "at least the window: {}", victim.sojourn_ns.mean);
    assert!((victim.breakdown_mean_ns.lock / victim.sojourn_ns.mean - 1.0).abs() < 0.001, "{victim:?}");
    let lock = &record.locks["l"];
    assert_eq!((lock.open_waits, lock.wait_ns.count), (1, 2), "{lock:?}");
    assert!(lock.wait_ns.max > 990_000_000 && lock.hold_ns.max > 990_000_000, "{lock:?}");
    // The others are not touched by it.
    let a = &record.actors["a"];
    assert_eq!((a.in_flight, a.sojourn_ns.censored), (0, None));
}

/// `cargo slow windows` does the same up to 100 s.
#[test]
fn random_scenarios_say_the_same_under_windows_of_any_length() {
    any_windows::agree(&[(1, 16), (4, 8), (20, 5)], 18);
}
