//! Kills a writing process at random moments and looks for writes that it had acknowledged.
//!
//! A killed process is not a power failure: what it had handed to the system survives. What the test shows is that an
//! acknowledgement never comes before the commit, and that a commit cut short leaves the file whole. That a
//! commit reaches the disk is the engine's `fsync`.

use conlab::random::{Source, Stream};
use conlab::store::{Store, StorePlan, make_value};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

const DIRECTORY: &str = "CONLAB_TEST_STORE_DIRECTORY";
const MANNER: &str = "CONLAB_TEST_STORE_MANNER";
const ROUND: &str = "CONLAB_TEST_STORE_ROUND";

const KEYS: u64 = 64;
const VALUE_BYTES: usize = 300;
const WRITERS: u64 = 2;
/// More versions than a round can write.
const VERSIONS_OF_A_ROUND: u64 = 1_000_000;

/// How the writing process acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// As it should: after a durable write.
    Sound,
    /// Wrong: before the write.
    TooEarly,
    /// Wrong: after a write that is not durable.
    NotDurable,
}

/// The process that is killed: started again from this test binary, told what to do by its environment. Without
/// that it is not such a process and has nothing to test.
#[test]
fn the_writing_process() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let round: u64 = std::env::var(ROUND).unwrap().parse().unwrap();
    let manner = match std::env::var(MANNER).unwrap().as_str() {
        "Sound" => Manner::Sound,
        "TooEarly" => Manner::TooEarly,
        _ => Manner::NotDurable,
    };
    let store = Store::open(Path::new(&directory), manner != Manner::NotDurable).unwrap();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = &store;
            scope.spawn(move || write_for_ever(store, writer, round, manner));
        }
    });
}

/// Writes ever newer versions of the writer's own keys and tells each one that is done.
fn write_for_ever(store: &Store, writer: u64, round: u64, manner: Manner) {
    let mut stream = Stream::new(round, Source::Data, writer, 0);
    // The parent ends this process; the bound ends it when there is no parent any more.
    for version in round * VERSIONS_OF_A_ROUND + 1..(round + 1) * VERSIONS_OF_A_ROUND {
        let key = stream.below(KEYS / WRITERS) * WRITERS + writer;
        // One write to the pipe for each line, so that a line is whole or absent.
        let acknowledge =
            || std::io::stdout().lock().write_all(format!("\nack {key} {version}\n").as_bytes()).is_ok();
        if manner == Manner::TooEarly && !acknowledge() {
            return;
        }
        store.write(key, &value(key, version)).unwrap();
        if manner != Manner::TooEarly && !acknowledge() {
            return;
        }
    }
}

/// Starts the writing process, kills it after a random time, and returns the last version that it acknowledged of
/// each key, and how many acknowledgements there were.
fn write_and_kill(directory: &Path, round: u64, manner: Manner, life: Duration) -> (BTreeMap<u64, u64>, u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store_crash::the_writing_process", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(ROUND, round.to_string())
        .env(MANNER, format!("{manner:?}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut pipe = child.stdout.take().unwrap();
    let reader = thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).unwrap();
        text
    });
    thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    let text = reader.join().unwrap();
    let mut last = BTreeMap::new();
    let mut count = 0;
    for line in text.lines().filter_map(|line| line.strip_prefix("ack ")) {
        let (key, version) = line.split_once(' ').unwrap();
        last.insert(key.parse().unwrap(), version.parse().unwrap());
        count += 1;
    }
    (last, count)
}

/// Kills `rounds` writing processes, one after the other on the same store, and returns how many acknowledgements
/// there were and how many keys had lost one. A torn value is a failure at once.
fn count_lost(manner: Manner, rounds: u64) -> (u64, u64) {
    let seed = 18;
    let directory = tempfile::tempdir().unwrap();
    let plan = StorePlan { value_bytes: VALUE_BYTES, count: KEYS, durable: true };
    drop(Store::create(directory.path(), &plan).unwrap());
    let mut lives = Stream::new(seed, Source::History, 0, 0);
    let mut versions: BTreeMap<u64, u64> = (0..KEYS).map(|key| (key, 0)).collect();
    let (mut acknowledged, mut lost) = (0, 0);
    for round in 1..=rounds {
        let life = Duration::from_micros(20_000 + lives.below(60_000));
        let (last, count) = write_and_kill(directory.path(), round, manner, life);
        acknowledged += count;
        let store = Store::open(directory.path(), true).unwrap();
        for (key, version) in &mut versions {
            let found = version_of(*key, &store.read(*key).unwrap().unwrap());
            let least = last.get(key).copied().unwrap_or(*version);
            lost += u64::from(found < least);
            *version = found;
        }
    }
    (acknowledged, lost)
}

/// A value that tells its version.
fn value(key: u64, version: u64) -> Vec<u8> {
    let mut value = make_value(key, version, VALUE_BYTES);
    value[..8].copy_from_slice(&version.to_le_bytes());
    value
}

/// The version that `stored` tells; it must be that version in every byte.
fn version_of(key: u64, stored: &[u8]) -> u64 {
    if *stored == make_value(key, 0, VALUE_BYTES) {
        return 0; // as laid out, without a version in it
    }
    let version = u64::from_le_bytes(stored[..8].try_into().unwrap());
    assert!(*stored == value(key, version), "key {key} holds no version at all");
    version
}

#[test]
fn a_killed_writer_loses_no_acknowledged_write() {
    let (acknowledged, lost) = count_lost(Manner::Sound, 12);
    assert!(acknowledged > 0, "no writing process came to write");
    assert_eq!(lost, 0, "of {acknowledged} acknowledged writes");
}

/// The check above would see a loss: two wrong programs do lose.
#[test]
fn acknowledging_too_early_or_without_durability_is_found_out() {
    for manner in [Manner::TooEarly, Manner::NotDurable] {
        let (acknowledged, lost) = count_lost(manner, 12);
        assert!(lost > 0, "{manner:?} lost none of {acknowledged} acknowledged writes");
    }
}
