//! Programs whose time is known beforehand, observed from outside.

use conlab::measure::observed::{BlockedBy, ObservedRecord};
use conlab::observe::observe;
use conlab::units::Nanos;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

const EVERY: Nanos = Nanos::from_millis(2);

/// Looks at a process for this many looks.
fn looks(pid: u32, count: usize) -> ObservedRecord {
    let mut left = count;
    observe(pid, EVERY, &mut || {
        left -= 1;
        left > 0
    })
    .unwrap()
    .observed
}

fn started(words: &[&str]) -> Child {
    Command::new(words[0]).args(&words[1..]).stdout(Stdio::null()).spawn().unwrap()
}

fn ended(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn every_nanosecond_of_a_thread_has_one_place() {
    let child = started(&["bash", "-c", "while :; do :; done"]);
    let seen = looks(child.id(), 60);
    ended(child);
    let total = seen.total();
    assert_eq!(total.wall_ns, total.on_cpu_ns + total.run_queue_ns + total.blocked(), "{total:?}");
    // It never sleeps, so it is on a processor or waits for one.
    assert!(total.blocked() < total.on_cpu_ns + total.run_queue_ns, "{total:?}");
}

#[test]
fn a_sleeper_is_blocked_by_sleep() {
    let child = started(&["sleep", "60"]);
    let seen = looks(child.id(), 40);
    ended(child);
    let total = seen.total();
    let asleep = total.blocked_ns.get(&BlockedBy::Sleep).copied().unwrap_or(0);
    assert!(2 * asleep > total.wall_ns, "{total:?}");
}

/// Two threads that wait for one lock, which is held all the while: its address is named, and its waits are the longest.
#[test]
fn a_planted_lock_is_named_by_its_address() {
    let lock = Arc::new(Mutex::new(()));
    let held = lock.lock().unwrap();
    let waiters: Vec<_> = (0..2)
        .map(|_| {
            let lock = Arc::clone(&lock);
            thread::spawn(move || drop(lock.lock()))
        })
        .collect();
    let watcher = {
        thread::spawn(move || {
            let mut left = 60;
            let seen = observe(std::process::id(), EVERY, &mut || {
                left -= 1;
                left > 0
            });
            seen.unwrap().observed
        })
    };
    let seen = watcher.join().unwrap();
    drop(held);
    for waiter in waiters {
        waiter.join().unwrap();
    }
    let from = std::ptr::from_ref(&*lock).addr() as u64;
    let range = from..from + size_of::<Mutex<()>>() as u64;
    let planted = seen.futexes.iter().find(|futex| {
        u64::from_str_radix(futex.address.trim_start_matches("0x"), 16)
            .is_ok_and(|address| range.contains(&address))
    });
    if !seen.sees_calls {
        return; // A system that hides system calls, as some containers do; then the page says so.
    }
    assert!(planted.is_some_and(|futex| futex.threads == 2), "{:?} not in {range:?}", seen.futexes);
}

#[test]
fn a_process_that_is_not_there_is_a_sentence() {
    let error = observe(u32::MAX, EVERY, &mut || false).unwrap_err().to_string();
    assert!(error.contains("it must run"), "{error}");
}
